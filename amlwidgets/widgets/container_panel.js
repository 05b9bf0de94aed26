import { h, problemStrip, requests } from "./common.js";
import { debugTab } from "./container_debug.js";
import { editTab } from "./container_edit.js";
import { lookTab } from "./container_look.js";
import { openingView } from "./container_opening.js";
import { sendTab } from "./container_send.js";
import { shellTab } from "./container_shell.js";
import { logView } from "./log_view.js";

const SIGN_SECONDS = 10;
const bytes = (count) => (count < 1e9 ? `${(count / 1e6).toFixed(0)} MB` : `${(count / 1e9).toFixed(1)} GB`);

function chart(points, what, words, most) {
  const line = points.map((p, i) => `${(i / Math.max(1, points.length - 1)) * 100},${24 - Math.min(1, p / most) * 22}`).join(" ");
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 100 26");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "aml-c-chart");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${what}: ${words}`);
  const poly = document.createElementNS(ns, "polyline");
  poly.setAttribute("points", line);
  svg.append(poly);
  return h("span.aml-row", {}, h("span.aml-dim", {}, `${what} ${words}`), svg);
}

function logTab({ model, ask }) {
  const log = logView({ ask: (op, payload) => ask("log", { op, payload }), open: () => {} });
  const show = () => log.show({ name: "log", findings: [], excerpt: [], total: model.get("total"), keep: false });
  return { title: "Log", element: log.element, draw: () => {}, shown: show, take: (m, b) => log.take(m, b), again: show, close: () => log.close() };
}

function render({ model, el }) {
  const { ask, close } = requests(model, 60);
  const problem = problemStrip(model, ask);
  const act = (name, payload = {}) => ask("act", { name, payload }).catch(problem.show);
  const parts = { model, ask, act, problem };
  const tabs = [lookTab(parts), editTab(parts), sendTab(parts), shellTab(parts), debugTab(parts), logTab(parts)];
  const id = `aml-${Math.random().toString(36).slice(2, 8)}`;
  let selected = 0;
  const head = h("div.aml-c-head", { role: "status" });
  const note = h("div.aml-c-note");
  const buttons = tabs.map((tab, i) => h("button", {
    type: "button", role: "tab", id: `${id}-tab-${i}`, "aria-controls": `${id}-panel`, onclick: () => choose(i) }, tab.title));
  const list = h("div", { role: "tablist", "aria-label": "Container" }, buttons);
  const panel = h("div", { role: "tabpanel", id: `${id}-panel` });

  function choose(index, focus = false) {
    selected = index;
    buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", String(i === index));
      button.tabIndex = i === index ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", `${id}-tab-${index}`);
    panel.replaceChildren(tabs[index].element);
    tabs[index].draw();
    tabs[index].shown?.();
    if (focus) buttons[index].focus();
  }
  list.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    choose((selected + by + tabs.length) % tabs.length, true);
    event.preventDefault();
    event.stopPropagation();
  });
  function drawHead() {
    const now = model.get("head"), state = now.state ?? {}, busy = model.get("busy"), usage = model.get("usage");
    const kind = state.ready ? ".aml-ok" : ["exited", "removed", "waiting", "ended", "unreachable"].includes(state.status) || state.oom_killed ? ".aml-bad" : "";
    const last = usage.at(-1);
    head.replaceChildren(...[
      h("b", {}, now.name), h(`span.aml-c-state${kind}`, {}, state.words ?? ""),
      last ? chart(usage.map((p) => p[0]), "CPU", `${last[0].toFixed(2)} of ${last[2]} ${last[2] === 1 ? "core" : "cores"}`, last[2]) : null,
      last ? chart(usage.map((p) => p[1]), "Memory", `${bytes(last[1])} of ${bytes(last[3])}`, last[3]) : null,
      h("span.aml-row.aml-c-push", {}, busy ? h("span.aml-dim", {}, `${busy} …`) : null,
        now.reloads ? h("button", { type: "button", disabled: Boolean(busy), onclick: () => act("reload") }, "Reload") : null),
    ].filter(Boolean));
    note.replaceChildren(...[now.note, now.image].filter(Boolean).map((words) => h("div", {}, words)));
    note.hidden = !now.note && !now.image;
  }
  const opening = openingView(parts);
  const isOpen = () => !model.get("opening").state;
  const draw = () => { if (isOpen()) { drawHead(); tabs[selected].draw(); } };
  const inside = h("div", {}, head, note, list, panel);
  let wasOpen = null;
  function drawOpening() {
    const open = isOpen();
    if (!open) opening.draw();
    if (open === wasOpen) return;
    wasOpen = open;
    whole.replaceChildren(problem.strip, open ? inside : opening.element);
    if (open) { drawHead(); choose(0); }
  }
  const onMessage = (message, buffers) => {
    if (message?.kind === "log") tabs.at(-1).take(message, buffers);
    if (message?.kind === "log-again" && selected === tabs.length - 1) tabs.at(-1).again();
  };
  for (const name of ["head", "busy", "answers", "usage"]) model.on(`change:${name}`, name === "answers" ? draw : name === "busy" ? draw : drawHead);
  model.on("msg:custom", onMessage);
  const whole = h("div.aml.aml-container", { role: "group", "aria-label": "Container" });
  el.append(whole);
  model.on("change:opening", drawOpening);
  drawOpening();
  const view = Math.random().toString(36).slice(2);
  const sign = () => ask("seen", { view }).catch(() => {});
  sign();
  const clock = setInterval(sign, SIGN_SECONDS * 1000);
  return () => {
    clearInterval(clock);
    ask("seen", { view, closed: true }).catch(() => {});
    for (const name of ["head", "busy", "answers", "usage"]) { model.off(`change:${name}`, draw); model.off(`change:${name}`, drawHead); }
    model.off("msg:custom", onMessage);
    model.off("change:opening", drawOpening);
    opening.close();
    tabs.forEach((tab) => tab.close?.());
    problem.close();
    close();
  };
}

export default { render };
