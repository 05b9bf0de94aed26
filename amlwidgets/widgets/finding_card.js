import { copyButton, h, scrolls } from "./common.js";

const OF_REPLICAS = ["autoscale-503", "no-ready-replicas"];
const OF_THE_VAULT = ["service-internal-error", "key-vault-policy-wiped", "key-vault-access-denied"];

/** Shows the key vault checklist, a widget of its own, below the card that leads to it. */
export function checklistOpener(model, ask) {
  return opener(model, ask, "checklist");
}

/** Shows the replica calculator with the service's own settings in the same way. */
export function calculatorOpener(model, ask) {
  return opener(model, ask, "calculator");
}

/** Shows the panel on the deployed service's container: a button, and the place where the panel appears. */
export function containerLead(model, ask, tell) {
  return leadsTo(opener(model, ask, "container"), "Look inside the container", tell);
}

function opener(model, ask, request) {
  return async (button, place) => {
    button.disabled = true;
    try {
      const { model: id } = await ask(request);
      const manager = model.widget_manager;
      const view = await manager.create_view(await manager.get_model(id));
      place.replaceChildren(view.el);
      button.hidden = true;
    } finally {
      button.disabled = false;
    }
  };
}

function leadsTo(open, words, tell) {
  const place = h("div", { style: "min-width:0" });
  const button = h("button", { type: "button", style: "justify-self:start", onclick: () =>
    open(button, place).catch((error) => tell?.(error)) }, words);
  return [button, place];
}

function furtherView(finding, { checklist, calculator, tell }) {
  if (checklist && OF_THE_VAULT.includes(finding.cause)) return leadsTo(checklist, "Look at the key vault", tell);
  if (calculator && OF_REPLICAS.includes(finding.cause)) return leadsTo(calculator, "Why 503? Try other settings", tell);
  return null;
}

/** A diff with its added and removed lines told apart by sign and colour; file headers become one line. */
export function diffView(diff) {
  const lines = diff.trimEnd().split("\n").filter((line) => line && !line.startsWith("--- "));
  while (lines.at(-1)?.trim() === "") lines.pop();
  return scrolls("pre.aml-diff", "What the fix changes", lines.map((line) => {
    if (line.startsWith("+++ ")) return h("div.aml-dim", {}, line.slice(4));
    if (line.startsWith("@@")) return h("div.aml-dim", {}, `line ${/\+(\d+)/.exec(line)?.[1] ?? "?"}`);
    return h(line[0] === "+" ? "div.aml-ins" : line[0] === "-" ? "div.aml-del" : "div", {}, line);
  }));
}

function fixView(fix, index, finding, actions) {
  const parts = [];
  if (fix.diff) parts.push(diffView(fix.diff));
  else if (fix.code) parts.push(scrolls("pre.aml-code", "Code", fix.code));
  if (!fix.automatic && fix.steps.length) parts.push(h("ol", {}, fix.steps.map((step) => h("li", {}, step))));
  const buttons = [];
  if (fix.automatic && actions.apply)
    buttons.push(h("button", { type: "button", className: index ? "" : "aml-primary", disabled: actions.busy,
      onclick: () => actions.apply(finding, index) }, `Apply and retry from ${actions.stageTitle(fix.retry_from)}`));
  if (fix.code) buttons.push(copyButton(fix.code, fix.diff ? "Copy code" : "Copy"));
  return h("div", { style: "display:grid;gap:8px;min-width:0" }, h("div", {}, h("b", {}, fix.title)), parts, buttons.length ? h("div.aml-row", {}, buttons) : null);
}

/**
 * A finding: the sentence first, the evidence under it, why, the fix under that, what not to do.
 * actions: {apply(finding, fix), show(evidence), stageTitle(stage), busy, checklist(button, place), calculator(button, place), tell(error)}
 */
export function findingCard(finding, actions) {
  const hint = finding.confidence < 0.5;
  const [first, ...others] = finding.fixes.map((fix, index) => fixView(fix, index, finding, actions));
  const more = h("div", { hidden: true, style: "display:grid;gap:12px" }, others);
  const toggle = others.length
    ? h("button.aml-link", { type: "button", style: "justify-self:start", "aria-expanded": "false", onclick: (event) => {
        more.hidden = !more.hidden;
        event.target.setAttribute("aria-expanded", String(!more.hidden));
      } }, others.length === 1 ? "Another way" : "Other ways")
    : null;
  const foot = [];
  if (finding.do_not) foot.push(`${finding.do_not} `);
  if (finding.explains.length) foot.push(`Explains: ${finding.explains.map((s) => s.replaceAll("-", " ")).join(", ")}. `);
  foot.push(`Sure: ${finding.confidence.toFixed(2)}`);
  return h(`article.aml-card${hint ? ".aml-hint" : ""}`, { "aria-label": finding.title, "data-cause": finding.cause },
    h("h3", {}, hint ? `Perhaps: ${finding.title}` : finding.title),
    finding.evidence.slice(0, 3).map((evidence) => {
      // azureml-core puts its message on the line after the exception's name.
      const lines = evidence.text.split("\n").filter((text) => text.trim());
      const line = lines.find((text) => /^\s*Message: /.test(text)) ?? lines[0] ?? "";
      const where = evidence.source === actions.source ? `line ${evidence.first_line}` : `${evidence.source}, line ${evidence.first_line}`;
      return h("button.aml-evidence", { type: "button", title: `${evidence.source}\n${evidence.text.slice(0, 1000)}`, onclick: () => actions.show?.(evidence) },
        h("b", {}, where), line.trim());
    }),
    h("p", {}, finding.why),
    furtherView(finding, actions), first ?? null, toggle, more,
    h("small", {}, foot.join(""), (finding.links ?? []).slice(0, 2).map((link) =>
      h("a", { href: link, target: "_blank", rel: "noopener", style: "margin-left:8px" }, "Read more"))));
}
