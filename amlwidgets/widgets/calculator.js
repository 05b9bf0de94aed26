import { calculatorForm } from "./calculator_form.js";
import { codeView, measureForm, numbersView, sentencesView } from "./calculator_parts.js";
import { chartHost, loadPlotly, loadSoon } from "./chart_host.js";
import { h, problemStrip, requests } from "./common.js";

const CHARTS = { time: "Load and replicas over time", latency: "How long answers take", replicas: "Refused by number of replicas" };

const MOST_REST_MS = 150;

function render({ model, el }) {
  const { ask, close } = requests(model);
  const problem = problemStrip(model, ask);
  const hosts = Object.fromEntries(Object.entries(CHARTS).map(([name, label]) => [name, { host: chartHost(ask, label), title: h("h3") }]));
  const numbers = numbersView();
  const said = sentencesView();
  const code = codeView(() => act("apply"));
  const note = h("span");
  const form = calculatorForm(model.get("fields"), model.get("choices"), { changed, file: fromFile });
  const measure = measureForm((plan) => act("measure", plan), () => (measure.element.hidden = true));
  const question = h("div.aml-ask", { hidden: true, role: "alertdialog", "aria-label": "Confirm" });
  const task = h("section.aml-calc-task", { hidden: true, "aria-live": "polite" });
  const taskChart = chartHost(ask, "Result");
  const name = h("span");
  const undo = h("button", { type: "button", title: "Take the last change back (Ctrl+Z)", onclick: () => move("undo") }, "Undo");
  const compare = h("button", { type: "button", "aria-pressed": "false", onclick: () => move("hold", { on: !model.get("head").held }) }, "Compare");
  const presets = h("select", { "aria-label": "Situations to start from", onchange: () => {
    if (presets.value) move("preset", { name: presets.value });
    presets.value = "";
  } }, h("option", { value: "" }, "Situations …"), model.get("choices").presets.map((one) => h("option", { value: one }, one)));
  const head = h("div.aml-head", {}, h("b", {}, "Replica calculator"), name, h("div.aml-row", {},
    h("button", { type: "button", onclick: recommend }, "Recommend"),
    h("button", { type: "button", onclick: () => act("sweep") }, "Sweep"),
    h("button", { type: "button", onclick: () => measure.open(model.get("head").service) }, "Measure …"), compare, undo, presets));
  const held = h("div.aml-calc-held", { hidden: true });
  const left = h("div.aml-calc-left", {}, form.element, code.element);
  const right = h("div.aml-calc-right", {}, numbers.element, held, task, said.element,
    Object.values(hosts).map(({ host, title }) => h("section.aml-calc-chart", {}, title, host.element)));
  const root = h("div.aml.aml-calc", { role: "group", "aria-label": "Replica calculator", onkeydown: keys }, problem.strip, head, measure.element,
    question, h("div.aml-calc-body", {}, left, right), h("div.aml-foot", {}, note));

  // ---- showing

  function show(state, { form: alsoForm = true } = {}) {
    if (alsoForm) form.show(state.settings, state.head ?? model.get("head"));
    numbers.show(state.shown.numbers, state.shown.rough);
    said.show(state.shown.said);
    note.textContent = state.shown.note;
    code.show(state.shown.code, model.get("head").service);
    for (const [key, { host, title }] of Object.entries(hosts)) {
      title.textContent = state.shown.titles[key];
      // While a slider is dragged the chart that is looked at moves; the others follow when it is let go.
      if (state.figures && !(state.shown.rough && host.unseen())) host.show(state.figures[key], `${CHARTS[key]}: ${state.shown.titles[key]}`).catch(problem.show);
    }
    if (state.head) showHead(state.head);
  }
  function showHead(now) {
    name.replaceChildren(...(now.service ? ["settings of ", h("b", {}, now.service)] : []));
    undo.disabled = !now.undo;
    compare.setAttribute("aria-pressed", String(Boolean(now.held)));
    compare.textContent = now.held ? "Stop comparing" : "Compare";
    held.hidden = !now.held;
    held.replaceChildren(h("b", {}, "Compared with "), now.held);
  }

  // ---- changing: one question at a time; while it is answered only the newest wish is kept

  let asking = false;
  let wish = null;
  function changed(values, finished) {
    wish = { values: { ...wish?.values, ...values }, finished: finished || Boolean(wish?.finished) };
    if (!asking) next();
  }
  async function next() {
    asking = true;
    while (wish) {
      const { values, finished } = wish;
      wish = null;
      try {
        const state = await ask(finished ? "settle" : "preview", { settings: values });
        if (model.get("problem")?.message && !finished) ask("dismiss").catch(() => {});
        show(state, { form: finished });
        if (finished && !state.complete && !wish) show(await ask("refine"), { form: false });
      } catch (error) {
        problem.show(error);
        Object.keys(values).forEach(form.wrong);
      }
      // The browser draws, and has as much time again for the hand on the slider, before the next answer is asked for.
      await breathe();
    }
    asking = false;
  }
  async function breathe() {
    const begin = performance.now();
    await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
    await new Promise((go) => setTimeout(go, Math.min(performance.now() - begin, MOST_REST_MS)));
  }
  async function move(request, payload = {}) {
    try {
      show(await ask(request, payload));
    } catch (error) {
      problem.show(error);
    }
  }
  async function fromFile(file) {
    await move("trace", { text: await file.text(), name: file.name });
  }

  // ---- longer work

  async function act(request, payload = {}) {
    try {
      const answer = await ask(request, payload);
      if (!answer?.confirm) return;
      const back = document.activeElement;
      const shut = () => { question.hidden = true; back?.focus?.(); };
      const yes = h("button.aml-primary", { type: "button", onclick: () => {
        shut();
        measure.element.hidden = true;
        act(request, { ...payload, confirmed: true });
      } }, "Go on");
      question.replaceChildren(h("span", {}, answer.confirm), h("span.aml-row", {}, yes,
        h("button", { type: "button", onclick: shut }, "No")));
      question.onkeydown = (event) => { if (event.key === "Escape") { event.stopPropagation(); shut(); } };
      question.hidden = false;
      yes.focus();
    } catch (error) {
      problem.show(error);
    }
  }
  async function recommend() {
    try {
      const found = await ask("recommend");
      drawTask(found.title, found.reasons, [useButton(found.values)]);
    } catch (error) {
      problem.show(error);
    }
  }
  function useButton(values) {
    if (!Object.keys(values ?? {}).length) return null;
    return h("button.aml-primary", { type: "button", onclick: () => changed(values, true) }, "Use these");
  }
  function drawTask(title, words, buttons = [], progress = null) {
    task.hidden = false;
    task.replaceChildren(h("div.aml-row", {}, h("h3", {}, title), progress === null ? null : h("progress", { max: 1, value: progress }), buttons,
      h("button.aml-link", { type: "button", "aria-label": "Close the result", onclick: () => (task.hidden = true) }, "Close")),
    h("ul", {}, words.map((one) => h("li", {}, one))));
  }
  async function onTask() {
    const now = model.get("task");
    if (!now.name) return;
    const stop = now.running ? h("button", { type: "button", onclick: () => ask("stop").catch(problem.show) }, "Stop") : null;
    drawTask(now.title, now.words, [stop ?? useButton(now.values)], now.running ? now.progress : null);
    if (now.running) return;
    const { figure } = await ask("task_figure").catch(() => ({}));
    if (figure) {
      task.append(taskChart.element);
      taskChart.show(figure, now.title).catch(problem.show);
    }
  }
  function keys(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !undo.disabled && !event.target.matches("input[type=number], input[type=text]")) {
      event.preventDefault();
      move("undo");
    }
    // The notebook's own shortcuts stay out of the sliders.
    if (event.target.matches("input, select")) event.stopPropagation();
  }
  const onMessage = (message) => message?.kind === "state" && show(message.state);
  model.on("change:task", onTask);
  model.on("msg:custom", onMessage);
  el.append(root);
  for (const [key, { host }] of Object.entries(hosts)) host.picture(model.get("pictures")[key]);
  show({ settings: model.get("settings"), shown: model.get("shown"), head: model.get("head") });
  if (model.get("task").name) onTask();
  // Without a kernel the pictures stay.
  loadSoon(ask);
  ask("start").then(async (state) => {
    show(state);
    await loadPlotly(ask);
    await ask("warm");
  }).catch(() => {});
  return () => {
    model.off("change:task", onTask);
    model.off("msg:custom", onMessage);
    for (const { host } of Object.values(hosts)) host.close();
    taskChart.close();
    problem.close();
    close();
  };
}

export default { render };
