import { h } from "./common.js";
import { matcher } from "./log_text.js";

/** The search: asks the kernel for hits and counts; the rows mark what they show. jump(hit) brings one into sight. */
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
  const find = { hits: null, now: () => now, stampOf: 0 };

  function words() {
    if (!input.value) return "";
    const total = `${state.total.toLocaleString()}${state.done ? "" : "+"}`;
    if (!state.total && state.done) return "none";
    return state.number === null ? total : `${(state.number + 1).toLocaleString()} of ${total}`;
  }
  function update() {
    found.textContent = words();
    find.stampOf++;
    changed();
  }
  const payload = () => ({ query: input.value, regex: pressed(regex), case: pressed(matchCase) });

  async function start() {
    const mine = ++run;
    now = null;
    find.hits = matcher(input.value, pressed(regex), pressed(matchCase));
    state = { total: 0, done: !input.value, number: null };
    update();
    if (!input.value) return;
    try {
      let answer = await ask("find", { ...payload(), line: here() });
      if (mine !== run) return;
      if (answer.first) show(answer.first);
      while (mine === run) {
        state = { ...state, ...answer };
        found.textContent = words();
        if (answer.done) break;
        answer = await ask("find_more", {});
      }
      if (mine !== run) return;
      if (now) state.number = (await ask("hit_at", { line: now.line, column: now.column })).number;
      else if (state.total) await step(1);
      update();
    } catch (error) {
      if (mine === run) found.textContent = error?.code === "bad-expression" ? "not a valid expression" : "the kernel is busy";
    }
  }
  function show(hit) {
    now = hit;
    update();
    jump(hit);
  }
  async function step(by) {
    if (!input.value) return input.focus();
    const mine = run;
    try {
      const answer = await ask("hit", { number: state.number === null ? null : state.number + by, line: here(), back: by < 0 });
      if (mine !== run) return;
      state = { ...state, ...answer, number: answer.number };
      if (answer.hit) show(answer.hit);
      else update();
    } catch {
      found.textContent = "the kernel is busy";
    }
  }
  for (const button of [matchCase, regex])
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!pressed(button)));
      start();
    });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(start, 60);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") find.onLeave?.();
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
    const answer = await ask("find_more", {}).catch(() => null);
    if (!answer || mine !== run) return;
    state = { ...state, ...answer };
    found.textContent = words();
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
