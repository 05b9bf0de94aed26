import { copyButton, h, problemStrip, requests, scrolls } from "./common.js";
import { diffView } from "./finding_card.js";

const MARKS = { done: "✓", "needs you": "!", blocked: "", unknown: "?" };
const COLUMNS = [["who", "who"], ["before", "now"], ["run1", "after run 1"], ["run2", "after run 2"]];

function cell(row, key) {
  const text = row[key];
  if (key === "who") return h("th", { scope: "row" }, text);
  const lost = row.loses && text === "nothing";
  return h("td", {}, lost ? h("span.aml-lost", {}, text) : text, lost && key === "run2" ? h("span.aml-sr", {}, " (loses access)") : null);
}

function tableView(rows) {
  if (!rows.length) return null;
  return scrolls("div.aml-scroll", "Who has access to the vault", h("table", { "aria-label": "Who has access to the vault" },
    h("thead", {}, h("tr", {}, COLUMNS.map(([, title]) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, rows.map((row) => h("tr", { className: row.loses ? "aml-loses" : "" }, COLUMNS.map(([key]) => cell(row, key)))))));
}

function hitsView(template, open) {
  const { hits, more } = template;
  if (!hits.length) return null;
  const high = hits.filter((hit) => hit.severity === "high").length;
  const count = hits.length + more;
  const words = `${count} ${count === 1 ? "finding" : "findings"} in the template${high ? `, ${high} high` : ""}`;
  return h("details.aml-hits", { open }, h("summary", {}, words), h("ul", {}, hits.map((hit) =>
    h("li", { "data-check": hit.id },
      h(`span.aml-severity.aml-${hit.severity}`, {}, hit.severity),
      h("div", {}, h("div", {}, hit.message), h("div.aml-dim", {}, hit.fix)),
      h("span.aml-where", {}, `${hit.id} · line ${hit.line}`)))),
    more ? h("p.aml-dim", {}, `and ${more} more: amlwidgets arm lists them`) : null);
}

function openView(questions) {
  if (!questions.length) return null;
  const words = `${questions.length} ${questions.length === 1 ? "question" : "questions"} that the template leaves open`;
  return h("details.aml-hits", {}, h("summary", {}, words), h("ul", {}, questions.map((one) =>
    h("li", { "data-open": one.checks.join(" ") }, h("span.aml-severity", {}, "open"), h("div", {}, one.message),
      h("span.aml-where", {}, `${one.checks.join(", ")} · line ${one.line}`)))));
}

function proposalView(proposal, act) {
  if (!proposal.remedy) return null;
  const write = proposal.written
    ? h("p.aml-written", { role: "status" }, `Written: ${proposal.written}. The original is as it was.`)
    : h("div.aml-row", {},
        h("button.aml-primary", { type: "button", onclick: () => act("write") }, `Write ${proposal.place}`),
        h("button.aml-link", { type: "button", onclick: () => act("discard") }, "Not this one"));
  return h("div.aml-proposal", { "data-remedy": proposal.remedy }, h("b", {}, proposal.title), h("p", {}, proposal.words),
    diffView(proposal.diff),
    proposal.silenced.length ? h("p.aml-dim", {}, `Silent then: ${proposal.silenced.join(", ")}`) : null,
    h("ul", {}, proposal.notes.map((note) => h("li", {}, note))), write);
}

function remediesView(template, proposal, state, act) {
  if (!template.remedies.length) return null;
  const fitting = template.remedies.filter((one) => !one.unfit);
  const first = fitting[0];
  const others = template.remedies.filter((one) => one !== first);
  const list = h("ul.aml-ways", { hidden: !state.ways }, others.map((one) => h("li", {},
    h("button", { type: "button", disabled: Boolean(one.unfit), onclick: () => act("propose", { remedy: one.id }) }, one.title),
    h("span.aml-dim", {}, one.unfit || one.words))));
  const toggle = h("button.aml-link", { type: "button", "aria-expanded": String(state.ways), onclick: () => {
    state.ways = !state.ways;
    list.hidden = !state.ways;
    toggle.setAttribute("aria-expanded", String(state.ways));
  } }, `${others.length} other ways`);
  return h("div.aml-stack", {},
    h("div.aml-row", {}, first ? h("button", { type: "button", className: proposal.remedy ? "" : "aml-primary",
      title: first.words, onclick: () => act("propose", { remedy: first.id }) }, `${first.title}…`) : null, toggle),
    list);
}

function commandView(command) {
  if (!command) return null;
  return h("details", {}, h("summary.aml-dim", {}, "By hand, with az"), scrolls("pre.aml-code", "Command", command),
    h("div.aml-row", {}, copyButton(command, "Copy")));
}

function render({ model, el }) {
  const { ask, close } = requests(model, 90);
  const problem = problemStrip(model, ask);
  const state = { ways: false, hits: false };
  const question = h("div.aml-ask", { hidden: true, role: "alertdialog", "aria-label": "Confirm" });
  const act = (name, payload = {}) => ask(name, payload).then((answer) => {
    if (answer?.confirm) confirm(answer.confirm, () => act(name, { ...payload, confirmed: true }));
  }).catch((error) => problem.show(error));
  const head = h("header.aml-head");
  const list = h("ol.aml-steps", { "aria-label": "Steps" });
  const status = h("span.aml-dim", { role: "status" });

  function confirm(words, yes) {
    const back = document.activeElement;
    const shut = () => { question.hidden = true; back?.focus?.(); };
    const no = h("button", { type: "button", onclick: shut }, "No");
    question.replaceChildren(h("span", {}, words), h("div.aml-row", {},
      h("button.aml-primary", { type: "button", onclick: () => { shut(); yes(); } }, "Yes, give access"), no));
    question.onkeydown = (event) => { if (event.key === "Escape") { event.stopPropagation(); shut(); } };
    question.hidden = false;
    no.focus();
  }
  function drawHead() {
    const now = model.get("head");
    status.textContent = now.busy ? "looking…" : now.looked ? `looked at ${now.looked}` : "";
    head.replaceChildren(...[h("b", {}, "Key Vault and template checklist"),
      now.workspace ? h("span", {}, "Workspace ", h("b", {}, now.workspace),
        now.sandbox ? h("span.aml-badge", { title: "Nothing here reaches Azure." }, "sandbox") : h("span.aml-badge.aml-real", {}, "Azure")) : null,
      now.template ? h("span", {}, "Template ", h("b", {}, now.template)) : null,
      h("div.aml-row", {}, status,
        h("button", { type: "button", disabled: now.busy, onclick: () => act("look_again") }, "Look again"))].filter(Boolean));
  }
  function stepView(step) {
    const template = model.get("template");
    const proposal = model.get("proposal");
    const here = step.id === "template" && template.verdict;
    const done = model.get("head").done;
    return h(`li.aml-${step.state.replace(" ", "-")}`, { "data-step": step.id, "data-state": step.state },
      h("span.aml-mark", { "aria-hidden": "true" }, MARKS[step.state]),
      h("div.aml-what", {},
        h("div.aml-title", {}, step.title),
        h("p", {}, step.state === "done" ? null : h("b.aml-word", {}, step.state), step.state === "done" ? h("span.aml-sr", {}, "done, ") : " ", step.detail),
        step.todo ? h("p", {}, step.todo) : null,
        step.id === "access" && done && step.state === "done" ? h("p.aml-written", {}, done) : null,
        here ? tableView(template.rows) : null,
        here ? remediesView(template, proposal, state, act) : null,
        here ? proposalView(proposal, act) : null,
        here ? hitsView(template, state.hits) : null,
        here ? openView(template.open) : null,
        commandView(step.command)),
      step.change ? h("button.aml-primary", { type: "button", onclick: () => act(step.change) }, "Give access…") : h("span"));
  }
  function drawSteps() {
    const key = (node) => node?.closest?.("li[data-step]")?.dataset.step;
    const active = list.contains(document.activeElement) ? document.activeElement : null;
    const [step, words] = [key(active), active?.textContent];
    const open = new Set([...list.querySelectorAll("details[open]")].map((one) => `${key(one)} ${one.firstChild.textContent}`));
    list.replaceChildren(...model.get("steps").map(stepView));
    for (const one of list.querySelectorAll("details")) one.open ||= open.has(`${key(one)} ${one.firstChild.textContent}`);
    if (!step) return;
    const buttons = [...list.querySelectorAll(`li[data-step="${step}"] button, li[data-step="${step}"] summary`)];
    (buttons.find((one) => one.textContent === words) ?? buttons[0])?.focus();
  }
  const updates = { head: () => { drawHead(); drawSteps(); }, steps: drawSteps, template: drawSteps, proposal: drawSteps };
  for (const [name, update] of Object.entries(updates)) model.on(`change:${name}`, update);
  drawHead();
  drawSteps();
  el.append(h("div.aml.aml-checklist", { role: "group", "aria-label": "Key Vault and template checklist" },
    problem.strip, head, question, list));
  act("refresh");
  return () => {
    for (const [name, update] of Object.entries(updates)) model.off(`change:${name}`, update);
    problem.close();
    close();
  };
}

export default { render };
