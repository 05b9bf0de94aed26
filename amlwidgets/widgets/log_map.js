import { h } from "./common.js";

/** The strip beside the rows: errors, warnings and findings where they stand, and what is in sight. go(part of 1). */
export function logMap({ go, open }) {
  const ticks = h("div");
  const pins = h("div");
  const sight = h("div.aml-sight");
  const strip = h("div.aml-strip", { title: "Errors, warnings and findings in the whole log", "aria-hidden": "true" }, ticks, pins, sight);
  strip.addEventListener("mousedown", (event) => {
    if (event.target.closest("b.aml-pin")) return;
    const box = strip.getBoundingClientRect();
    const to = (e) => go(Math.min(1, Math.max(0, (e.clientY - box.top) / box.height)));
    const up = () => { removeEventListener("mousemove", to); removeEventListener("mouseup", up); };
    addEventListener("mousemove", to);
    addEventListener("mouseup", up);
    to(event);
    event.preventDefault();
  });
  return {
    strip,
    /** levels: a level for each equal part of the log. */
    levels(levels) {
      const parts = [];
      levels.forEach((level, index) => level > 2 && parts.push(h(level > 3 ? "b" : "b.aml-warn", { style: `top:${(100 * index) / levels.length}%` })));
      ticks.replaceChildren(...parts);
    },
    findings(places) {
      pins.replaceChildren(...places.map(({ part, finding }) =>
        h("b.aml-pin", { style: `top:${Math.min(99, 100 * part)}%`, title: finding.title, onclick: () => open(finding) })));
    },
    sight(from, to) {
      sight.hidden = !(to - from < 0.999);
      sight.style.top = `${100 * Math.max(0, from)}%`;
      sight.style.height = `${Math.max(1.5, 100 * (to - from))}%`;
    },
  };
}
