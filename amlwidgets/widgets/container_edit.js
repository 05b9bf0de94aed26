import { h } from "./common.js";

/** The entry script, edited and reloaded in the container. */
export function editTab({ model, ask, act, problem }) {
  const editor = h("textarea", { rows: 22, disabled: true, spellcheck: false, "aria-label": "Entry script" });
  const file = h("b", {});
  const state = h("span.aml-dim", { role: "status" });
  const save = h("button.aml-primary", { type: "button", onclick: () => act("save", { text: editor.value }) }, "Save and reload");
  const undo = h("button", { type: "button", onclick: () => act("undo") }, "Undo all edits");
  const caught = h("button", { type: "button", onclick: () => act("catch", { on: !catching() }) });
  const warning = h("p", {}, "The error-catching run() is in: callers see your exceptions. ", h("b", {}, "Take it out before production."));
  let loaded = "", version = -1;
  const catching = () => loaded.includes(">>> amlwidgets: returns errors");
  async function load() {
    editor.disabled = true; // what is typed now would be lost
    try {
      const found = await ask("read");
      loaded = found.text;
      editor.value = found.text;
      file.textContent = found.path;
      drawState();
    } catch (error) { problem.show(error); }
    editor.disabled = false;
  }
  function drawState() {
    const busy = Boolean(model.get("busy")), now = model.get("answers").save ?? {};
    for (const button of [save, caught]) button.disabled = busy;
    undo.disabled = busy || !(now.edited ?? []).length;
    caught.textContent = catching() ? "Take the error-catching run() out" : "Catch errors in run()";
    warning.hidden = !catching();
    state.textContent = now.words ?? "";
  }
  function draw() {
    const now = model.get("answers").save ?? {};
    if ((now.version ?? 0) !== version) { version = now.version ?? 0; load(); }
    drawState();
  }
  editor.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the notebook's own shortcuts
    if (event.key === "Tab" && !event.shiftKey) { document.execCommand("insertText", false, "    "); event.preventDefault(); }
    if (event.key === "s" && (event.ctrlKey || event.metaKey)) { act("save", { text: editor.value }); event.preventDefault(); }
    if (event.key === "Escape") save.focus();
  });
  return { title: "Edit and reload", draw, element: h("div.aml-c-stack", {},
    h("div.aml-row", {}, file, h("span.aml-dim", {}, "in the container"), state), warning, editor,
    h("div.aml-row", {}, save, undo, caught, h("span.aml-dim", {}, "Ctrl+S saves; Esc leaves the editor"))) };
}
