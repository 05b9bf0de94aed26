import { h } from "./common.js";

const ROW = 18;
const PAGE = 200;

/**
 * A log that asks for windows of lines. source: {window(start, count) -> {start, total, lines}, find(query) -> {hits}}.
 * Returns {element, reset(name, total, marks), push(message), reveal(line), close()}; lines are counted from 0.
 */
export function logView(source) {
  let name = "";
  let total = 0;
  let epoch = 0;
  let hits = [];
  let hit = -1;
  let marks = new Set();
  let saved = new Map();
  const lines = new Map();
  const asked = new Set();
  const title = h("b", {}, "Log");
  const count = h("span.aml-dim", { "aria-live": "off" });
  const search = h("input", { type: "search", placeholder: "find", "aria-label": "Find in the log" });
  const found = h("span.aml-dim", { "aria-live": "polite" });
  const follow = h("input", { type: "checkbox", checked: true });
  const sizer = h("div.aml-sizer");
  const scroll = h("div.aml-scroll", { tabIndex: 0, role: "log", "aria-label": "Log lines", "aria-live": "off" }, sizer);
  const strip = h("div.aml-strip", { "aria-hidden": "true" });
  const empty = h("div.aml-empty", {}, "Nothing was written yet.");
  const step = (by) => hits.length && go((hit + by + hits.length) % hits.length);
  const element = h("section.aml-log", { "aria-label": "Log" },
    h("div.aml-log-head", {}, title, count, search, found,
      h("button", { type: "button", "aria-label": "Previous hit", onclick: () => step(-1) }, "▲"),
      h("button", { type: "button", "aria-label": "Next hit", onclick: () => step(1) }, "▼"),
      h("label", {}, follow, " follow")),
    h("div.aml-log-body", {}, scroll, strip));

  function draw() {
    // Hidden for a moment, as when the theme changes: what is drawn stays, and is drawn anew when it is seen again.
    if (!scroll.clientHeight) return;
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - 10);
    const last = Math.min(total, Math.ceil((scroll.scrollTop + scroll.clientHeight) / ROW) + 10);
    const rows = [];
    for (let index = first; index < last; index++) {
      const text = lines.get(index);
      if (text === undefined) fetchPage(Math.floor(index / PAGE));
      const row = h("div.aml-line", { style: `top:${index * ROW}px` }, h("i", {}, String(index + 1)), text ?? saved.get(index) ?? "…");
      if (marks.has(index)) row.classList.add("aml-mark");
      if (hits[hit] === index) row.classList.add("aml-hit");
      rows.push(row);
    }
    sizer.replaceChildren(...rows);
    sizer.style.height = `${total * ROW}px`;
  }
  async function fetchPage(page) {
    if (asked.has(page)) return;
    asked.add(page);
    const mine = epoch;
    try {
      const answer = await source.window(page * PAGE, PAGE);
      if (mine !== epoch) return;
      answer.lines.forEach((text, offset) => lines.set(answer.start + offset, text));
      setTotal(answer.total);
      if (answer.lines.length < PAGE) asked.delete(page);
      draw();
    } catch {
      setTimeout(() => asked.delete(page), 2000);
    }
  }
  function setTotal(value) {
    if (value > total) total = value;
    count.textContent = total === 1 ? "1 line" : `${total.toLocaleString()} lines`;
    empty.remove();
    if (!total) scroll.append(empty);
    drawStrip();
  }
  function drawStrip() {
    strip.replaceChildren(...[...marks].map((index) =>
      h("b", { style: `top:${(100 * index) / Math.max(total, 1)}%`, onclick: () => reveal(index) })));
  }
  function toEnd() {
    scroll.scrollTop = scroll.scrollHeight;
  }
  function reveal(index) {
    follow.checked = false;
    sizer.style.height = `${total * ROW}px`;
    scroll.scrollTop = Math.max(0, index * ROW - scroll.clientHeight / 3);
    draw();
  }
  function go(index) {
    hit = index;
    found.textContent = hits.length ? `${hit + 1} of ${hits.length}` : search.value ? "none" : "";
    if (hits.length) reveal(hits[hit]);
    else draw();
  }
  async function find() {
    const query = search.value;
    if (!query) {
      hits = [];
      return go(-1);
    }
    try {
      const answer = await source.find(query);
      if (query !== search.value) return;
      hits = answer.hits;
      go(hits.length ? 0 : -1);
    } catch {
      found.textContent = "the kernel is busy";
    }
  }
  let frame = 0;
  const later = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      draw();
    });
  };
  scroll.addEventListener("scroll", later);
  scroll.addEventListener("wheel", (event) => event.deltaY < 0 && (follow.checked = false), { passive: true });
  follow.addEventListener("change", () => follow.checked && toEnd());
  search.addEventListener("input", find);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    event.stopPropagation();
  });
  scroll.addEventListener("keydown", (event) => {
    const actions = { "/": () => search.focus(), n: () => step(1), N: () => step(-1),
      g: () => { follow.checked = false; scroll.scrollTop = 0; }, G: toEnd };
    if (actions[event.key]) {
      actions[event.key]();
      event.preventDefault();
    }
    event.stopPropagation();
  });
  const observer = new ResizeObserver(later);
  observer.observe(scroll);
  const seen = new IntersectionObserver(later);
  seen.observe(scroll);

  return {
    element,
    reset(newName, newTotal, newMarks, keep, excerpt = []) {
      if (newName !== name || !keep || newTotal < total) {
        epoch++;
        lines.clear();
        asked.clear();
        hits = [];
        hit = -1;
        total = 0;
        found.textContent = "";
        search.value = "";
        follow.checked = true;
      }
      // All that there is where no kernel answers; with one, its lines take their place.
      saved = new Map(excerpt);
      name = newName;
      marks = new Set(newMarks);
      title.textContent = newName[0].toUpperCase() + newName.slice(1);
      setTotal(newTotal);
      draw();
      if (follow.checked) marks.size ? reveal(Math.min(...marks)) : toEnd();
    },
    push(message) {
      message.lines.forEach((text, offset) => lines.set(message.start + offset, text));
      if (message.total < total) total = 0;
      setTotal(message.total);
      draw();
      if (follow.checked) toEnd();
    },
    reveal,
    close() {
      observer.disconnect();
      seen.disconnect();
    },
  };
}
