import { h, problemStrip, requests } from "./common.js";
import { calculatorOpener, checklistOpener, findingCard } from "./finding_card.js";

function render({ model, el }) {
  const { ask, close } = requests(model);
  const problem = problemStrip(model, ask);
  const list = h("div", { style: "display:grid;gap:10px;padding:10px" });
  const update = () => {
    const findings = model.get("findings");
    const cards = findings.map((finding) => findingCard(finding, {
      source: "", stageTitle: (id) => id, checklist: checklistOpener(model, ask),
      calculator: calculatorOpener(model, ask), tell: problem.show }));
    list.replaceChildren(...(cards.length ? cards : [h("p.aml-dim", {}, model.get("nothing"))]));
  };
  model.on("change:findings", update);
  update();
  el.append(h("div.aml", { role: "group", "aria-label": "Findings" }, problem.strip, list));
  return () => {
    model.off("change:findings", update);
    problem.close();
    close();
  };
}

export default { render };
