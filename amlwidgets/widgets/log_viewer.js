import { h, problemStrip, requests } from "./common.js";
import { logView } from "./log_view.js";

function render({ model, el }) {
  const { ask, close } = requests(model);
  const problem = problemStrip(model, ask);
  const log = logView({ window: (start, count) => ask("window", { start, count }), find: (query) => ask("find", { query }) });
  const update = () => log.reset(model.get("name"), model.get("total"), model.get("marks"), true);
  model.on("change:total", update);
  el.append(h("div.aml.aml-log-viewer", {}, problem.strip, log.element));
  update();
  return () => {
    model.off("change:total", update);
    problem.close();
    log.close();
    close();
  };
}

export default { render };
