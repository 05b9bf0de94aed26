import { h } from "./common.js";

const SLOT = Symbol.for("amlwidgets.plotly");
const MADE = Symbol.for("amlwidgets.plotly.made");
const HIDDEN_FRAMES = 60;
const CONFIG = { displayModeBar: false, responsive: false, displaylogo: false };

/** plotly.js, fetched from the kernel once per page; every host on it shares the promise. */
export function loadPlotly(ask) {
  globalThis[SLOT] ??= fetchPlotly(ask).catch((error) => {
    globalThis[SLOT] = undefined;
    throw error;
  });
  return globalThis[SLOT];
}

async function fetchPlotly(ask) {
  const { buffers } = await ask("plotly");
  const unpacked = new Blob([buffers[0]]).stream().pipeThrough(new DecompressionStream("gzip"));
  // The hosts' AMD loaders must not catch it: it gets a module of its own.
  const before = "globalThis[Symbol.for('amlwidgets.plotly.made')] = (() => { const module = { exports: {} }; let exports = module.exports, define;\n";
  const text = new Blob([before, await new Response(unpacked).blob(), "\nreturn module.exports; })();"], { type: "text/javascript" });
  const address = URL.createObjectURL(text);
  try {
    await new Promise((resolve, reject) => {
      const script = h("script", { src: address, onload: resolve, onerror: () => reject({ message: "plotly.js cannot be run on this page.", todo: "", code: "plotly-blocked" }) });
      document.head.append(script);
      script.remove();
    });
  } finally {
    URL.revokeObjectURL(address);
  }
  return globalThis[MADE];
}

// One chart a frame: three drawn in one would hold the page up for as long as all of them take.
const waiting = new Set();
let frame = 0;
function drawNext() {
  frame = 0;
  const [draw] = waiting;
  waiting.delete(draw);
  draw?.();
  if (waiting.size) frame ||= requestAnimationFrame(drawNext);
}
function drawSoon(draw) {
  waiting.add(draw);
  frame ||= requestAnimationFrame(drawNext);
}

/** Start loading when the page has nothing better to do. */
export function loadSoon(ask) {
  const later = globalThis.requestIdleCallback ?? ((go) => setTimeout(go, 50));
  later(() => loadPlotly(ask).catch(() => {}));
}

let pixel = null;
const plain = new Map();
/** A colour as plotly reads it: of color-mix() and the like it would make black. */
function plainColor(color) {
  if (!plain.has(color)) plain.set(color, drawnColor(color));
  return plain.get(color);
}
function drawnColor(color) {
  pixel ??= h("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = color;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
  return `rgba(${red}, ${green}, ${blue}, ${alpha / 255})`;
}

/** A copy of a figure with the theme's colours in place of the names of its variables. */
function themed(value, colors) {
  if (typeof value === "string") {
    const name = /^var\((--[\w-]+)\)$/.exec(value);
    return name ? plainColor(colors.getPropertyValue(name[1]).trim()) : value;
  }
  if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map((one) => themed(one, colors));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, themed(one, colors)]));
  return value;
}

const DRAWN = ["svg", "g", "path", "rect", "line", "polyline", "polygon", "circle", "text", "tspan", "title"];

/** What a picture draws: a saved notebook is anybody's text, so scripts, links and handlers in it are left out. */
function drawnOnly(svg) {
  for (const one of [svg, ...svg.querySelectorAll("*")]) {
    if (!DRAWN.includes(one.localName)) one.remove();
    for (const { name, value } of [...one.attributes]) if (/^on|href$/i.test(name) || /url\s*\(/i.test(value)) one.removeAttribute(name);
  }
  return svg;
}

/** A place for one figure: a static picture first, the chart when plotly.js is there; it follows size and theme. */
export function chartHost(ask, label) {
  const canvas = h("div.aml-chart-canvas", { hidden: true });
  const still = h("div.aml-chart-still");
  const element = h("div.aml-chart", { role: "img", "aria-label": label }, still, canvas);
  let figure = null;
  let plotly = null;
  let tries = 0;
  function draw() {
    if (!plotly || !figure) return;
    if (!element.clientWidth) {
      // JupyterLab takes the page out of sight while a theme changes, and the observer of sizes sees nothing of it.
      if (tries++ < HIDDEN_FRAMES) soon();
      return;
    }
    tries = 0;
    const { data, layout } = themed(figure, getComputedStyle(element));
    const hover = { bgcolor: plainColor(getComputedStyle(element).getPropertyValue("--aml-bg").trim()) };
    canvas.hidden = false;
    still.hidden = true;
    const font = { ...layout.font, family: getComputedStyle(element).fontFamily };
    plotly.react(canvas, data, { ...layout, font, hoverlabel: hover, width: element.clientWidth }, CONFIG);
  }
  const soon = () => drawSoon(draw);
  const sizes = new ResizeObserver(soon);
  sizes.observe(element);
  const themes = new MutationObserver(soon);
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
  return {
    element,
    /** Show a small SVG text until the chart is drawn. */
    picture(text) {
      const made = text ? new DOMParser().parseFromString(text, "image/svg+xml").documentElement : null;
      still.replaceChildren(...(made?.localName === "svg" ? [document.importNode(drawnOnly(made), true)] : []));
    },
    /** Draw a figure, with one of the next frames; resolves when it can be. */
    async show(next, name) {
      figure = next;
      if (name) element.setAttribute("aria-label", name);
      plotly ??= await loadPlotly(ask);
      soon();
    },
    /** Whether it is out of sight now. */
    unseen() {
      const box = element.getBoundingClientRect();
      return box.bottom < 0 || box.top > globalThis.innerHeight;
    },
    close() {
      waiting.delete(draw);
      sizes.disconnect();
      themes.disconnect();
      if (plotly) plotly.purge(canvas);
    },
  };
}
