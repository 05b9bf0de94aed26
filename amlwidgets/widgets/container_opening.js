import { h, scrolls } from "./common.js";

/** What is seen until the container is there: what goes on, Cancel; after a failure the reason, a login, another try. */
export function openingView({ model, ask, problem }) {
  const element = h("div.aml-c-opening");
  const name = h("b"), words = h("span.aml-c-words"), clock = h("span.aml-dim");
  const bar = h("progress", { "aria-label": "Progress" });
  const log = scrolls("pre.aml-c-command", "Steps");
  const lines = h("details", {}, h("summary.aml-dim", {}, "All steps"), log);
  const say = (name, payload) => ask(name, payload).catch(problem.show);
  const cancel = h("button", { type: "button", onclick: () => { cancel.disabled = true; say("cancel_opening"); } }, "Cancel");
  const going = [h("div.aml-row", {}, name, h("span.aml-row.aml-c-push", {}, clock, cancel)), bar, words, lines];
  let shown = "", timer = null;

  function field(label, type) {
    const input = h("input", { type, "aria-label": label, placeholder: label, autocomplete: "off" });
    input.addEventListener("keydown", (event) => { event.stopPropagation(); if (event.key === "Enter") enter.click(); });
    return input;
  }
  const user = field("User", "text"), password = field("Password", "password");
  const enter = h("button.aml-primary", { type: "button", onclick: () => {
    const payload = { user: user.value, password: password.value };
    password.value = ""; // it is nowhere but in this message
    if (payload.user && payload.password) say("open_again", payload);
  } }, "Log in and pull");

  function login(wanted) {
    const az = wanted.az ? h("button", { type: "button", onclick: () => say("open_again", { az: true }) }, wanted.az) : null;
    return h("div.aml-c-stack", {}, h("p", {}, `${wanted.registry} wants a login. What you type is used once, neither shown nor kept.`),
      h("div.aml-row", {}, user, password, enter), az ? h("div.aml-row", {}, az) : null);
  }
  function draw() {
    const now = model.get("opening"), working = now.state === "working";
    name.textContent = `Opening ${now.name}`;
    words.textContent = now.words ?? "";
    log.textContent = (now.lines ?? []).join("\n");
    if (typeof now.part === "number") bar.value = now.part; else bar.removeAttribute("value");
    if (now.state === shown) return;
    shown = now.state;
    clearInterval(timer);
    cancel.disabled = false;
    const tick = () => (clock.textContent = `${Math.max(0, Math.round(Date.now() / 1000 - now.began))} s`);
    if (working) { tick(); timer = setInterval(tick, 1000); return element.replaceChildren(...going); }
    const title = now.state === "cancelled" ? "Cancelled. What was begun is removed." : now.problem?.message;
    element.replaceChildren(...[
      h("div.aml-c-answer.aml-fail", { role: "alert" }, h("b", {}, title ?? ""), now.state === "failed" && now.problem?.todo ? h("p", {}, now.problem.todo) : null),
      now.login ? login(now.login) : null,
      h("div.aml-row", {}, h("button", { type: "button", onclick: () => say("open_again") }, "Try again")), lines].filter(Boolean));
  }
  return { element, draw, close: () => clearInterval(timer) };
}
