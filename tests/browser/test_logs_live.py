"""A live log in a real browser: nothing lost, two views alike, the kernel free; closing the views ends the work."""

import json
import os
import signal
import subprocess
import sys

import pytest
from lab import reopen_without_kernel, save_with_widgets
from live_logs import RATE, follow

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ENDLESS = """\
import itertools, time
from amlwidgets import LogViewer
def endless():
    for n in itertools.count():
        time.sleep(0.001)
        yield f"line {n}"
viewer = LogViewer(endless())
viewer
"""
WORKING = "print(viewer._feed.running, any(t.is_alive() for t in viewer._feed._threads))"
SECRET = "AbCdEf0123456789%2BxyzAbCdEf0123456789%3D"
LOG = """\
from amlwidgets import LogViewer
lines = [f"2026-11-21 10:00:00 INFO line {n} <i>is</i> healthy" for n in range(200_000)]
lines[50] = "GET https://a.blob.core.windows.net/c/b?" + open("secret.txt").read() + "&se=2030"
lines[120_000:120_000] = ["Traceback (most recent call last):", '  File "score.py", line 3, in <module>', "ModuleNotFoundError: No module named 'lightgbm'"]
viewer = LogViewer("\\n".join(lines) + "\\n")
assert viewer.wait(60)
viewer
"""


def test_ten_seconds_of_a_live_log(log_book):
    book = log_book()
    seen = follow(book, 10)
    assert (seen["lines"], seen["right"]) == (10 * RATE, True)
    counts = [int(words.split()[1]) for words in seen["meanwhile"]]
    assert counts[-1] < 10 * RATE, "the kernel runs other cells while lines come"
    assert counts == sorted(counts)
    # Both views show the same filter, too.
    book.page.get_by_role("button", name="Filter …").first.click()
    book.page.get_by_placeholder("only lines with …").first.fill("line 4999")
    book.page.wait_for_function(
        """() => [...document.querySelectorAll('.aml-lines')].filter(e => e.textContent === '11 of 50,000 lines').length === 2"""
    )
    assert book.problems == []


def test_scrolling_up_lets_go_and_the_end_follows_again(log_book):
    book = log_book(ENDLESS)
    page = book.page
    book.run_all()
    page.wait_for_function("() => document.querySelectorAll('.aml-line').length > 20")
    page.locator(".aml-scroll").hover()
    page.mouse.wheel(0, -300)
    box = page.locator(".aml-log-head > label input")
    page.wait_for_function("() => !document.querySelector('.aml-log-head > label input').checked")
    first = page.locator(".aml-line").first.get_attribute("data-line")
    shown = page.locator(".aml-lines").inner_text()
    page.wait_for_function("shown => document.querySelector('.aml-lines').textContent !== shown", arg=shown)
    assert page.locator(".aml-line").first.get_attribute("data-line") == first, "what is read stays"
    page.locator(".aml-scroll").focus()
    page.keyboard.press("G")
    assert box.is_checked()
    page.wait_for_function(
        """() => { const s = document.querySelector('.aml-scroll'); return s.scrollTop > s.scrollHeight - s.clientHeight - 40 }"""
    )


def run_until(book, words):
    """Run the third cell again and again until it prints that; the test's own time limit ends it."""
    while book.output(2).strip() != words:
        book.run_cell(2)


def test_closing_all_views_ends_the_work_and_the_kernel_restarts_clean(log_book):
    book = log_book(ENDLESS, "viewer", WORKING)
    page = book.page
    book.run_all()
    run_until(book, "True True")
    page.wait_for_function("() => document.querySelectorAll('.aml-log-viewer').length === 2")
    book.start("notebook:clear-all-cell-outputs")
    book.wait()
    run_until(book, "False False")
    # Shown again, it goes on; then the kernel is restarted in the middle of it.
    book.run_cell(1)
    page.wait_for_function("() => document.querySelectorAll('.aml-line').length > 20")
    book.restart()
    book.run_all()
    page.wait_for_function("() => /^[1-9][\\d,]* lines$/.test(document.querySelector('.aml-lines')?.textContent)")
    assert book.cell_errors() == []


def test_a_saved_log_is_small_masked_and_reads_well_without_a_kernel(log_book, log_lab, chromium):
    (log_lab.root / "secret.txt").write_text(f"sig={SECRET}")
    book = log_book(LOG)
    page = book.page
    book.run_all()
    page.locator(".aml-line.aml-mark").first.wait_for()
    save_with_widgets(page)
    file = next(f for f in log_lab.root.glob("*.ipynb") if f.stem in page.url)
    saved = json.loads(file.read_text())
    states = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert max(len(json.dumps(state)) for state in states.values()) < 50_000
    assert len(file.read_text()) < 60_000
    assert SECRET not in file.read_text()

    # Opened again without a kernel: it says so, and the lines around the finding are there.
    reopen_without_kernel(page, page.get_by_text("lines, as saved; run the cell again to see all"))
    page.locator('.aml-line[data-line="120002"]', has_text="lightgbm").wait_for()
    book.shot("logs-saved", ".aml-log-viewer")

    # Converted, as nbviewer does it: the excerpt and the finding are in the page, without any script.
    convert = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--log-level=ERROR", str(file)]
    subprocess.run(convert, check=True, timeout=120)
    context = chromium.new_context(java_script_enabled=False)
    converted = context.new_page()
    converted.goto(file.with_suffix(".html").as_uri(), wait_until="domcontentloaded")
    words = converted.locator(".jp-OutputArea").first.inner_text()
    assert "200,003 lines" in words
    assert "No module named 'lightgbm'" in words
    assert "<i>is</i>" in words
    assert "lines are left out here" in words
    context.close()


FAR = """\
import os
from amlwidgets import LogViewer
viewer = LogViewer("\\n".join(f"line {n}" for n in range(5_000)) + "\\n")
viewer
"""
HEARD = """() => { window.heard = []; new MutationObserver(() => {
  for (const e of document.querySelectorAll('.jp-LinkedOutputView .aml-log')) {
    const now = e.querySelector('.aml-lines').textContent + (e.querySelector('[data-line="4999"]') ? ', the last one drawn' : '');
    if (now !== heard.at(-1)) heard.push(now);
  } }).observe(document.body, {childList: true, subtree: true, characterData: true}) }"""


def test_what_came_with_the_widget_is_drawn_before_the_kernel_answers(log_book):
    book = log_book(FAR, "print(os.getpid())")
    page = book.page
    book.run_all()
    page.locator('.aml-line[data-line="4999"]').wait_for()
    pid = int(book.output(1))
    page.evaluate(HEARD)
    page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 0 }")
    os.kill(pid, signal.SIGSTOP)
    try:
        page.evaluate("() => { jupyterapp.commands.execute('notebook:create-output-view') }")
        page.wait_for_function("() => heard.at(-1)?.includes('as saved')")
    finally:
        os.kill(pid, signal.SIGCONT)
    page.wait_for_function("() => heard.at(-1) === '5,000 lines, the last one drawn'")
    heard = page.evaluate("heard")
    saved = next(place for place, words in enumerate(heard) if "as saved" in words)
    assert "5,000 lines, the last one drawn" in heard[:saved]
