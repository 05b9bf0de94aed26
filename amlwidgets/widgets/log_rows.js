// Rows of any height, of which only those in sight are in the page. The place is kept as "row and pixels into it", so
// that no table of heights is needed; the scroll bar is brought into line with it when scrolling pauses.
import { h } from "./common.js";

const TALLEST = 8_000_000;
const OVER = 10;

/** make(row) returns an element with a property `stamp`; stamp(row) tells whether it has to be made anew. */
export function rowList({ make, stamp, onPlace }) {
  const sizer = h("div.aml-sizer");
  const layer = h("div.aml-layer");
  const scroll = h("div.aml-scroll", { tabIndex: 0, role: "log", "aria-label": "Log lines", "aria-live": "off" }, sizer);
  sizer.append(layer);
  let count = 0;
  let unit = 18;
  let wrap = false;
  let top = { row: 0, px: 0 };
  let last = 0;
  let frame = 0;
  let settle = 0;
  let drawn = new Map();
  const list = { scroll, layer, drawn: () => drawn, get top() { return top; } };

  const inSight = () => Math.max(1, scroll.clientHeight / unit);
  const heightOf = (row) => (wrap && drawn.get(row)?.offsetHeight) || unit;
  const tall = () => Math.min(count * unit, TALLEST);
  const exact = () => count * unit <= TALLEST;
  const room = () => Math.max(1, tall() - scroll.clientHeight);
  const rowsAbove = () => Math.max(0, count - inSight());
  const placeOf = () => (exact() ? top.row * unit + Math.min(top.px, unit) : ((top.row + top.px / unit) / Math.max(rowsAbove(), 1)) * room());

  function move(px) {
    let { row } = top;
    let rest = top.px + px;
    while (rest < 0 && row > 0) rest += heightOf(--row);
    while (row < count - 1 && rest >= heightOf(row)) rest -= heightOf(row++);
    top = { row, px: Math.max(0, rest) };
  }
  function jump(place) {
    const row = exact() ? place / unit : (place / room()) * rowsAbove();
    top = { row: Math.min(Math.floor(row), Math.max(count - 1, 0)), px: (row % 1) * unit };
  }
  function onScroll() {
    const now = scroll.scrollTop;
    const by = now - last;
    last = now;
    if (!by) return;
    if (now <= 0) top = { row: 0, px: 0 };
    else if (now >= tall() - scroll.clientHeight - 1) toLast();
    else if (Math.abs(by) < 3 * scroll.clientHeight && (wrap || !exact())) move(by);
    else jump(now);
    list.onScrolled?.();
    list.later();
    clearTimeout(settle);
    settle = setTimeout(bringIntoLine, 200);
  }
  function bringIntoLine() {
    if (wrap || !exact()) setPlace();
  }
  function setPlace() {
    const place = Math.round(Math.max(0, Math.min(placeOf(), tall() - scroll.clientHeight)));
    if (Math.abs(place - scroll.scrollTop) < 1) return;
    scroll.scrollTop = place;
    last = scroll.scrollTop;
    layout();
  }
  function toLast() {
    top = { row: Math.max(0, Math.ceil(count - inSight())), px: 0 };
    list.atEnd = true;
  }
  function layout() {
    // Hidden for a moment, as when the theme changes: what is drawn stays, and is drawn anew when it is seen again.
    if (!scroll.clientHeight) return;
    sizer.style.height = `${tall()}px`;
    const first = Math.max(0, top.row - OVER);
    const end = Math.min(count, top.row + Math.ceil(inSight()) + OVER);
    const keep = new Map();
    let before = null;
    for (let row = end - 1; row >= first; row--) {
      let element = drawn.get(row);
      if (!element || element.stamp !== stamp(row)) {
        const fresh = make(row);
        fresh.stamp = stamp(row);
        if (element) element.replaceWith(fresh);
        else layer.insertBefore(fresh, before);
        element = fresh;
      }
      keep.set(row, element);
      before = element;
    }
    for (const [row, element] of drawn) if (keep.get(row) !== element) element.remove();
    drawn = keep;
    place(end);
    onPlace?.();
  }
  function place(end) {
    const anchor = drawn.get(top.row);
    if (!anchor) return;
    if (list.atEnd && end === count) {
      // The last line stands at the lower edge, however tall the lines before it are.
      layer.style.top = `${Math.max(0, scroll.scrollTop + scroll.clientHeight - layer.offsetHeight)}px`;
      if (layer.offsetHeight < scroll.clientHeight) layer.style.top = "0px";
      list.atEnd = false;
      const edge = scroll.scrollTop - layer.offsetTop;
      for (const [row, element] of drawn) if (element.offsetTop <= edge && element.offsetTop + element.offsetHeight > edge) top = { row, px: edge - element.offsetTop };
      return;
    }
    layer.style.top = `${scroll.scrollTop - anchor.offsetTop - top.px}px`;
  }

  list.later = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      layout();
    });
  };
  list.draw = layout;
  list.setCount = (value) => {
    count = value;
    if (top.row >= count) top = { row: Math.max(0, count - 1), px: 0 };
  };
  list.setWrap = (on) => {
    wrap = on;
    layer.classList.toggle("aml-wrap", on);
    drawn.forEach((element) => element.remove());
    drawn = new Map();
    layout();
    setPlace();
  };
  list.toEnd = () => {
    sizer.style.height = `${tall()}px`;
    scroll.scrollTop = tall();
    last = scroll.scrollTop;
    toLast();
    layout();
  };
  list.isAtEnd = () => scroll.scrollTop >= tall() - scroll.clientHeight - unit;
  function isWhole(element) {
    const y = element.offsetTop + layer.offsetTop - scroll.scrollTop;
    return y >= 0 && y + element.offsetHeight <= scroll.clientHeight;
  }
  /** Whether a row that test(element) holds for is in sight as a whole. */
  list.sees = (test) => [...drawn.values()].some((element) => test(element) && isWhole(element));
  /** Bring a row into sight, a third down; where it is in sight already nothing moves, unless always. */
  list.reveal = (row, always = false) => {
    const element = drawn.get(row);
    if (!always && element && isWhole(element)) return layout();
    list.atEnd = false;
    sizer.style.height = `${tall()}px`;
    top = { row: Math.max(0, Math.min(row, count - 1)), px: 0 };
    layout();
    move(-scroll.clientHeight / 3);
    setPlace();
    layout();
  };
  list.by = (px) => scroll.scrollBy(0, px);
  list.measure = () => {
    const probe = h("div.aml-line", {}, "M");
    layer.append(probe);
    unit = probe.offsetHeight || unit;
    probe.remove();
  };
  scroll.addEventListener("scroll", onScroll, { passive: true });
  const observers = [new ResizeObserver(() => { list.measure(); list.onResize?.(); list.later(); }), new IntersectionObserver(() => { list.measure(); list.later(); })];
  for (const observer of observers) observer.observe(scroll);
  list.close = () => {
    for (const observer of observers) observer.disconnect();
    clearTimeout(settle);
    cancelAnimationFrame(frame);
  };
  return list;
}
