import { copyButton, h, scrolls } from "./common.js";

/** Numbers and their units stay on one line. */
const together = (words) => words.replace(/(\d) (?=(s|%|GB)(\W|$))/g, "$1\u00a0");

/** The large numbers; what they are stands under them. Only texts change while a slider is dragged. */
export function numbersView() {
  const element = h("div.aml-calc-numbers", { role: "group", "aria-label": "Results" });
  const made = new Map();
  return {
    element,
    show(numbers, rough) {
      element.classList.toggle("aml-rough", Boolean(rough));
      for (const number of numbers) {
        if (!made.has(number.name)) {
          const one = { value: h("b"), held: h("s"), words: h("span") };
          one.box = h("div.aml-calc-number", { "data-number": number.name }, h("div", {}, one.value, one.held), one.words);
          made.set(number.name, one);
          element.append(one.box);
        }
        const one = made.get(number.name);
        one.value.textContent = number.value;
        one.held.textContent = number.held && number.held !== number.value ? number.held : "";
        one.held.title = "with the settings that are compared";
        one.words.textContent = together(number.words);
        one.box.classList.toggle("aml-is-bad", Boolean(number.bad));
      }
    },
  };
}

/** Sentences, one per line; the same list is not drawn again. */
export function sentencesView() {
  const element = h("ul.aml-calc-said", { "aria-label": "What to know" });
  let key = "";
  return {
    element,
    show(said) {
      const now = said.join("\n");
      if (now === key) return;
      key = now;
      element.replaceChildren(...said.map((words) => h("li", {}, together(words))));
    },
  };
}

/** Code to paste: one way at a time, copy, apply. */
export function codeView(apply) {
  const text = scrolls("pre.aml-code", "Code that uses these settings");
  const select = h("select", { "aria-label": "Way to use the settings", onchange: () => draw() });
  const applyButton = h("button.aml-primary", { type: "button", hidden: true, onclick: apply }, "Apply to the service");
  let code = {};
  function draw() {
    text.textContent = code[select.value] ?? "";
  }
  return {
    element: h("section.aml-calc-code", {}, h("div.aml-row", {}, h("h4", {}, "Use it"), select), text,
      h("div.aml-row", {}, applyButton, copyButton(() => text.textContent))),
    show(next, service) {
      const names = Object.keys(next).join();
      if (names !== Object.keys(code).join()) select.replaceChildren(...Object.keys(next).map((name) => h("option", { value: name }, name)));
      code = next;
      applyButton.hidden = !service;
      draw();
    },
  };
}

/** What is asked before a measurement. send({rate, seconds, concurrent, body, address}) */
export function measureForm(send, cancel) {
  const number = (label, value, unit) => {
    const box = h("input", { type: "number", step: "any", min: 0, value, "aria-label": label });
    return { box, element: h("label", {}, `${label} `, box, h("span.aml-dim", {}, ` ${unit}`)) };
  };
  const rate = number("Requests", 5, "a second");
  const time = number("for", 30, "s");
  const most = number("at most", 32, "at a time");
  const body = h("input", { type: "text", value: '{"data": []}', "aria-label": "One input of the entry script, JSON" });
  const address = h("input", { type: "url", placeholder: "http://…/score", "aria-label": "Scoring address" });
  const where = h("label", {}, "Address ", address);
  const element = h("form.aml-calc-measure", { hidden: true, "aria-label": "Measure the service", onsubmit: (event) => {
    event.preventDefault();
    send({ rate: Number(rate.box.value), seconds: Number(time.box.value), concurrent: Number(most.box.value), body: body.value, address: address.value });
  } }, where, rate.element, time.element, most.element, h("label", {}, "Input ", body),
  h("div.aml-row", {}, h("button.aml-primary", { type: "submit" }, "Measure …"), h("button", { type: "button", onclick: cancel }, "Close")));
  return {
    element,
    open(service) {
      where.hidden = Boolean(service);
      element.hidden = false;
      (service ? rate.box : address).focus();
    },
  };
}
