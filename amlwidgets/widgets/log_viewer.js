import { h, problemStrip, requests } from "./common.js";
import { findingCard } from "./finding_card.js";
import { logView } from "./log_view.js";

const SIGN_SECONDS = 10;

function render({ model, el }) {
  const { ask, close } = requests(model);
  const problem = problemStrip(model, ask);
  const card = h("aside.aml-log-card", { hidden: true, "aria-label": "Finding" });
  const foot = h("div.aml-log-foot.aml-dim", { role: "status" });
  const log = logView({ ask: (op, payload) => ask("log", { op, payload }), open: showCard });
  let shown = null;

  function showCard(finding) {
    shown = finding;
    card.replaceChildren(
      h("button.aml-close", { type: "button", "aria-label": "Close the finding", onclick: () => { card.hidden = true; shown = null; } }, "✕"),
      findingCard(finding, { source: model.get("name"), stageTitle: (id) => id, show: (evidence) => log.reveal(evidence.first_line - 1) }));
    card.hidden = false;
  }
  const places = () => model.get("findings").flatMap((finding) =>
    finding.evidence.filter((e) => e.source === model.get("name")).map((e) => ({ ...finding, line: e.first_line - 1 })));
  const update = (keep) => {
    log.show({ name: model.get("name"), findings: places(), excerpt: model.get("excerpt"), total: model.get("total"), keep });
    if (shown && !model.get("findings").some((f) => f.cause === shown.cause)) card.hidden = true;
  };
  const say = () => {
    foot.textContent = model.get("status");
    foot.hidden = !foot.textContent;
  };
  const onFindings = () => update(true);
  const onMessage = (message, buffers) => message?.kind === "log" && log.take(message, buffers);
  model.on("change:findings", onFindings);
  model.on("change:status", say);
  model.on("msg:custom", onMessage);
  el.append(h("div.aml.aml-log-viewer", {}, problem.strip, log.element, card, foot));
  update(false);
  say();
  // Without a sign of life from any view the kernel stops its work.
  const view = Math.random().toString(36).slice(2);
  const sign = () => ask("seen", { view }).catch(() => {});
  sign();
  const clock = setInterval(sign, SIGN_SECONDS * 1000);
  return () => {
    clearInterval(clock);
    ask("seen", { view, closed: true }).catch(() => {});
    model.off("change:findings", onFindings);
    model.off("change:status", say);
    model.off("msg:custom", onMessage);
    problem.close();
    log.close();
    close();
  };
}

export default { render };
