"""A log in a real JupyterLab: ``print``, ipydatagrid and the log viewer side by side, in one run.

``python -m benchmarks log_view``; set ``LOG_VIEW_TABLE`` to a file to keep the table. Every case has a fresh page and a
fresh kernel; the text is in the kernel's memory before the clock starts.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

SIZES = tuple(int(size) for size in os.environ.get("LOG_VIEW_SIZES", "100000,1000000").split(","))
LIMIT = 60
"""Seconds after which a case is stopped."""
TEXT = 'TEXT = "\\n".join(LINES) + "\\n"; del LINES'
METHODS = {
    "print": (TEXT, "print(TEXT)"),
    "ipydatagrid": (
        "import pandas as pd, ipydatagrid\nframe = pd.DataFrame({'line': LINES}); del LINES",
        "ipydatagrid.DataGrid(frame, layout={'height': '480px'}, base_column_size=900)",
    ),
    "LogViewer": (f"from amlwidgets import LogViewer\n{TEXT}", "viewer = LogViewer(TEXT)\nviewer"),
}
SETUP = """\
import random
rng = random.Random(7)
def line(n):
    at = f"2026-11-21 {{10 + n // 3600 % 12:02d}}:{{n // 60 % 60:02d}}:{{n % 60:02d}},{{rng.randrange(1000):03d}}"
    if n % 5000 == 4999:
        return f"{{at}} W [71] azmlinfsrv - UserWarning: estimator of version 0.22 read by version 0.24, request {{n}}"
    more = f"{{rng.getrandbits(64):016x}} {{rng.getrandbits(60):015x}} request {{n}} {{rng.randrange(900)}} ms"
    return f'{{at}} I [71] gunicorn.access - 127.0.0.1 "POST /score HTTP/1.0" 200 {{more}}'
