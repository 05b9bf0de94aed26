"""The calculator's sliders: what the kernel takes for an answer, and a drag of 60 moves a second in a real page."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

MOVES = 180
# Dragged as it is once all is ready: where numba is there, its kernel loads after the first charts.
CODE = """\
import amlwidgets
from amlwidgets.capacity import compiled
compiled.is_there() and compiled.warm()
amlwidgets.ReplicaCalculator(rps=20, min_replicas=10, max_replicas=60)"""
WATCH = """() => {
  const seen = window.aml = { frames: [], long: 0, waits: [], asked: 0 };
  const frame = (t) => { seen.frames.push(t); requestAnimationFrame(frame) };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.long = Math.max(seen.long, entry.duration);
  }).observe({ entryTypes: ['longtask'] });
  const slider = document.querySelector("input[type=range][aria-label='Requests']");
  slider.addEventListener('input', () => { seen.asked ||= performance.now() });
  const chart = document.querySelector('.aml-calc-chart');
  new MutationObserver(() => {
    if (seen.asked) seen.waits.push(performance.now() - seen.asked);
    seen.asked = 0;
  }).observe(chart, { subtree: true, childList: true, attributes: true });
}"""
# The page moves the slider itself, in step with its frames: a remote mouse would measure the remote control.
DRAG = """(moves) => new Promise((done) => {
  const slider = document.querySelector("input[type=range][aria-label='Requests']");
  let n = 0, last = 0;
  window.aml.frames = [];
  const begin = performance.now();
  const move = (t) => {
    if (t - last >= 15) {
      last = t;
      slider.value = 500 + 200 * Math.sin(n++ / 20);
      slider.dispatchEvent(new Event('input'));
    }
    if (n < moves) requestAnimationFrame(move);
    else done([performance.now() - begin, window.aml]);
  };
  requestAnimationFrame(move);
})"""


def main() -> None:
    """Print milliseconds of the kernel's part, and of the page while it is dragged."""
    kernel()
    page()


def kernel() -> None:
    """Print what one answer takes: preview and 20,000 requests, plain and compiled."""
    from amlwidgets.capacity import compiled
    from amlwidgets.capacity.prediction import PREVIEW_REQUESTS, predict
    from amlwidgets.capacity.settings import settings_from
    from amlwidgets.widgets import calculator_state as state

    print("slider, kernel part                            median ms")
    for warm in (False, True):
        if warm and not compiled.is_there():
            continue
        if warm:
            compiled.warm()
        for name, most in (("preview", PREVIEW_REQUESTS), ("20,000 requests", 20_000)):
            times = []
            for n in range(20):
                wanted = settings_from({"rps": 40 + n, "minutes": 20, "max_replicas": 200})
                begin = time.perf_counter()
                found = predict(wanted, seeds=1, most_requests=most)
                state.shown(found)
                state.figures(found, None)
                times.append(1000 * (time.perf_counter() - begin))
            print(f"  {name + (', compiled' if warm else ', plain'):<42} {median(times):12.1f}")
    print("  budgets: preview 30, all 100")


def page() -> None:
    """Drag a slider with 60 moves a second, and print what the page did meanwhile."""
    from lab import CHROMIUM, FLAGS, Lab, Notebook
    from playwright.sync_api import sync_playwright

    from benchmarks.first_widget import EMPTY

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        own = Path(folder, "lab")
        own.mkdir()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        lab = Lab(Path(folder), own, {"AMLWIDGETS_HOME": folder})
        try:
            Path(folder, "slider.ipynb").write_text(EMPTY)
            book = Notebook(browser.new_page(), lab, "slider.ipynb")
            book.set_cell(0, CODE)
            book.run_all()
            drag(book.page)
        finally:
            lab.close()
            browser.close()


def drag(page: Any) -> None:
    """Move, once a frame; then print frames, answers and the longest task."""
    page.wait_for_function("() => document.querySelectorAll('.aml-calc-chart .main-svg').length >= 3")
    page.wait_for_function("() => !document.querySelector('.aml-rough')")
    page.evaluate(WATCH)
    took, seen = page.evaluate(DRAG, MOVES)
    gaps = [b - a for a, b in itertools.pairwise(seen["frames"])]
    waits, rate = seen["waits"], 1000 * len(gaps) / took
    print(f"slider, {MOVES} moves dragged in the page in {took / 1000:.1f} s")
    late = quantiles(gaps, n=20)[-1]
    print(f"  {rate:.0f} frames a second; between two: median {median(gaps):.0f} ms, p95 {late:.0f} ms")
    print(f"  charts redrawn {len(waits)} times; from move to chart: median {median(waits):.0f} ms (budget 100)")
    print(f"  longest task {seen['long']:.0f} ms")


if __name__ == "__main__":
    main()
