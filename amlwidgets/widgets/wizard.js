import { copyButton, h, keepFocus, problemStrip, requests, scrolls, seconds } from "./common.js";
import { calculatorOpener, checklistOpener, containerLead, findingCard } from "./finding_card.js";
import { logView } from "./log_view.js";

const MARKS = { done: "✓", failed: "✕", cancelled: "–", running: "", waiting: "", blocked: "" };
const WORDS = { waiting: "waiting", running: "running", done: "done", failed: "failed", blocked: "blocked", cancelled: "stopped" };
const CHECK_MARKS = { ok: "✓", fail: "✕", warn: "!", skip: "–" };

function noteOf(stage) {
  if (stage.state === "running") {
    const time = seconds(Math.max(0, Date.now() / 1000 - stage.started));
    return `${stage.note || "running"}, ${time}`;
  }
  const time = stage.ended && stage.started ? seconds(stage.ended - stage.started) : "";
  if (stage.state === "failed") return [`failed after ${time}`, stage.note].filter(Boolean).join(", ");
  if (stage.state === "done") return [stage.note, time].filter(Boolean).join(", ");
  return stage.note || WORDS[stage.state];
}

function railView(model, select) {
  const list = h("ol.aml-rail", { "aria-label": "Stages" });
  let key = "";
  let notes = [];
  const update = () => {
    const stages = model.get("rail");
    const selected = model.get("selected");
    const now = JSON.stringify([stages.map((s) => s.state), selected]);
    if (now !== key) {
      key = now;
      const focused = list.contains(document.activeElement);
      notes = stages.map(() => h("span.aml-note"));
      list.replaceChildren(...stages.map((stage, index) =>
        h(`li.aml-${stage.state}`, { "data-stage": stage.id, "data-state": stage.state },
          h("button", { type: "button", tabIndex: stage.id === selected ? 0 : -1, "aria-current": stage.id === selected ? "step" : null,
            onclick: () => select(stage.id) },
            h("span.aml-mark", { "aria-hidden": "true" }, MARKS[stage.state]),
            h("span.aml-name", {}, stage.title), h("span.aml-sr", {}, `, ${WORDS[stage.state]}, `), notes[index]))));
      if (focused) list.querySelector("[aria-current]")?.focus();
    }
    stages.forEach((stage, index) => (notes[index].textContent = noteOf(stage).replace(/ s$/, "\u00a0s")));
  };
  list.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const ids = model.get("rail").map((s) => s.id);
    select(ids[(ids.indexOf(model.get("selected")) + by + ids.length) % ids.length]);
    event.preventDefault();
    event.stopPropagation();
    requestAnimationFrame(() => list.querySelector("[aria-current]")?.focus());
  });
  return { list, update };
}

/** What a screen reader says when a stage begins, ends or fails; the running clock is not told. */
function announcer(model) {
  const element = h("div.aml-sr", { role: "status" });
  const states = () => model.get("rail").map((s) => s.state);
  let before = states();
  const update = () => {
    const news = model.get("rail").filter((stage, at) => stage.state !== before[at] && stage.state !== "waiting");
    before = states();
    if (news.length) element.textContent = `${news.map((stage) => `${stage.title}: ${[WORDS[stage.state], stage.note].filter(Boolean).join(", ")}`).join(". ")}.`;
  };
  return { element, update };
}

function formView(panel, change, disabled) {
  const fields = panel.inputs.flatMap((input) => {
    const id = `aml-${input.name}-${Math.random().toString(36).slice(2, 7)}`;
    const common = { id, disabled, "aria-describedby": `${id}-help` };
    const send = (event) => change(input.name, input.kind === "bool" ? event.target.checked : event.target.value);
    let field;
    if (input.kind === "choice")
      field = h("select", { ...common, onchange: send }, input.choices.map((c) => h("option", { value: c, selected: c === input.value }, c)));
    else if (input.kind === "area") field = h("textarea", { ...common, value: input.value, onchange: send, spellcheck: false });
    else if (input.kind === "bool") field = h("input", { ...common, type: "checkbox", checked: input.value, onchange: send });
    else field = h("input", { ...common, type: input.kind === "text" ? "text" : "number", value: String(input.value), min: input.minimum, step: input.step ?? (input.kind === "float" ? "any" : 1), spellcheck: false, onchange: send });
    field.addEventListener("keydown", (event) => event.stopPropagation());
    return [h("label", { htmlFor: id }, input.label), field, h("small", { id: `${id}-help` }, input.help)];
  });
  return fields.length ? h("div.aml-form", {}, fields) : null;
}

function checksView(checks) {
  if (!checks.length) return null;
  return h("ul.aml-checks", { "aria-label": "Checks" }, checks.map((check) =>
    h("li", { "data-check": check.id, "data-state": check.state },
      h(`span.aml-${check.state}`, { role: "img", "aria-label": check.state }, CHECK_MARKS[check.state]),
      h("span", {}, h("b", {}, check.title), " ", check.looked_at ? h("code", {}, check.looked_at) : "", " ", check.detail,
        check.todo && check.state !== "ok" ? ` ${check.todo}` : ""))));
}

