// Small helpers shared by all views. Text only ever enters the page through textContent.

/** Make an element. Keys starting with "on" are listeners; null children are left out. */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== "list" && key !== "form") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

/**
 * Requests to the kernel: ask(name, payload) resolves with the answer or rejects with the error shown to people.
 * Bytes of an answer are in its `buffers`.
 */
export function requests(model, seconds = 30) {
  let last = 0;
  const open = new Map();
  const onMessage = (message, buffers) => {
    if (message?.kind !== "reply" || !open.has(message.id)) return;
    const { resolve, reject, timer } = open.get(message.id);
    clearTimeout(timer);
    open.delete(message.id);
    if (message.error) reject(message.error);
    else resolve(buffers?.length ? { ...message.result, buffers } : message.result);
  };
  model.on("msg:custom", onMessage);
  const prefix = Math.random().toString(36).slice(2);
  const ask = (name, payload = {}) =>
    new Promise((resolve, reject) => {
      const id = `${prefix}-${++last}`;
      const timer = setTimeout(() => {
        open.delete(id);
        reject({ message: "The kernel does not answer.", todo: "It may be busy or gone.", code: "no-answer" });
      }, seconds * 1000);
      open.set(id, { resolve, reject, timer });
      model.send({ kind: "request", id, name, payload });
    });
  const close = () => {
    model.off("msg:custom", onMessage);
    for (const { timer } of open.values()) clearTimeout(timer);
    open.clear();
  };
  return { ask, close };
}

/** The strip that shows the last error, with a way to close it. */
export function problemStrip(model, ask) {
  const words = h("span");
  const strip = h("div.aml-problem", { role: "alert", hidden: true }, words,
    h("button.aml-link", { type: "button", "aria-label": "Close the message", onclick: () => ask("dismiss").catch(() => {}) }, "Close"));
  const show = (problem) => {
    strip.hidden = !problem?.message;
    words.replaceChildren(h("b", {}, problem?.message ?? ""), problem?.todo ? ` ${problem.todo}` : "");
  };
  const update = () => show(model.get("problem"));
  model.on("change:problem", update);
  update();
  return { strip, show, close: () => model.off("change:problem", update) };
}

/**
 * Draw anew without losing the keyboard's place: the control that had the focus gets it again, known by its name;
 * when it is gone or cannot be used now, what `other` returns gets it.
 */
export function keepFocus(box, draw, other) {
  const active = box.contains(document.activeElement) ? document.activeElement : null;
  const called = (one) => `${one.tagName} ${one.getAttribute("aria-label") ?? one.textContent}`;
  const alike = (name) => [...box.querySelectorAll("button, select, summary, input, textarea, a")].filter((one) => called(one) === name);
  const name = active && called(active);
  const at = active && alike(name).indexOf(active);
  draw();
  if (!active || box.contains(document.activeElement)) return;
  const same = alike(name)[at];
  (same && !same.disabled ? same : other())?.focus();
}

/** An element that may scroll: the keyboard reaches it, and a screen reader says what it is. */
export function scrolls(tag, label, ...children) {
  return h(tag, { tabIndex: 0, role: "group", "aria-label": label }, ...children);
}

/** Copy text and say so on the button for a moment. */
export function copyButton(text, label = "Copy") {
  const button = h("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

/** Seconds in words: 0.4 s, 12 s, 3 min 5 s. */
export function seconds(value) {
  if (!(value >= 0)) return "";
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.round(value)} s`;
  return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
}
