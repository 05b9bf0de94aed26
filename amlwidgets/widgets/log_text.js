// A line of a log as nodes. Whatever it holds is only text: escape sequences become colours or vanish, characters
// that nobody sees become marks.
import { h } from "./common.js";

const ESCAPE = /\x1b(?:\[([0-?]{0,64})[ -/]{0,8}([@-~])|\][^\x07\x1b\n]{0,2048}(?:\x07|\x1b\\)|[@-Z\\^_=>78])/g;
const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;
const MASKED = /\u2039masked: [^\u203a]{1,80}\u203a/g;
const NAMES = { "\u200b": "ZWSP", "\u200c": "ZWNJ", "\u200d": "ZWJ", "\u200e": "LRM", "\u200f": "RLM", "\u202a": "LRE", "\u202b": "RLE",
  "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI", "\ufeff": "BOM", "\u00ad": "SHY" };

/** Text without escape sequences; columns count in it. */
export const plain = (text) => (text.includes("\x1b") ? text.replace(ESCAPE, "") : text);

function colour(codes, now) {
  const next = { ...now };
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 0) for (const key of Object.keys(next)) delete next[key];
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.under = true;
    else if (code === 22) { delete next.bold; delete next.dim; }
    else if (code === 39) delete next.fg;
    else if (code === 49) delete next.bg;
    else if (code === 38 || code === 48) {
      const key = code === 38 ? "fg" : "bg";
      if (codes[i + 1] === 5) { next[key] = indexed(codes[i + 2]); i += 2; }
      else if (codes[i + 1] === 2) { next[key] = `rgb(${codes.slice(i + 2, i + 5).map((x) => Math.min(x || 0, 255)).join(" ")})`; i += 4; }
    } else if (code >= 30 && code <= 37) next.fg = code - 30;
    else if (code >= 90 && code <= 97) next.fg = code - 82;
    else if (code >= 40 && code <= 47) next.bg = code - 40;
    else if (code >= 100 && code <= 107) next.bg = code - 92;
  }
  return next;
}

function indexed(n) {
  if (!(n >= 0 && n < 256)) return undefined;
  if (n < 16) return n;
  if (n > 231) return `rgb(${Array(3).fill(8 + (n - 232) * 10).join(" ")})`;
  const part = (x) => (x ? 55 + 40 * x : 0);
  return `rgb(${part(Math.floor((n - 16) / 36))} ${part(Math.floor((n - 16) / 6) % 6)} ${part((n - 16) % 6)})`;
}

function styled(look) {
  const span = h("span");
  if (typeof look.fg === "number") span.classList.add(`aml-f${look.fg}`);
  else if (look.fg) span.style.color = look.fg;
  if (typeof look.bg === "number") span.classList.add(`aml-g${look.bg}`);
  else if (look.bg) span.style.backgroundColor = look.bg;
  for (const key of ["bold", "dim", "italic", "under"]) if (look[key]) span.classList.add(`aml-${key}`);
  return span;
}

/** Pieces of one look: [text, look or null]. */
function pieces(text) {
  if (!text.includes("\x1b")) return [[text, null]];
  const out = [];
  let look = {};
  let at = 0;
  for (const match of text.matchAll(ESCAPE)) {
    if (match.index > at) out.push([text.slice(at, match.index), Object.keys(look).length ? look : null]);
    at = match.index + match[0].length;
    if (match[2] === "m") look = colour((match[1] || "0").split(/[;:]/).map(Number), look);
  }
  if (at < text.length) out.push([text.slice(at), Object.keys(look).length ? look : null]);
  return out;
}

/** Add text to a parent; unseen characters become marks, which count as one character. */
function addText(parent, text) {
  while (text) {
    const at = text.search(ODD);
    if (at < 0) return parent.append(text);
    if (at) parent.append(text.slice(0, at));
    const code = text.charCodeAt(at);
    const name = NAMES[text[at]] ?? (code < 32 ? String.fromCharCode(0x2400 + code) : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`);
    parent.append(h("span.aml-odd", { "data-odd": name, title: `Character U+${code.toString(16).toUpperCase().padStart(4, "0")}`, role: "img", "aria-label": name }));
    text = text.slice(at + 1);
  }
}

/** Ranges of a line: hits of the search, masked secrets. hits: a function from text to [[start, end], …]. */
function ranges(text, hits) {
  const out = (hits?.(text) ?? []).map(([a, b]) => [a, b, "aml-found"]);
  if (text.includes("\u2039masked: ")) for (const m of text.matchAll(MASKED)) out.push([m.index, m.index + m[0].length, "aml-masked"]);
  return out.sort((a, b) => a[0] - b[0]);
}

/** Fill an element with a line. current: the start column of the hit that was jumped to, or -1. */
export function fillLine(element, text, hits, current = -1) {
  const marks = ranges(plain(text), hits);
  let column = 0;
  let next = 0;
  for (const [piece, look] of pieces(text)) {
    const parent = look ? element.appendChild(styled(look)) : element;
    let at = 0;
    while (at < piece.length) {
      while (next < marks.length && marks[next][1] <= column) next++;
      const mark = marks[next];
      const end = !mark ? piece.length : Math.min(piece.length, at + (column < mark[0] ? mark[0] : mark[1]) - column);
      const inside = mark && column >= mark[0];
      const target = inside ? parent.appendChild(h(`span.${mark[2]}`, { className: `${mark[2]}${mark[0] === current ? " aml-now" : ""}` })) : parent;
      addText(target, piece.slice(at, end));
      column += end - at;
      at = end;
    }
  }
  return element;
}

/** A function that finds a plain text in a line, as the kernel does. */
export function matcher(query, matchCase) {
  const pattern = new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), matchCase ? "g" : "gi");
  return (text) => {
    const out = [];
    for (const match of text.slice(0, 20000).matchAll(pattern)) {
      if (match[0]) out.push([match.index, match.index + match[0].length]);
      if (out.length > 200) break;
    }
    return out;
  };
}
