import { h } from "./common.js";

const SHOWN = [["", "all lines"], ["3,4", "warnings and errors"], ["4", "errors"], ["0,2,3,4", "all but debug"]];

/** The second row: what is shown and how. change(settings) tells the kernel; act(name) does something here. */
export function logTools({ change, act }) {
  const level = h("select", { "aria-label": "Lines shown", onchange: send }, SHOWN.map(([value, text]) => h("option", { value }, text)));
  const filter = h("input", { type: "search", placeholder: "only lines with …", "aria-label": "Show only lines with this text; /…/ is a regular expression", title: "Plain text, or a regular expression between slashes", spellcheck: false });
  const check = (label, title, on, listener) => {
    const input = h("input", { type: "checkbox", checked: on, onchange: () => listener(input.checked) });
    return [input, h("label", { title }, input, ` ${label}`)];
  };
  const [fold, foldLabel] = check("fold", "Lines that only repeat the one before are shown as a count", true, send);
  const [wrap, wrapLabel] = check("wrap", "Break long lines (w)", false, (on) => act("wrap", on));
  const line = h("input.aml-goto", { type: "number", min: 1, placeholder: "line", "aria-label": "Go to line" });
  const stage = h("select", { "aria-label": "Go to a stage", hidden: true, onchange: () => {
    if (stage.value) act("line", Number(stage.value));
    stage.value = "";
  } });
  const button = (label, name, title) => h("button", { type: "button", title, onclick: () => act(name) }, label);
  let timer = 0;
  function send() {
    const text = filter.value;
    const regex = text.length > 2 && text.startsWith("/") && text.endsWith("/");
    change({ query: regex ? text.slice(1, -1) : text, regex, levels: level.value ? level.value.split(",").map(Number) : null, fold: fold.checked });
  }
  filter.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(send, 120);
  });
  line.addEventListener("change", () => line.value && act("line", Number(line.value) - 1));
  const box = h("div.aml-log-tools", { hidden: true, role: "group", "aria-label": "Lines shown" }, level, filter, foldLabel, wrapLabel, line, stage,
    button("Download", "download", "Save the whole log as a file, secrets masked"));
  box.addEventListener("keydown", (event) => event.stopPropagation());
  return {
    box, wrap, line,
    /** Show what another view has set. */
    set(settings) {
      const text = settings.regex ? `/${settings.query}/` : settings.query;
      if (document.activeElement !== filter) filter.value = text;
      level.value = (settings.levels ?? []).join(",");
      fold.checked = settings.fold;
    },
    /** Offer the lines, from 0, in which stages begin: [[line, label], …]. */
    stages(begins) {
      stage.replaceChildren(h("option", { value: "" }, "stage …"), ...begins.map(([at, label]) => h("option", { value: at }, `${label}, line ${(at + 1).toLocaleString()}`)));
      stage.hidden = !begins.length;
    },
    close: () => clearTimeout(timer),
  };
}
