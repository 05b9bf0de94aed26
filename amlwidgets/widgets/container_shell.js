import { copyButton, h, scrolls, seconds } from "./common.js";

/** JupyterLab's settings on the page; null elsewhere. */
function server() {
  const found = document.getElementById("jupyter-config-data");
  try { return found ? JSON.parse(found.textContent) : null; } catch { return null; }
}

/** Open a terminal of the Jupyter server, type a command into it, show it where the host can; what to say of it. */
async function openTerminal(command) {
  const page = server();
  const base = page.baseUrl ?? "/";
  const cookie = /(?:^|; )_xsrf=([^;]+)/.exec(document.cookie)?.[1];
  const headers = { ...(cookie ? { "X-XSRFToken": cookie } : {}), ...(page.token ? { Authorization: `token ${page.token}` } : {}) };
  const answer = await fetch(`${base}api/terminals`, { method: "POST", headers });
  if (!answer.ok) throw { message: "This Jupyter server offers no terminals.", todo: "Use the command line below." };
  const { name } = await answer.json();
  const query = page.token ? `?token=${encodeURIComponent(page.token)}` : "";
  const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}${base}terminals/websocket/${name}${query}`);
  await new Promise((resolve, reject) => {
    socket.onmessage = (event) => JSON.parse(event.data)[0] === "setup" && resolve();
    socket.onerror = reject;
  });
  socket.send(JSON.stringify(["stdin", `${command}\r`]));
  const address = `${base}terminals/${name}`;
  socket.close();
  // JupyterLab lets a page's own scripts use its commands only where it was told to; else Notebook's page is tried.
  if (window.jupyterapp?.commands?.hasCommand("terminal:open")) {
    await window.jupyterapp.commands.execute("terminal:open", { name });
    return "";
  }
  const there = await fetch(address, { method: "HEAD" }).catch(() => ({}));
  if (there.ok) window.open(address, "_blank", "noopener");
  return `The shell runs as terminal ${name}: ${there.ok ? "it opens in another tab, and" : "it"} is listed in Running Terminals.`;
}

/** Commands in the container: a real terminal where the host has one, and a line with history everywhere. */
export function shellTab({ model, act, problem }) {
  const line = h("input", { type: "text", placeholder: "command, such as  ls -la", "aria-label": "Command", spellcheck: false, autocomplete: "off" });
  const output = h("div.aml-c-stack", { role: "log", "aria-label": "Output" });
  const terminal = h("div.aml-row");
  const said = h("p.aml-dim", { role: "status" });
  const run = () => line.value.trim() && act("shell", { line: line.value }).then(() => (line.value = ""));
  let back = 0;
  line.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const lines = (model.get("answers").shell?.lines ?? []).map((entry) => entry.line);
    if (event.key === "Enter") { back = 0; run(); }
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (by) {
      back = Math.min(lines.length, Math.max(0, back + by));
      line.value = back ? lines[lines.length - back] : "";
      event.preventDefault();
    }
  });
  function draw() {
    const command = model.get("head").terminal;
    terminal.hidden = !command;
    terminal.replaceChildren(...[
      server()?.terminalsAvailable ? h("button", { type: "button", onclick: () => openTerminal(command).then((words) => (said.textContent = words)).catch(problem.show) }, "Open a terminal in it") : null,
      command ? h("code", {}, command) : null, command ? copyButton(command) : null].filter(Boolean));
    output.replaceChildren(...(model.get("answers").shell?.lines ?? []).toReversed().map((entry) => h("div.aml-c-stack", {},
      h("h4", {}, h("code", {}, `$ ${entry.line}`), entry.exit === 0 ? "" : ` → ${entry.exit ?? "ended at the time limit"}`, ` ${seconds(entry.seconds)}`),
      entry.output ? scrolls("pre", "Output", entry.output) : null)));
  }
  return { title: "Terminal", draw, element: h("div.aml-c-stack", {}, terminal, said,
    h("div.aml-row", {}, line, h("button", { type: "button", onclick: run }, "Run")), output) };
}
