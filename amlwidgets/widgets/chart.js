import { chartHost } from "./chart_host.js";
import { h, problemStrip, requests } from "./common.js";

function render({ model, el }) {
  const { ask, close } = requests(model);
  const problem = problemStrip(model, ask);
  const host = chartHost(ask, model.get("title") || "chart");
  const title = h("h3.aml-chart-title");
  const update = () => {
    title.textContent = model.get("title");
    title.hidden = !title.textContent;
    host.picture(model.get("picture"));
  };
  const draw = (figure) => host.show(figure, model.get("title")).catch(problem.show);
  const onMessage = (message) => message?.kind === "figure" && draw(message.figure);
  model.on("change:title", update);
  model.on("msg:custom", onMessage);
  el.append(h("div.aml.aml-chart-box", {}, problem.strip, title, host.element));
  update();
  // Without a kernel the picture stays.
  ask("figure").then(draw).catch(() => {});
  return () => {
    model.off("change:title", update);
    model.off("msg:custom", onMessage);
    host.close();
    problem.close();
    close();
  };
}

export default { render };
