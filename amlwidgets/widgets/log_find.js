import { h } from "./common.js";
import { matcher } from "./log_text.js";

/**
 * Hits of an expression in the lines that are shown: the kernel finds them, because a page cannot give up on an expression
 * that takes for ever. anew() returns what tells the hits of a line; lines not known yet are asked for together.
 */
function expressionHits(ask, changed) {
  let known = new Map();
  let wanted = new Set();
  async function fetch(mine) {
    const lines = [...wanted];
    wanted = new Set();
    const answer = await ask(lines).catch(() => null);
    if (mine !== known || !answer) return;
    for (const [line, hits] of answer.hits) known.set(line, hits);
    changed();
  }
  return {
    anew() {
      const mine = (known = new Map());
      wanted = new Set();
      return (text, line) => {
        if (!mine.has(line) && mine === known) {
          if (!wanted.size) setTimeout(() => mine === known && fetch(mine), 20);
          wanted.add(line);
          mine.set(line, []);
        }
        return mine.get(line);
      };
    },
  };
}

/** The search: asks the kernel for hits and counts; the rows mark what they show. jump(answer) brings the answer's hit into sight. */
export function logFind({ ask, here, jump, changed }) {
  const input = h("input", { type: "search", placeholder: "find", "aria-label": "Find in the log", spellcheck: false });
  const toggle = (text, label) => h("button.aml-toggle", { type: "button", "aria-pressed": "false", "aria-label": label, title: label }, text);
  const matchCase = toggle("Aa", "Upper and lower case differ");
  const regex = toggle(".*", "Regular expression");
  const found = h("span.aml-dim.aml-count", { role: "status" });
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";
  let state = { total: 0, done: true, number: null };
  let now = null;
  let run = 0;
  let timer = 0;
  let typed = 0;
  const find = { hits: null, now: () => now, stampOf: 0 };
  const shown = expressionHits((lines) => ask("hits_in", { ...payload(), lines }), () => update());

  function words() {
    if (!input.value) return "";
    const total = `${state.total.toLocaleString()}${state.done ? "" : "+"}`;
    if (!state.total && state.done) return "none";
    return state.number === null ? total : `${(state.number + 1).toLocaleString()} of ${total}`;
  }
  function update() {
    found.textContent = words();
    found.title = "";
    find.stampOf++;
    changed();
  }
  const payload = () => ({ query: input.value, regex: pressed(regex), case: pressed(matchCase) });

  async function start() {
    const mine = ++run;
    now = null;
    find.hits = !input.value ? null : pressed(regex) ? shown.anew() : matcher(input.value, pressed(matchCase));
    state = { total: 0, done: !input.value, number: null };
    update();
    if (!input.value) return;
    try {
      const line = here();
      let answer = {};
      do {
        answer = await ask("find", { ...payload(), line, seek: answer.seek ?? null });
        if (mine !== run) return;
        if (answer.hit) show(answer);
        count(answer);
      } while (answer.seek);
      const at = now && [now.line, now.column];
      while (mine === run && !answer.done) {
        answer = await ask("find_more", { ...payload(), at });
        if (mine === run) count(answer);
      }
    } catch (error) {
      if (mine === run) refused(error);
    }
  }
  function refused(error) {
    find.hits = null;
    find.stampOf++;
    found.textContent = { "bad-expression": "not a valid expression", "slow-expression": "takes too long" }[error?.code] ?? "the kernel is busy";
    found.title = [error?.message, error?.todo].filter(Boolean).join(" ");
    state = { total: 0, done: false, number: null };
    changed();
  }
  function count({ total, done = state.done, number = null }) {
    state = { total, done, number: number ?? state.number };
    found.textContent = words();
  }
  function show(answer) {
    now = answer.hit;
    update();
    jump(answer);
  }
  async function step(by) {
    if (!input.value) return input.focus();
    const mine = run;
    const line = now ? now.line + (by > 0 ? 1 : 0) : here();
    try {
      const answer = await ask("hit", { ...payload(), number: state.number === null ? null : state.number + by, line, back: by < 0 });
      if (mine !== run) return;
      count(answer);
      if (answer.hit) show(answer);
      else update();
    } catch (error) {
      refused(error);
    }
  }
  for (const button of [matchCase, regex])
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!pressed(button)));
      start();
    });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    // The first key is answered at once; those that follow it closely, together.
    timer = setTimeout(start, Date.now() - typed < 150 ? 60 : 0);
    typed = Date.now();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") {
      // A browser empties the box: then n and N had nothing to go on with.
      event.preventDefault();
      find.onLeave?.();
    }
    event.stopPropagation();
  });
  find.box = h("span.aml-find", {}, input, matchCase, regex, found,
    h("button", { type: "button", "aria-label": "Previous hit", title: "Previous hit (N)", onclick: () => step(-1) }, "▲"),
    h("button", { type: "button", "aria-label": "Next hit", title: "Next hit (n)", onclick: () => step(1) }, "▼"));
  find.step = step;
  find.input = input;
  /** The log has grown: the count goes on. */
  find.grown = async () => {
    if (!input.value || !state.done) return;
    const mine = run;
    const answer = await ask("find_more", payload()).catch(() => null);
    if (!answer || mine !== run) return;
    count(answer);
  };
  find.reset = () => {
    run++;
    input.value = "";
    now = null;
    find.hits = null;
    state = { total: 0, done: true, number: null };
    found.textContent = "";
  };
  find.close = () => clearTimeout(timer);
  return find;
}
