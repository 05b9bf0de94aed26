"""A live log in a page: 5,000 lines a second into two views, while the kernel runs other cells."""

from __future__ import annotations

RATE = 5_000
CELL = """\
import time
from amlwidgets import LogViewer
def source(lines):
    begun = time.monotonic()
    for n in range(lines):
        if n % 250 == 0:
            time.sleep(max(0, begun + n / {rate} - time.monotonic()))
        yield f"2026-11-21T10:00:00Z INFO line {{n}} of a service that scores the requests of many clients"
viewer = LogViewer(source({lines}))
viewer
"""
OTHER = "print(viewer._feed.running, len(viewer._log), sum(range(1_000_000)))\ntime.sleep(1)"
COUNT = """\
assert viewer.wait(60)
numbers = [int(line.split()[3]) for line in viewer._log.window(0, 10**7)]
print(numbers == list(range({lines})), viewer.total)
"""
WATCH = """() => { window.tasks = [];
  new PerformanceObserver(l => tasks.push(...l.getEntries().map(e => e.duration))).observe({type: 'longtask'}) }"""
BOTH = """([count, last]) => { const views = [...document.querySelectorAll('.aml-log-viewer')];
  return views.length === 2 && views.every(v => v.querySelector('.aml-lines').textContent === count
    && [...v.querySelectorAll('.aml-line .aml-t')].pop()?.textContent.includes(last)) }"""


def follow(book, seconds: int) -> dict:
    """Let a log grow for so long.

    Returns:
        dict: ``lines`` that came, ``right`` when the kernel has each once and in order, ``meanwhile`` what cells that ran
        beside it printed, ``blocked`` the share of the rest of the time in which the page was blocked by tasks
        over 50 ms.
    """
    lines = RATE * seconds
    for index, source in enumerate((CELL.format(rate=RATE, lines=lines), "viewer", OTHER, COUNT.format(lines=lines))):
        book.set_cell(index, source)
    book.run_cell(0)
    book.run_cell(1)
    page = book.page
    meanwhile = []
    came = 0
    while came < lines // 2:
        book.run_cell(2)
        meanwhile.append(book.output(2).strip())
        came = int(meanwhile[-1].split()[1])
    # The second half alone: running cells costs the page time of its own.
    page.evaluate(WATCH)
    page.wait_for_function(BOTH, arg=[f"{lines:,} lines", f"line {lines - 1} "], timeout=60_000)
    blocked = sum(page.evaluate("tasks")) / 1000 / (seconds * (1 - came / lines))
    book.run_cell(3)
    right, total = book.output(3).split()
    return {"lines": int(total), "right": right == "True", "meanwhile": meanwhile, "blocked": blocked}