LINES = [line(n) for n in range({n})]
LINES[{n} // 2] += " QQ-" + "MID"
LINES[-1] += " QQ-" + "END"
{ready}
import gc; gc.collect()
"""
WATCH = """([kind]) => {
  window.tasks = [];
  new PerformanceObserver(l => tasks.push(...l.getEntries().map(e => e.duration))).observe({type: 'longtask'});
  const area = document.querySelectorAll('.jp-Cell')[1].querySelector('.jp-Cell-outputArea');
  const seen = () => {
    const rows = area.querySelectorAll('.aml-line .aml-t');
    if (kind === 'LogViewer') return [...rows].pop()?.textContent.includes('QQ-END');
    if (kind === 'ipydatagrid') return area.querySelector('canvas')?.width > 0;
    let last = [...area.querySelectorAll('pre')].pop(); while (last?.lastChild) last = last.lastChild;
    for (let i = 0; last && i < 6; i++, last = last.previousSibling ?? last.parentNode?.previousSibling)
      if (last.textContent.slice(-300).includes('QQ-END')) return true;
    return false };
  const start = performance.now(); window.visible = 0;
  const done = () => requestAnimationFrame(() => requestAnimationFrame(() => visible = performance.now() - start));
  const look = () => seen() ? done() : setTimeout(look, 15);
  setTimeout(look, 0);
  jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
  jupyterapp.commands.execute('notebook:run-cell') }"""
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
UNTIL = """([js, limit]) => new Promise((done, fail) => {
  const test = new Function('return ' + js), start = performance.now(), now = () => performance.now() - start;
  const look = () => test() ? requestAnimationFrame(() => done(now()))
    : now() > limit ? fail(new Error('not within ' + limit + ' ms: ' + js)) : setTimeout(look, 4);
  look() })"""
BOX = "(document.querySelector('.aml-scroll') ?? document.querySelector('.jp-WindowedPanel-outer'))"
TO_END = f"""async () => {{ const e = {BOX}, start = performance.now(); e.scrollTop = e.scrollHeight;
  await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
  return performance.now() - start }}"""
PAGE_FIND = """() => { getSelection().removeAllRanges(); document.activeElement?.blur();
  const start = performance.now();
  return window.find('QQ-MID', true, false, true) ? performance.now() - start : null }"""
SCROLL = """async ([box]) => {
  const e = new Function('return ' + box)(), frame = () => new Promise(requestAnimationFrame);
  tasks.length = 0; const most = e.scrollHeight - e.clientHeight;
  const step = async to => { e.scrollTop = to; await frame() };
  for (let i = 0; i < 60; i++) await step(most / 3 + i * 120);
  for (let i = 0; i < 40; i++) await step(most * ((i * 7919) % 997) / 997);
  await new Promise(done => setTimeout(done, 300));
  return Math.max(0, ...tasks) }"""
FIND = """async ([query]) => {
  const input = document.querySelector('.aml-find input'), count = document.querySelector('.aml-count');
  const type = words => { input.value = words; input.dispatchEvent(new Event('input')) };
  type(''); await new Promise(done => setTimeout(done, 400));
  const start = performance.now(); type(query);
  const until = test => new Promise(done => {
    const look = () => test() ? done(performance.now() - start) : setTimeout(look, 1); look() });
  const first = await until(() => document.querySelector('.aml-found.aml-now'));
  const all = await until(() => / of [\\d,]+$/.test(count.textContent));
  return {first, all, words: count.textContent} }"""
FILTER = """() => { document.querySelector('.aml-log-head .aml-toggle[aria-expanded]').click();
  const e = document.querySelector('.aml-log-tools input[type=search]');
  e.value = 'UserWarning'; e.dispatchEvent(new Event('input')) }"""


def main() -> None:
    """Measure every case and print the table."""
    from lab import CHROMIUM, FLAGS, Lab
    from playwright.sync_api import sync_playwright

    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        own = Path(folder, "lab")
        own.mkdir()
        lab = Lab(Path(folder), own, {"AMLWIDGETS_HOME": folder})
        try:
            for lines, method in product(SIZES, METHODS):
                if method in os.environ.get("LOG_VIEW_METHODS", method):
                    # A browser of its own, so that no other page's memory is counted.
                    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                    rows.append(Case(browser, lab, method, lines).measure())
                    browser.close()
                    for kernel in lab.api("kernels"):
                        lab.api(f"kernels/{kernel['id']}", "DELETE")
                    print(json.dumps(rows[-1]), flush=True)
        finally:
            lab.close()
    text = table(rows)
    print(text)
    if place := os.environ.get("LOG_VIEW_TABLE"):
        Path(place).write_text(text + "\n")


class Case:
    """One way to show a log of one length."""

    def __init__(self, browser: Any, lab: Any, method: str, lines: int) -> None:
        from lab import Notebook, write_notebook

        ready, show = METHODS[method]
        file = f"{method}-{lines}.ipynb"
        write_notebook(lab.root / file, SETUP.format(n=lines, ready=ready), show)
        self.browser, self.lab, self.method = browser, lab, method
        self.file = lab.root / file
        self.page = browser.new_page(viewport={"width": 1400, "height": 900})
        self.book = Notebook(self.page, lab, file)
        self.found: dict[str, Any] = {"method": method, "lines": lines}

    def measure(self) -> dict[str, Any]:
        """Return what was measured; ``stopped`` where a step took too long."""
        from playwright.sync_api import Error

        self.page.set_default_timeout(LIMIT * 1000)
        try:
            self.book.run_cell(0)
            self._shown()
            self._used()
            self._saved()
        except Error as error:
            self.found["stopped"] = f"after {LIMIT} s: {str(error).splitlines()[0][:80]}"
        self.page.close()
        return self.found

    def _shown(self) -> None:
        page, rss, heap = self.page, self._memory(), self._renderer()
        page.evaluate(WATCH, [self.method])
        page.wait_for_function("() => window.visible > 0", polling=50)
        self.found["visible_s"] = page.evaluate("visible") / 1000
        if self.method == "LogViewer":
            self._until("jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")
            page.evaluate(TWO_FRAMES)
            self.book.set_cell(2, "assert viewer.wait(120)\nprint(viewer._log.index_bytes())")
            self.book.run_cell(2)
            self.found["index_mb"] = int(self.book.output(2)) / 1e6
        page.wait_for_timeout(1500)
        self.found["blocked_s"] = sum(page.evaluate("tasks")) / 1000
        self.found["kernel_mb"] = (self._memory() - rss) / 1e6
        self.found["page_mb"] = (self._renderer() - heap) / 1e6

    def _used(self) -> None:
        """Scroll, find and filter, where there is a way to."""
        page, heap = self.page, self._renderer()
        if self.method == "ipydatagrid":
            box = page.locator(".jp-OutputArea canvas").first.bounding_box()
            page.mouse.move(box["x"] + 200, box["y"] + 200)
            page.evaluate("tasks.length = 0")
            for _ in range(40):
                page.mouse.wheel(0, 3000)
                page.evaluate(TWO_FRAMES)
            page.wait_for_timeout(300)
            self.found["longest_ms"] = max([0, *page.evaluate("tasks")])
            return
        if self.method == "print":
            self.found["end_ms"] = page.evaluate(TO_END)
            self.found["longest_ms"] = page.evaluate(SCROLL, [BOX])
            self.found["find_ms"] = page.evaluate(PAGE_FIND)
            return
        page.locator(".aml-scroll").focus()
        page.keyboard.press("g")
        self._until("document.querySelector('.aml-line[data-line=\"0\"]')")
        page.evaluate("document.querySelector('.aml-scroll').dispatchEvent(new KeyboardEvent('keydown', {key: 'G'}))")
        last = f"document.querySelector('.aml-line[data-line=\"{self.found['lines'] - 1}\"] .aml-t')"
        self.found["end_ms"] = self._until(f"{last}?.textContent.includes('QQ-END')")
        self.found["longest_ms"] = page.evaluate(SCROLL, [BOX])
        found = [page.evaluate(FIND, [query]) for query in ("QQ-MID", "UserWarning", "gunicorn.access")]
        self.found |= {"find_ms": found[0]["first"], "near_ms": found[1]["first"]}
        self.found |= {"count_ms": max(f["all"] for f in found), "found": found}
        page.evaluate(FILTER)
        words = f"{self.found['lines'] // 5000:,} of {self.found['lines']:,} lines"
        self.found["filter_ms"] = self._until(f"document.querySelector('.aml-lines').textContent === '{words}'")
        self.found["page_mb"] = max(self.found["page_mb"], self.found["page_mb"] + (self._renderer() - heap) / 1e6)

    def _until(self, javascript: str) -> float:
        return self.page.evaluate(UNTIL, [javascript, LIMIT * 1000])

    def _saved(self) -> None:
        from lab import save_with_widgets

        before = sum(len(c["source"]) for c in json.loads(self.file.read_text())["cells"])
        save_with_widgets(self.page)
        self.found["saved_kb"] = (self.file.stat().st_size - before) / 1000

    def _memory(self) -> int:
        """Return the memory of the only kernel, in bytes."""
        import psutil

        kernels = [
            p
            for p in psutil.Process(self.lab.process.pid).children(recursive=True)
            if "ipykernel" in " ".join(p.cmdline())
        ]
        return sum(p.memory_info().rss for p in kernels)

    def _renderer(self) -> int:
        """Return the memory of the browser's page, in bytes, after its garbage was collected."""
        import psutil

        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        session.detach()
        session = self.browser.new_browser_cdp_session()
        pids = [p["id"] for p in session.send("SystemInfo.getProcessInfo")["processInfo"] if p["type"] == "renderer"]
        session.detach()
        return sum(psutil.Process(pid).memory_info().rss for pid in pids)


COLUMNS = {
    "visible_s": ("visible s", "{:.2f}"),
    "blocked_s": ("blocked s", "{:.2f}"),
    "end_ms": ("to the end ms", "{:.0f}"),
    "longest_ms": ("longest task while scrolling ms", "{:.0f}"),
    "near_ms": ("first hit near ms", "{:.0f}"),
    "find_ms": ("first hit far ms", "{:.0f}"),
    "count_ms": ("all hits ms", "{:.0f}"),
    "filter_ms": ("filter ms", "{:.0f}"),
    "page_mb": ("page MB", "{:.0f}"),
    "kernel_mb": ("kernel MB", "{:.0f}"),
    "index_mb": ("index MB", "{:.1f}"),
    "saved_kb": ("saved kB", "{:,.0f}"),
}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table in Markdown."""
    lines = [
        "| lines | shown by | " + " | ".join(head for head, _ in COLUMNS.values()) + " |",
        "|---|---|" + "---|" * len(COLUMNS),
    ]
    for row in rows:
        cells = [form.format(row[name]) if row.get(name) is not None else "" for name, (_, form) in COLUMNS.items()]
        stopped = " (stopped)" if "stopped" in row else ""
        lines.append(f"| {row['lines']:,} | {row['method']}{stopped} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
