import { copyButton, h, scrolls } from "./common.js";

/** A debugger attached to a copy of the container, and what JupyterLab's own can do instead. */
export function debugTab({ model, act, ask, problem }) {
  const box = h("div.aml-c-stack");
  const cell = h("div.aml-c-stack");
  const asCell = async () => {
    try {
      const { text } = await ask("cell");
      cell.replaceChildren(scrolls("pre.aml-c-command", "Command", text), h("div.aml-row", {}, copyButton(text, "Copy the cell")));
    } catch (error) { problem.show(error); }
  };
  const notebook = h("details", {}, h("summary.aml-dim", {}, "With JupyterLab's own debugger"),
    h("p", {}, "It cannot attach here: the kernel answers it with the debugger of its own process, whatever address is asked for. "
      + "It can step through the script when that runs in this notebook, with this notebook's packages: put it into a cell, "
      + "switch the debugger on (the bug in the notebook's toolbar), set a breakpoint, run the cell."),
    h("div.aml-row", {}, h("button", { type: "button", onclick: asCell }, "Show the script as a cell")), cell);
  const draw = () => {
    const busy = Boolean(model.get("busy")), now = model.get("answers").debug ?? {}, engine = Boolean(model.get("head").terminal);
    if (!engine) return box.replaceChildren(h("p.aml-dim", {}, "A debugger attaches to a container of this machine's Docker engine only."), notebook);
    if (!now.port)
      return box.replaceChildren(
        h("p", {}, "Starts a copy of the container whose init() waits until a debugger attaches. The container itself, and your file, stay as they are."),
        h("div.aml-row", {}, h("button", { type: "button", disabled: busy, onclick: () => act("debug", { on: true }) }, "Start the copy")), notebook);
    const text = JSON.stringify(now.launch, null, 2);
    return box.replaceChildren(
      h("p", {}, `It waits on port ${now.port} of this machine. ${now.note}`),
      h("p.aml-dim", {}, "VS Code: open the folder of your script, choose the configuration in Run and Debug, set a breakpoint, press F5. Then send a request to ",
        h("code", {}, now.address), "."),
      scrolls("pre.aml-c-command", "Command", text),
      h("div.aml-row", {}, copyButton(text, "Copy the configuration"),
        h("button", { type: "button", disabled: busy, onclick: () => act("debug", { on: false }) }, "End it and undo")));
  };
  return { title: "Debugger", element: box, draw };
}