function render({ model, el }) {
  const { ask, close } = requests(model);
  const problem = problemStrip(model, ask);
  const tell = (error) => problem.show(error);
  const act = (name, payload) => ask(name, payload).then((answer) => {
    if (answer?.confirm) confirm(answer.confirm, () => act(name, { ...payload, confirmed: true }));
    return answer;
  }).catch(tell);
  const select = (id) => {
    model.set("selected", id);
    model.save_changes();
  };
  const rail = railView(model, select);
  const said = announcer(model);
  const current = () => rail.list.querySelector("[aria-current]");
  const log = logView({ ask: (op, payload) => ask("log", { stage: model.get("selected"), op, payload }), open: showFinding });
  const head = h("header.aml-head");
  const question = h("div.aml-ask", { hidden: true, role: "alertdialog", "aria-label": "Confirm" });
  const panelBox = h("div.aml-panel", { role: "group", "aria-label": "Stage" });
  const foot = h("footer.aml-foot");
  const book = h("button.aml-link", { type: "button", onclick: () =>
    ask("runbook").then(({ path }) => (book.textContent = `Saved: ${path.split("/").at(-1)}`)).catch((error) => problem.show(error)) }, "Save as runbook");
  const body = h("div.aml-body", {}, panelBox, h("div.aml-side", {}, log.element));

  function confirm(words, yes) {
    const back = document.activeElement;
    const shut = () => { question.hidden = true; (back?.isConnected ? back : current())?.focus(); };
    const no = h("button", { type: "button", onclick: shut }, "No");
    question.replaceChildren(h("span", {}, words), h("div.aml-row", {},
      h("button.aml-primary", { type: "button", onclick: () => { shut(); yes(); } }, "Yes, do it"), no));
    question.onkeydown = (event) => { if (event.key === "Escape") { event.stopPropagation(); shut(); } };
    question.hidden = false;
    no.focus();
  }
  function drawHead() {
    const now = model.get("head");
    const target = h("select", { "aria-label": "Target", disabled: now.running, onchange: (e) => act("change", { name: "target", value: e.target.value }) },
      now.targets.map((t) => {
        const why = now.impossible?.[t];
        return h("option", { value: t, selected: t === now.target, disabled: Boolean(why) && t !== now.target, title: why ? "%aml local says what is missing" : "" }, why ? `${t} (${why})` : t);
      }));
    const generation = h("select", { "aria-label": "API", disabled: now.running, onchange: (e) => act("change", { name: "generation", value: e.target.value }) },
      now.generations.map((g) => h("option", { value: g, selected: g === now.generation }, g)));
    const buttons = now.running
      ? [h("button", { type: "button", onclick: () => act("cancel") }, "Cancel")]
      : [now.can_undo ? h("button", { type: "button", onclick: () => act("undo") }, "Undo fix") : null,
         now.service_there ? h("button", { type: "button", onclick: () => act("delete_service", {}) }, "Delete the service") : null,
         h("button", { type: "button", className: now.fixable || now.done ? "" : "aml-primary", onclick: () => act("run", { first: now.done ? "preflight" : null, last: null }) }, now.done ? "Run all again" : "Run to the end")];
    keepFocus(head, () => head.replaceChildren(
      h("span", {}, "Workspace ", h("b", {}, now.workspace || "not connected yet"),
        now.sandbox ? h("span.aml-badge", { title: "Nothing here reaches Azure." }, "sandbox") : now.workspace ? h("span.aml-badge.aml-real", { title: "This costs money." }, "Azure") : null),
      h("label", {}, h("span.aml-dim", {}, "Target "), target),
      now.generations.length ? h("label", {}, h("span.aml-dim", {}, "API "), generation) : h("span", {}, "API ", h("b", {}, "Model.deploy")),
      now.service ? h("span", {}, "Service ", h("b", {}, now.service)) : null,
      h("div.aml-row", {}, buttons)), current);
    foot.replaceChildren(h("span.aml-row", {}, now.unkept || (now.saved ? `Run ${now.saved} is in the journal` : "Nothing has run yet"), now.saved ? book : null),
      h("span", {}, now.running ? "Kernel free: the run has its own thread" : ""), h("span", {}, now.saved ? "%aml resumes this run" : ""));
    if (now.resume) {
      question.replaceChildren(h("span", {}, now.resume), h("div.aml-row", {},
        h("button.aml-primary", { type: "button", onclick: () => act("resume") }, "Resume"),
        h("button", { type: "button", onclick: () => act("start_over") }, "Start over")));
      question.hidden = false;
    } else if (question.textContent.includes("Start over")) question.hidden = true;
  }
  function showFinding(finding) {
    const card = [...panelBox.querySelectorAll(".aml-card")].find((c) => c.dataset.cause === finding.cause);
    if (!card) return;
    card.scrollIntoView({ block: "nearest" });
    card.classList.add("aml-shown");
    setTimeout(() => card.classList.remove("aml-shown"), 1200);
  }
  function showEvidence(panel, evidence) {
    if (evidence.source === panel.log.name) return log.reveal(evidence.first_line - 1);
    const said = panelBox.querySelector("details");
    if (said) said.open = true;
    said?.scrollIntoView({ block: "nearest" });
  }
  // It outlives the redrawing of its stage.
  let lead = containerLead(model, ask, tell);
  function drawPanel(keepLog) {
    if (!model.get("head").service_there) lead = containerLead(model, ask, tell);
    const panel = model.get("panels")[model.get("selected")];
    if (!panel) return;
    const busy = model.get("head").running;
    const actions = {
      busy, source: panel.log.name,
      apply: (finding, fix) => act("apply", { stage: panel.id, finding: panel.findings.indexOf(finding), fix }),
      show: (evidence) => showEvidence(panel, evidence),
      checklist: checklistOpener(model, ask), calculator: calculatorOpener(model, ask), tell,
      stageTitle: (id) => model.get("rail").find((s) => s.id === id)?.title ?? id,
    };
    const failed = panel.error && !panel.findings.some((f) => f.confidence >= 0.5);
    const order = [
      panel.findings.map((finding) => findingCard(finding, actions)),
      failed ? h("div.aml-failure", { role: "status", tabIndex: 0 }, panel.error) : null,
      panel.advice ? h("div.aml-row", {}, h("span", {}, panel.advice), h("button", { type: "button", disabled: busy,
        onclick: () => act("change", { name: "target", value: "ACI" }) }, "Try ACI")) : null,
      panel.result ? h("div", {}, h("h4", {}, "The service answered"), scrolls("pre.aml-result", "The service answered", panel.result)) : null,
      checksView(panel.checks),
      formView(panel, (name, value) => act("change", { name, value }), busy),
      h("div.aml-row", {},
        h("button", { type: "button", disabled: busy, onclick: () => act("run", { first: panel.id, last: panel.id }) }, "Run this stage"),
        panel.id === model.get("rail").at(-1).id ? null
          : h("button.aml-link", { type: "button", disabled: busy, onclick: () => act("run", { first: panel.id, last: null }) }, "and go on to the end")),
      ["start", "score"].includes(panel.id) && model.get("head").service_there ? lead : null,
      panel.error && !failed ? h("details", {}, h("summary.aml-dim", {}, "What the SDK said"), scrolls("div.aml-failure", "What the SDK said", panel.error)) : null,
      panel.code ? h("div", { style: "display:grid;gap:6px" }, h("h4", {}, "This stage runs"), scrolls("pre.aml-code", "Code", panel.code),
        h("div.aml-row", {}, copyButton(panel.code, "Copy code"))) : null,
    ];
    const active = panelBox.contains(document.activeElement) ? document.activeElement : null;
    if (!active || !["INPUT", "TEXTAREA"].includes(active.tagName) || !keepLog)
      keepFocus(panelBox, () => panelBox.replaceChildren(...order.flat().filter(Boolean)), current);
    const marks = panel.findings.flatMap((finding) =>
      finding.evidence.filter((e) => e.source === panel.log.name).map((e) => ({ ...finding, line: e.first_line - 1 })));
    // The checks say it all; their log is of use only as evidence.
    body.classList.toggle("aml-solo", panel.id === "preflight" && !marks.length);
    log.show({ name: panel.log.name, total: panel.log.total, findings: marks, excerpt: panel.log.excerpt, keep: keepLog });
  }
  const onLog = (message, buffers) => {
    if (message?.kind === "log" && message.stage === model.get("selected")) log.take(message, buffers);
  };
  const changes = {
    head: () => { drawHead(); drawPanel(true); }, rail: () => { rail.update(); said.update(); }, panels: () => drawPanel(true),
    selected: () => { rail.update(); drawPanel(false); },
  };
  for (const [name, update] of Object.entries(changes)) model.on(`change:${name}`, update);
  model.on("msg:custom", onLog);
  const clock = setInterval(rail.update, 500);
  const root = h("div.aml.aml-wizard", { role: "group", "aria-label": "Deployment wizard" }, problem.strip, head, question, rail.list,
    body, foot, said.element);
  el.append(root);
  drawHead();
  rail.update();
  drawPanel(false);
  act("refresh");
  return () => {
    clearInterval(clock);
    for (const [name, update] of Object.entries(changes)) model.off(`change:${name}`, update);
    model.off("msg:custom", onLog);
    problem.close();
    log.close();
    close();
  };
}

export default { render };
