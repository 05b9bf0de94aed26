import { h } from "./common.js";
import { logData } from "./log_data.js";
import { download } from "./log_download.js";
import { logFind } from "./log_find.js";
import { logMap } from "./log_map.js";
import { rowList } from "./log_rows.js";
import { selection } from "./log_select.js";
import { fillLine } from "./log_text.js";
import { logTools } from "./log_tools.js";

/**
 * The view of a log that stays in the kernel. ask(op, payload) resolves with the kernel's answer; open(finding) shows a
 * finding's card. Returns {element, show(what), take(message, buffers), reveal(line), close()}; lines count from 0.
 */
export function logView({ ask, open = () => {} }) {
  let findings = new Map();
  let opened = new Map();
  let sources = [];
  let stages = new Map();
  let version = 0;
  let epoch = 0;
  let placed = false;
  let savedTotal = 0;
  let early = false;
  let earlyWish = null;
  // Counts where the reader wanted to be: an answer that comes late moves nobody who has gone elsewhere.
  let wish = 0;
  const title = h("b", {}, "Log");
  const count = h("span.aml-dim.aml-lines");
  const said = h("span.aml-dim.aml-said", { role: "status" });
  const follow = h("input", { type: "checkbox", checked: true });
  const empty = h("div.aml-empty", {}, "Nothing was written yet.");
  const data = logData((op, payload) => ask(op, payload), () => changed());
  const list = rowList({ make: makeRow, stamp: (row) => stampOf(row), onPlace: placedRows });
  const { scroll } = list;
  const map = logMap({ go: (part) => { wish++; follow.checked = false; list.reveal(Math.floor(part * data.rows), true); }, open: (finding) => openFinding(finding) });
  const find = logFind({ ask: (op, payload) => ask(op, payload), here: () => data.row(list.top.row)?.line ?? 0, jump: showHit, changed: () => list.later() });
  const tools = logTools({ change: (settings) => ask("filter", settings).then(taken).catch(sayError), act: (name, value) => actions[name](value) });
  const marks = selection(list, { copy: (from, to) => ask("copy", { from: [from.line, from.column], to: [to.line, to.column] }), say });
  const link = (label, key, onclick) => h("button.aml-link", { type: "button", title: `${label} (${key})`, hidden: true, onclick }, label);
  const firstError = link("Next error", "e", () => actions.error());
  const nextFinding = link("Next finding", "f", () => actions.finding());
  const more = h("button.aml-toggle", { type: "button", "aria-expanded": "false", title: "Filter, wrap, fold, go to a line, download", onclick: () => {
    tools.box.hidden = !tools.box.hidden;
    more.setAttribute("aria-expanded", String(!tools.box.hidden));
  } }, "Filter …");
  const element = h("section.aml-log", { "aria-label": "Log" },
    h("div.aml-log-head", {}, title, count, find.box, nextFinding, firstError, more, h("label", {}, follow, " follow"), said),
    tools.box, h("div.aml-log-body", {}, scroll, map.strip));

  function stampOf(row) {
    const entry = data.row(row);
    if (!entry) return `?${version}`;
    return `${entry.line} ${entry.text.length} ${entry.hidden} ${entry.level} ${version} ${find.stampOf} ${opened.has(entry.line)}`;
  }
  function makeRow(row) {
    const entry = data.row(row);
    if (!entry) return h("div.aml-line", {}, h("i", {}, ""), h("span.aml-t.aml-dim", {}, "…"));
    const found = findings.get(entry.line);
    const now = find.now();
    const text = fillLine(h("span.aml-t"), opened.get(entry.line) ?? entry.text, find.hits && ((words) => find.hits(words, entry.line)), now?.line === entry.line ? now.column : -1);
    const after = [];
    if (stages.has(entry.line)) after.push(h("span.aml-stage", { title: "A stage of the deployment begins" }, stages.get(entry.line)));
    if (entry.cut) after.push(note(opened.has(entry.line) ? "show less" : `show all, ${entry.cut.toLocaleString()} bytes`, () => unroll(entry.line, false)));
    else if (/^\s*[{[].*[}\]]\s*$/.test(entry.text)) after.push(note(opened.has(entry.line) ? "as written" : "unfold", () => unroll(entry.line, true)));
    if (entry.hidden) after.push(note(`${entry.hidden.toLocaleString()} more like it ▸`, () => ask("unfold", { line: entry.line }).then(taken).catch(sayError)));
    const margin = h("i", { "aria-label": `line ${entry.line + 1}` }, found ? pin(found) : null, String(entry.line + 1));
    const origin = sources.length > 1 && entry.origin >= 0 ? h(`span.aml-src.aml-src${entry.origin % 6}`, { title: sources[entry.origin] }, sources[entry.origin]) : null;
    const gap = data.saved && !early && row > 0 && data.saved[row - 1].line !== entry.line - 1 ? ".aml-gap" : "";
    const line = h(`div.aml-line.aml-l${entry.level}${gap}`, { "data-line": entry.line, "data-row": row }, margin, origin, text, after);
    if (found) line.classList.add("aml-mark");
    if (opened.has(entry.line)) line.classList.add("aml-opened");
    if (now?.line === entry.line) line.classList.add("aml-hit");
    return line;
  }
  const note = (label, onclick) => h("button.aml-note", { type: "button", onclick }, label);
  const pin = (found) => h("button.aml-pin", { type: "button", title: found[0].title, "aria-label": `Finding: ${found[0].title}`, onclick: () => openFinding(found[0]) }, "●");
  async function unroll(line, pretty) {
    if (opened.has(line)) opened.delete(line);
    else {
      try {
        opened.set(line, (await ask("line", { line, pretty })).text);
      } catch (error) {
        return sayError(error);
      }
    }
    list.draw();
  }
  function placedRows() {
    marks.show();
    if (!data.rows) return;
    const seen = scroll.clientHeight / Math.max(1, list.layer.offsetHeight / Math.max(1, list.drawn().size));
    map.sight(list.top.row / data.rows, (list.top.row + seen) / data.rows);
  }
  let words = "";
  function changed() {
    list.setCount(data.saved ? data.saved.length : data.rows);
    const shown = data.rows !== data.total && !tools.isFolded ? `${data.rows.toLocaleString()} of ` : "";
    const text = data.saved ? words : data.total === 1 ? "1 line" : `${shown}${data.total.toLocaleString()} lines`;
    if (count.textContent !== text) count.textContent = text;
    element.classList.toggle("aml-saved", data.saved !== null && !early);
    scroll.style.setProperty("--aml-digits", String(Math.max(data.total, savedTotal, 100)).length);
    if (data.saved?.length || data.total) empty.remove();
    else scroll.append(empty);
    if (follow.checked && (!data.saved || early)) list.toEnd();
    else list.draw();
  }
  /** Draw the few lines that came with the widget where they stand, before the kernel has answered: it may be far away. */
  function drawEarly(excerpt, total) {
    early = true;
    data.takeSaved(excerpt, true);
    words = total === 1 ? "1 line" : `${total.toLocaleString()} lines`;
    changed();
  }
  /** Draw them as all that there is: no kernel answers. */
  function drawSaved(excerpt, total) {
    early = false;
    data.takeSaved(excerpt, false);
    words = total ? `${excerpt.length.toLocaleString()} of ${total.toLocaleString()} lines, as saved; run the cell again to see all` : "";
    changed();
    pinFindings();
    if (findings.size) toLine(Math.min(...findings.keys()));
  }
  /** Take counts that the kernel has answered with. */
  function taken(state) {
    if (!state || state.version === undefined) return;
    data.saved = null;
    early = false;
    if (state.generation !== data.generation) opened = new Map();
    if (state.settings) {
      tools.set(state.settings);
      tools.isFolded = !state.settings.query && !state.settings.levels;
    }
    if (state.sources) sources = state.sources;
    if (state.stages && state.stages.length !== stages.size) {
      stages = new Map(state.stages);
      tools.stages(state.stages);
      version++;
    }
    data.take(state);
    firstError.hidden = !state.errors;
    pinFindings();
    changed();
    drawMap();
    find.grown();
    if (state.total && (!state.ready || !state.settled)) again(state.ready ? 250 : 5);
  }
  /** Take what the kernel sends to a view that opens, and later by itself: counts, and the newest lines. */
  function take(message, buffers) {
    const wished = early && earlyWish?.wish === wish ? earlyWish.line : null;
    if (message.window) data.takeWindow({ ...message.window, state: message.state, buffers });
    taken(message.state);
    if (wished !== null && data.rows !== data.total) toLine(wished);
  }
  let waiting = 0;
  function again(pause) {
    clearTimeout(waiting);
    const mine = epoch;
    waiting = setTimeout(() => ask("state", {}).then((state) => mine === epoch && taken(state)).catch(() => {}), pause);
  }
  let mapped = 0;
  async function drawMap() {
    if (Date.now() < mapped) return;
    mapped = Date.now() + 700;
    setTimeout(async () => {
      const mine = epoch;
      const answer = await ask("marks", { parts: 160 }).catch(() => null);
      if (answer && mine === epoch) map.levels([...answer.levels]);
    }, data.total < 2000 ? 0 : 600);
  }
  function pinFindings() {
    map.findings([...findings].map(([line, [finding]]) => ({ part: line / Math.max(1, data.total || savedTotal), finding })));
    nextFinding.hidden = !findings.size;
  }
  async function toLine(line, always = false) {
    follow.checked = false;
    const mine = ++wish;
    // Rows are lines as long as nobody filters; who does is known with the kernel's first answer.
    if (early) {
      earlyWish = { line, wish };
      return list.reveal(line, always);
    }
    const row = data.saved ? data.saved.findIndex((e) => e.line >= line) : (await ask("locate", { line }).catch(sayError))?.row;
    if (row === undefined || mine !== wish) return;
    // A log that has shrunk since, as when lines fold, has brought its end into sight by itself.
    follow.checked = false;
    list.reveal(Math.max(0, row), always);
  }
  /** Bring a hit into sight; the rows around it came with it. */
  function showHit({ row, window, state, buffers }) {
    wish++;
    follow.checked = false;
    data.takeWindow({ ...window, state, buffers });
    list.setCount(data.rows);
    list.reveal(row);
  }
  function openFinding(finding) {
    open(finding);
  }
  function say(text) {
    said.textContent = text;
    setTimeout(() => said.textContent === text && (said.textContent = ""), 4000);
  }
  const sayError = (error) => say(error?.message ?? "The kernel does not answer.");
  let at = null;
  /** Where "next" starts: from the line that was jumped to while it is in sight, else from what is in sight; again from the edge after it was reached. */
  function from(back = false) {
    if (at === null && !follow.checked) { at = -1; return back ? data.total : -1; }
    const top = data.row(list.top.row)?.line ?? 0;
    return list.sees((element) => element.dataset.line === String(at)) ? at : back ? top : top - 1;
  }
  const actions = {
    wrap(on = !tools.wrap.checked) { tools.wrap.checked = on; list.setWrap(on); },
    line: (line) => { at = line; return toLine(line, true); },
    async error(back = false) {
      const answer = await ask("next_error", { line: from(back), back }).catch(sayError);
      if (!answer) return;
      if (answer.line === null) { at = null; return say(back ? "No error above; the next step starts at the end" : "No further error; the next step starts at the top"); }
      at = answer.line;
      await toLine(at);
      say(`Error in line ${(at + 1).toLocaleString()}`);
    },
    finding() {
      const lines = [...findings.keys()].sort((a, b) => a - b);
      if (!lines.length) return;
      const after = from();
      at = lines.find((line) => line > after) ?? lines[0];
      toLine(at);
      openFinding(findings.get(at)[0]);
    },
    download: () => download(ask, title.textContent).catch(sayError),
  };
  const keys = { "/": () => { find.input.focus(); find.input.select(); }, n: () => find.step(1), N: () => find.step(-1), e: () => actions.error(), E: () => actions.error(true),
    f: () => actions.finding(), w: () => actions.wrap(), g: () => { follow.checked = false; list.reveal(0, true); }, G: () => { follow.checked = true; list.toEnd(); },
    ":": () => { tools.box.hidden = false; more.setAttribute("aria-expanded", "true"); tools.line.focus(); },
    ArrowDown: () => list.by(18), ArrowUp: () => list.by(-18), Escape: () => { marks.clear(); getSelection().removeAllRanges(); } };
  scroll.addEventListener("keydown", (event) => {
    const chord = event.ctrlKey || event.metaKey;
    if (chord && event.key === "c" && !marks.isEmpty()) marks.copyNow();
    else if (chord && event.key === "a") marks.all(data.total - 1);
    else if (!chord && !event.altKey && keys[event.key]) keys[event.key]();
    else if (chord) return;
    else return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
  });
  // The browser scrolls by itself, too, as when a log grows: what the reader does is what counts.
  for (const act of ["keydown", "pointerdown", "wheel", "touchmove"]) scroll.addEventListener(act, () => wish++, { passive: true, capture: true });
  find.onLeave = () => scroll.focus();
  list.onScrolled = () => (follow.checked = list.isAtEnd());
  list.onResize = () => follow.checked && (!data.saved || early) && list.toEnd();
  follow.addEventListener("change", () => { wish++; if (follow.checked) list.toEnd(); });

  return {
    element, reveal: (line) => toLine(line),
    /** Show a log: {name, findings: [{line, title, …}], excerpt: [[line, text], …], total, keep}. */
    show({ name, findings: found = [], excerpt = [], total = 0, keep = false }) {
      findings = new Map();
      for (const finding of found) findings.set(finding.line, [...(findings.get(finding.line) ?? []), finding]);
      title.textContent = name ? name[0].toUpperCase() + name.slice(1) : "Log";
      version++;
      pinFindings();
      if (!keep) {
        epoch++;
        wish++;
        opened = new Map();
        placed = false;
        savedTotal = total;
        at = -1;
        find.reset();
        follow.checked = true;
        Object.assign(data, { total: 0, rows: 0, version: -1 });
        data.take({ total: 0, rows: 0, version: -2, generation: -2, settled: 0 });
        list.setCount(0);
        data.saved = null;
        if (excerpt.length) drawEarly(excerpt, total);
        const mine = epoch;
        // All that there is where no kernel answers; with one, its lines take their place.
        const alone = setTimeout(() => {
          if (mine !== epoch || data.version >= 0) return;
          drawSaved(excerpt, total);
        }, 400);
        ask("open", {}).then((answer) => {
          clearTimeout(alone);
          if (mine === epoch) take(answer, answer.buffers);
        }).catch(() => {});
      }
      if (!placed && findings.size && follow.checked) {
        placed = true;
        at = Math.min(...findings.keys());
        toLine(at);
      } else list.draw();
    },
    take,
    close() {
      for (const part of [list, marks, find, tools]) part.close();
      clearTimeout(waiting);
    },
  };
}
