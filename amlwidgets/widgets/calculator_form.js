import { h } from "./common.js";

const STEPS = 1000;
const MAIN = ["rps", "seconds", "per_container", "target", "min_replicas", "max_replicas", "start_seconds"];
const MORE = ["max_wait_seconds", "timeout_seconds", "minutes", "most_refused", "most_p95", "cores", "memory_gb", "core_price", "gb_price"];
const SHAPES = { steady: "steady", ramp: "ramp", step: "step", spike: "spike", daily: "day", trace: "from a file" };

/** Where a value stands on a slider of 0 to 1000, and back. */
function scale(field) {
  const low = field.log ? Math.max(field.least, 0.001) : field.least;
  const high = field.top ?? field.most;
  const digits = Math.max(0, Math.ceil(-Math.log10(field.step)));
  const round = (value) => {
    if (!field.log) return Number((Math.round(value / field.step) * field.step).toFixed(digits));
    return Number(value.toPrecision(2));
  };
  return {
    to: (value) => (field.log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low)) * STEPS,
    from: (place) => round(field.log ? low * (high / low) ** (place / STEPS) : low + ((high - low) * place) / STEPS),
  };
}

/** One setting: label, slider, box, unit. changed(name, value, finished) */
function row(field, changed) {
  const { to, from } = scale(field);
  const whole = Number.isInteger(field.default) && field.step === 1 && field.name.match(/replicas|container/);
  const slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": field.label, title: field.help, tabIndex: 0 });
  const box = h("input", { type: "number", step: "any", "aria-label": `${field.label} ${field.unit}`.trim(), title: field.help });
  const mark = () => slider.style.setProperty("--at", `${slider.value / (STEPS / 100)}%`);
  slider.addEventListener("input", () => {
    const value = whole ? Math.round(from(Number(slider.value))) : from(Number(slider.value));
    box.value = value;
    mark();
    slider.setAttribute("aria-valuetext", `${value} ${field.unit}`);
    changed(field.name, value, false);
  });
  // With the keys one press is one step of the setting, not a thousandth of the slider.
  slider.addEventListener("keydown", (event) => {
    const sign = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
    if (!sign) return;
    event.preventDefault();
    const value = Number(box.value);
    const step = field.log ? 10 ** (Math.floor(Math.log10(Math.max(value, 1e-3))) - 1) : field.step;
    const next = Math.min(Math.max(Number((value + sign * step).toPrecision(6)), field.least), field.most);
    show(next);
    changed(field.name, next, true);
  });
  slider.addEventListener("change", () => changed(field.name, Number(box.value), true));
  box.addEventListener("change", () => changed(field.name, box.value === "" ? null : Number(box.value), true));
  function show(value) {
    if (document.activeElement !== box || Number(box.value) !== value) box.value = value;
    slider.value = to(value);
    mark();
    slider.setAttribute("aria-valuetext", `${value} ${field.unit}`);
    box.removeAttribute("aria-invalid");
  }
  const element = h("div.aml-calc-row", { title: field.help }, h("label", {}, field.label), slider, box, h("span.aml-dim", {}, field.unit));
  element.querySelector("label").addEventListener("click", () => slider.focus());
  return { element, show, wrong: () => box.setAttribute("aria-invalid", "true") };
}

function chosen(label, options, changed) {
  const select = h("select", { "aria-label": label, onchange: () => changed(select.value) },
    Object.entries(options).map(([value, words]) => h("option", { value }, words)));
  return { element: h("div.aml-calc-choice", {}, h("label", {}, label), select), show: (value) => (select.value = value) };
}

/** Buttons of which one is on. */
function shapes(names, changed, fromFile) {
  const file = h("input", { type: "file", hidden: true, accept: ".csv,.txt,.log", onchange: async () => {
    if (file.files[0]) await fromFile(file.files[0]);
    file.value = "";
  } });
  const buttons = names.map((name) => h("button", { type: "button", role: "radio", "data-shape": name,
    onclick: () => (name === "trace" && !known ? file.click() : changed(name)) }, SHAPES[name] ?? name));
  let known = false;
  const element = h("div.aml-calc-shapes", { role: "radiogroup", "aria-label": "Traffic" }, buttons, file);
  return {
    element,
    show(name, trace) {
      known = Boolean(trace);
      for (const button of buttons) button.setAttribute("aria-checked", String(button.dataset.shape === name));
      const last = buttons.at(-1);
      last.textContent = trace ? trace.slice(0, 24) : `${SHAPES.trace} …`;
    },
  };
}

/** All settings. changed(values, finished); file(File) */
export function calculatorForm(fields, choices, { changed, file }) {
  const by = Object.fromEntries(fields.map((field) => [field.name, field]));
  const rows = {};
  const make = (name) => (rows[name] = row(by[name], (key, value, finished) => changed({ [key]: value }, finished))).element;
  const kind = chosen("Service", choices.kind, (value) => changed({ kind: value }, true));
  const vary = chosen("Times vary", choices.variability, (value) => changed({ variability: value }, true));
  const shape = shapes(choices.traffic, (value) => changed({ traffic: value }, true), file);
  const peak = make("peak");
  const element = h("div.aml-calc-form", {},
    MAIN.map(make),
    h("h4", {}, "Traffic"), shape.element, peak,
    h("details", {}, h("summary", {}, "Limits, prices, kind of service"), kind.element, vary.element, MORE.map(make)));
  return {
    element,
    show(settings, head) {
      for (const [name, one] of Object.entries(rows)) one.show(settings[name]);
      kind.show(settings.kind);
      vary.show(settings.variability);
      shape.show(settings.traffic, head.trace);
      peak.hidden = ["steady", "trace"].includes(settings.traffic);
    },
    wrong: (name) => rows[name]?.wrong(),
  };
}
