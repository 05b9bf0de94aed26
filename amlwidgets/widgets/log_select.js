// Selection over lines that are not in the page: kept as lines and columns, shown as the browser's own selection.

/** Length of a node's text; a mark for an unseen character counts as one. */
function lengthOf(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.length;
  if (node.classList?.contains("aml-odd")) return 1;
  let sum = 0;
  for (const child of node.childNodes) sum += lengthOf(child);
  return sum;
}

function columnOf(box, node, offset) {
  let column = 0;
  const walk = (at) => {
    if (at === node) {
      if (at.nodeType === Node.TEXT_NODE) column += offset;
      else for (const child of [...at.childNodes].slice(0, offset)) column += lengthOf(child);
      return true;
    }
    if (!at.contains(node)) {
      column += lengthOf(at);
      return false;
    }
    return [...at.childNodes].some(walk);
  };
  walk(box);
  return column;
}

function pointOf(box, column) {
  let rest = column;
  const walk = (at) => {
    if (at.nodeType === Node.TEXT_NODE) {
      if (rest <= at.length) return [at, rest];
      rest -= at.length;
      return null;
    }
    if (at.classList?.contains("aml-odd")) {
      if (rest <= 0) return [at.parentNode, [...at.parentNode.childNodes].indexOf(at)];
      rest -= 1;
      return null;
    }
    for (const child of at.childNodes) {
      const found = walk(child);
      if (found) return found;
    }
    return null;
  };
  return walk(box) ?? [box, box.childNodes.length];
}

const before = (a, b) => a.line < b.line || (a.line === b.line && a.column < b.column);

/** list: the rows; textOf(element) its text box; copy(from, to) resolves with the text. */
export function selection(list, { copy, say }) {
  const { scroll } = list;
  let anchor = null;
  let focus = null;
  let dragging = false;
  let pointer = null;
  let timer = 0;

  function at(x, y) {
    const box = scroll.getBoundingClientRect();
    const inX = Math.min(Math.max(x, box.left + 4), box.left + scroll.clientWidth - 4);
    const inY = Math.min(Math.max(y, box.top + 2), box.top + scroll.clientHeight - 2);
    const place = document.caretPositionFromPoint?.(inX, inY);
    const range = place ? null : document.caretRangeFromPoint?.(inX, inY);
    const node = place?.offsetNode ?? range?.startContainer;
    const row = (node?.nodeType === Node.TEXT_NODE ? node.parentElement : node)?.closest?.(".aml-line");
    if (!row?.dataset.line || !scroll.contains(row)) return null;
    const text = row.querySelector(".aml-t");
    const column = text.contains(node) ? columnOf(text, node, place?.offset ?? range.startOffset) : inX < text.getBoundingClientRect().left ? 0 : lengthOf(text);
    return { line: Number(row.dataset.line), column };
  }
  const ends = () => (anchor && focus ? (before(focus, anchor) ? [focus, anchor] : [anchor, focus]) : null);
  const isEmpty = () => !anchor || !focus || (anchor.line === focus.line && anchor.column === focus.column);

  /** Show the part of the selection that is in the page. */
  function show() {
    if (isEmpty()) return;
    const shown = [...list.drawn().values()].filter((e) => e.dataset.line).map((e) => [Number(e.dataset.line), e.querySelector(".aml-t")]);
    shown.sort((a, b) => a[0] - b[0]);
    const [from, to] = ends();
    const inside = shown.filter(([line]) => line >= from.line && line <= to.line);
    const native = getSelection();
    if (!inside.length) return native.removeAllRanges();
    const start = inside[0];
    const end = inside.at(-1);
    const a = pointOf(start[1], start[0] === from.line ? from.column : 0);
    const b = pointOf(end[1], end[0] === to.line ? to.column : lengthOf(end[1]));
    if (native.anchorNode !== a[0] || native.anchorOffset !== a[1] || native.focusNode !== b[0] || native.focusOffset !== b[1])
      native.setBaseAndExtent(a[0], a[1], b[0], b[1]);
  }
  function drag() {
    if (!dragging || !pointer) return;
    const box = scroll.getBoundingClientRect();
    const over = pointer.y < box.top ? pointer.y - box.top : pointer.y > box.bottom ? pointer.y - box.bottom : 0;
    if (over) list.by(Math.sign(over) * Math.min(Math.abs(over), 120));
    focus = at(pointer.x, pointer.y) ?? focus;
    show();
    if (over) timer = requestAnimationFrame(drag);
  }
  const onDown = (event) => {
    if (event.button !== 0 || event.target.closest("button, i")) return;
    const box = scroll.getBoundingClientRect();
    if (event.clientX > box.left + scroll.clientWidth || event.clientY > box.top + scroll.clientHeight) return;
    event.preventDefault();
    scroll.focus({ preventScroll: true });
    const place = at(event.clientX, event.clientY);
    if (!place) return;
    if (event.detail === 2) return word(place);
    if (!event.shiftKey || !anchor) anchor = place;
    focus = place;
    dragging = true;
    if (isEmpty()) getSelection().removeAllRanges();
    show();
  };
  function word(place) {
    const box = [...list.drawn().values()].find((e) => e.dataset.line === String(place.line))?.querySelector(".aml-t");
    const text = box?.textContent ?? "";
    const left = /[\w./:\\@-]*$/.exec(text.slice(0, place.column))[0].length;
    const right = /^[\w./:\\@-]*/.exec(text.slice(place.column))[0].length;
    anchor = { ...place, column: place.column - left };
    focus = { ...place, column: place.column + right };
    show();
  }
  const onMove = (event) => {
    pointer = { x: event.clientX, y: event.clientY };
    if (!dragging) return;
    cancelAnimationFrame(timer);
    timer = requestAnimationFrame(drag);
  };
  const onUp = () => (dragging = false);
  async function copyNow() {
    if (isEmpty()) return false;
    try {
      const answer = await copy(...ends());
      await navigator.clipboard.writeText(answer.text);
      const lines = answer.text.split("\n").length;
      say(answer.cut ? "The first 5 MB were copied; download the log for more" : lines === 1 ? "Copied" : `${lines.toLocaleString()} lines copied`);
    } catch (error) {
      say(error?.message ?? "Copying is not allowed here");
    }
    return true;
  }
  const onCopy = (event) => {
    if (isEmpty()) return;
    event.preventDefault();
    event.stopPropagation();
    copyNow();
  };
  scroll.addEventListener("mousedown", onDown);
  scroll.addEventListener("copy", onCopy);
  addEventListener("mousemove", onMove);
  addEventListener("mouseup", onUp);
  return {
    show,
    copyNow,
    isEmpty,
    all(lastLine) {
      anchor = { line: 0, column: 0 };
      focus = { line: lastLine, column: 1e6 };
      show();
    },
    clear() {
      anchor = focus = null;
    },
    close() {
      removeEventListener("mousemove", onMove);
      removeEventListener("mouseup", onUp);
    },
  };
}
