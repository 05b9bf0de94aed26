import { copyButton, h, scrolls, seconds } from "./common.js";
import { table } from "./container_look.js";
import { findingCard } from "./finding_card.js";

/** A request, its answer, and the one before, side by side. */
export function sendTab({ model, ask, act, problem }) {
  const body = h("textarea", { rows: 8, spellcheck: false, value: '{"data": [[0]]}', "aria-label": "Body of the request" });
  const send = h("button.aml-primary", { type: "button", onclick: () => act("send", { body: body.value }) }, "Send");
  const sample = h("button", { type: "button", onclick: () => act("sample") }, "Sample from the schema");
  const call = h("button", { type: "button", onclick: () => act("look", { probe: "call", sample: body.value }) }, "Call run() with it inside");
  const files = h("input", { type: "text", placeholder: "files, such as  samples/*.json", "aria-label": "Files to send" });
  const batch = h("button", { type: "button", onclick: () => files.value && act("files", { pattern: files.value }) }, "Send each");
  files.addEventListener("keydown", (event) => { event.stopPropagation(); if (event.key === "Enter") batch.click(); });
  const address = h("code");
  const result = h("div.aml-c-two", { "aria-live": "polite" });
  const codes = h("div.aml-c-stack");
  let taken = null;
  async function code() {
    try {
      const made = await ask("code", { body: body.value });
      codes.replaceChildren(...Object.entries(made).map(([name, text]) => h("details", {},
        h("summary", {}, name), scrolls("pre.aml-c-command", name, text), copyButton(text))));
    } catch (error) { problem.show(error); }
  }
  const one = (title, exchange) => h("div", {}, h("h4", {}, `${title}: ${exchange.status} ${exchange.reason ?? ""}`.trim()
    + (exchange.seconds === undefined ? "" : `, ${seconds(exchange.seconds)}`)), scrolls("pre", title, exchange.answer || "(empty)"));
  function draw() {
    const busy = Boolean(model.get("busy")), now = model.get("answers");
    for (const button of [send, sample, call, batch]) button.disabled = busy;
    address.textContent = model.get("head").address;
    if (now.sample && now.sample !== taken) {
      taken = now.sample;
      if (taken.body) body.value = taken.body;
      else problem.show({ message: "The service describes no input.", todo: "Write the body by hand; @input_schema in the script gives a description." });
    }
    const inside = now["look:call"], got = now.send;
    result.replaceChildren(...[
      got?.before ? one("Before", got.before) : null, got ? one("Answer", got) : null].filter(Boolean));
    const more = [];
    if (now.files?.rows) more.push(table([["file", "status", "answer"], ...now.files.rows]));
    if (got?.finding) more.push(findingCard(got.finding, { source: "", stageTitle: (id) => id }));
    if (got?.headers?.length) more.push(h("details", {}, h("summary.aml-dim", {}, "Headers that matter"), table(got.headers, false)));
    if (got?.kept) more.push(h("p.aml-dim", {}, `The body is kept for replay: ${got.kept}`));
    if (inside) more.push(h(`div.aml-c-answer.aml-${inside.state}`, {}, h("b", {}, inside.sentence), table(inside.table)));
    extra.replaceChildren(...more);
  }
  const extra = h("div.aml-c-stack");
  body.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { act("send", { body: body.value }); event.preventDefault(); }
  });
  return { title: "Send data", draw, element: h("div.aml-c-stack", {}, h("div.aml-row", {}, "POST ", address), body,
    h("div.aml-row", {}, send, call, sample, h("button", { type: "button", onclick: code }, "As code"), h("span.aml-dim", {}, "Ctrl+Enter sends")),
    h("div.aml-row", {}, files, batch), codes, result, extra) };
}
