import { copyButton, h, scrolls } from "./common.js";

/** A table whose first row is the heading. */
export function table(rows, heading = true) {
  const [first, ...rest] = rows;
  const cells = (row, kind) => row.map((cell) => h(kind, {}, cell));
  return h("div.aml-c-scroll", { tabIndex: 0 }, h("table", {},
    heading ? h("thead", {}, h("tr", {}, cells(first, "th"))) : null,
    h("tbody", {}, (heading ? rest : rows).map((row) => h("tr", {}, cells(row, "td"))))));
}

function answerView(answer) {
  return h(`div.aml-c-answer.aml-${answer.state}`, {},
    h("b", {}, answer.sentence),
    answer.table?.length > 1 ? table(answer.table) : null,
    answer.text ? scrolls("pre", "What it said", answer.text) : null,
    answer.command ? h("details", {}, h("summary.aml-dim", {}, "By hand"),
      scrolls("pre.aml-c-command", "Command", answer.command), copyButton(answer.command)) : null);
}

function differencesView(found) {
  const rows = found.rows.map((d) => [d.package, d.container || "–", d.wanted, d.side, d.words]);
  return h(`div.aml-c-answer.aml-${found.state}`, {}, h("b", {}, found.sentence),
    rows.length ? table([["package", "container", "wanted", "by", ""], ...rows]) : null);
}

/** Probes: one button each, answers below, the newest first. */
export function lookTab({ model, act }) {
  const name = h("input", { type: "text", placeholder: "name of a model", "aria-label": "Name of a model" });
  const buttons = h("div.aml-row");
  const answers = h("div.aml-c-stack", { "aria-live": "polite" });
  const order = [];
  let drawn = {};
  const draw = () => {
    const busy = Boolean(model.get("busy")), now = model.get("answers");
    [...buttons.querySelectorAll("button"), ...path.querySelectorAll("button")].forEach((button) => (button.disabled = busy));
    for (const key of Object.keys(now).filter((k) => k.startsWith("look:") || k === "compare"))
      if (now[key] !== drawn[key]) order.splice(0, order.length, key, ...order.filter((k) => k !== key));
    drawn = now;
    answers.replaceChildren(...order.map((key) => (key === "compare" ? differencesView(now[key]) : answerView(now[key]))));
    if (!order.length) answers.replaceChildren(h("p.aml-dim", {}, "Each button runs something in the container and says what it means. Nothing is changed."));
  };
  for (const [probe, title] of model.get("probes"))
    if (probe !== "model_path") buttons.append(h("button", { type: "button", onclick: () => act("look", { probe }) }, title));
  buttons.append(h("button", { type: "button", onclick: () => act("compare") }, "Compare packages"));
  const path = h("div.aml-row", {}, name,
    h("button", { type: "button", onclick: () => act("look", { probe: "model_path", name: name.value }) }, "Model.get_model_path"));
  name.addEventListener("keydown", (e) => e.key === "Enter" && act("look", { probe: "model_path", name: name.value }));
  return { title: "Look inside", element: h("div.aml-c-stack", {}, buttons, path, answers), draw };
}
