"""The log viewer without a mouse, and what a click in its margin does: each key, go to line, download, minimap."""

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOG = """\
import amlwidgets
lines = [f"2026-11-21T10:00:00Z INFO request {n} from {n * 7919:x}" for n in range(20_000)]
for at in (1_500, 1_501, 9_000):
    lines[at] = f"2026-11-21T10:00:00Z ERROR request {at} failed"
lines[15_000:15_000] = ["Traceback (most recent call last):", '  File "score.py", line 3, in <module>', "ModuleNotFoundError: No module named 'lightgbm'"]
lines[42] = "GET https://a.blob.core.windows.net/c/b?sig=AbCdEf0123456789%2BxyzAbCdEf0123456789%3D&se=2030 <b>\\u00e9"
for at in (10, 4_000, 12_000):
    lines[at] += " NEEDLE"
viewer = amlwidgets.LogViewer("\\n".join(lines) + "\\n")
assert viewer.wait(60)
viewer
"""
COUNT = 20_003
SECRET = "AbCdEf0123456789"


@pytest.fixture
def book(log_book):
    book = log_book(LOG, height=800)
    book.run_all()
    book.page.locator(".aml-line.aml-mark").first.wait_for()
    yield book
    assert book.problems == []


def press(book, *keys):
    book.page.locator(".aml-scroll").focus()
    for key in keys:
        book.page.keyboard.press(key)


def wait_line(book, number):
    """Wait until a line is in sight as a whole."""
    book.page.wait_for_function(
        """n => { const s = document.querySelector('.aml-scroll')?.getBoundingClientRect(); if (!s) return false;
        const e = document.querySelector(`.aml-line[data-line="${n}"]`); if (!e) return false;
        const r = e.getBoundingClientRect(); return r.top >= s.top - 1 && r.bottom <= s.bottom + 1 }""",
        arg=number,
        timeout=20_000,
    )


def first_in_sight(book):
    return book.page.evaluate(
        """() => { const top = document.querySelector('.aml-scroll').getBoundingClientRect().top;
        return Number([...document.querySelectorAll('.aml-line[data-line]')]
          .find(e => e.getBoundingClientRect().bottom > top + 1).dataset.line) }"""
    )


def wait_hit(book, line, count):
    book.page.locator(f'.aml-line.aml-hit[data-line="{line}"]').wait_for()
    wait_line(book, line)
    book.page.get_by_text(count, exact=True).wait_for()


def test_search_by_keys(book):
    press(book, "g")
    wait_line(book, 0)
    press(book, "/")
    book.page.keyboard.type("needle")
    wait_hit(book, 10, "1 of 3")
    book.page.keyboard.press("Enter")
    wait_hit(book, 4_000, "2 of 3")
    book.page.keyboard.press("Escape")
    assert book.page.evaluate("() => document.activeElement.className") == "aml-scroll"
    press(book, "n")
    wait_hit(book, 12_000, "3 of 3")
    press(book, "n")
    wait_hit(book, 10, "1 of 3")
    press(book, "N")
    wait_hit(book, 12_000, "3 of 3")
    # From the end, where nothing follows, the last hit is the nearest.
    press(book, "G")
    wait_line(book, COUNT - 1)
    press(book, "/")
    book.page.keyboard.type("NEEDLE")
    wait_hit(book, 12_000, "3 of 3")


def test_errors_findings_lines_and_arrows_by_keys(book):
    press(book, "g")
    wait_line(book, 0)
    first = first_in_sight(book)
    press(book, "ArrowDown", "ArrowDown", "ArrowDown")
    book.page.wait_for_function("() => document.querySelector('.aml-scroll').scrollTop > 40")
    assert first_in_sight(book) > first
    press(book, "ArrowUp", "ArrowUp", "ArrowUp")
    book.page.wait_for_function("() => document.querySelector('.aml-scroll').scrollTop === 0")
    press(book, ":")
    book.page.keyboard.type("7000")
    book.page.keyboard.press("Enter")
    wait_line(book, 6_999)
    press(book, "e")
    wait_line(book, 9_000)
    book.page.get_by_text("Error in line 9,001").wait_for()
    press(book, "E")
    wait_line(book, 1_500)
    press(book, "e")
    wait_line(book, 9_000)
    press(book, "f")
    wait_line(book, 15_002)
    assert "lightgbm" in book.page.locator(".aml-log-card").inner_text()
    press(book, "w")
    book.page.locator(".aml-wrap").wait_for()
    press(book, "G")
    wait_line(book, COUNT - 1)
    assert book.page.locator(".aml-log-head > label input").is_checked()


def test_the_buttons_lead_to_error_and_finding(book):
    press(book, "g")
    wait_line(book, 0)
    press(book, "e")
    wait_line(book, 1_500)
    book.page.get_by_role("button", name="Next error").click()
    wait_line(book, 9_000)
    book.page.get_by_role("button", name="Next finding").click()
    wait_line(book, 15_002)


def test_a_click_in_the_minimap_leads_there(book):
    strip = book.page.locator(".aml-strip")
    box = strip.bounding_box()
    strip.click(position={"x": 6, "y": box["height"] / 2})
    book.page.wait_for_function(
        """() => Math.abs(Number(document.querySelectorAll('.aml-line[data-line]')[15]?.dataset.line) - 10_000) < 200"""
    )
    assert not book.page.locator(".aml-log-head > label input").is_checked()
    pin = strip.locator("b.aml-pin").last
    assert 0.7 < (pin.bounding_box()["y"] - box["y"]) / box["height"] < 0.8
    pin.click()
    book.page.locator(".aml-log-card").get_by_text("lightgbm").first.wait_for()


def test_the_download_is_the_whole_log_masked(book, tmp_path):
    press(book, "g")
    book.page.get_by_role("button", name="Filter …").click()
    with book.page.expect_download() as coming:
        book.page.get_by_role("button", name="Download").click()
    assert coming.value.suggested_filename == "Log.log"
    file = tmp_path / "log"
    coming.value.save_as(file)
    lines = file.read_bytes().decode().split("\n")
    assert len(lines) == COUNT + 1
    assert lines[-2].startswith("2026-11-21T10:00:00Z INFO request 19999 ")
    assert lines[42] == "GET https://a.blob.core.windows.net/c/b?sig=‹masked: SAS signature›&se=2030 <b>é"
    assert SECRET not in file.read_text()
    assert not re.search(r"\x00|\ufffd", file.read_text())


def test_the_keys_reach_only_the_viewer_that_is_in_focus(book):
    """Keys of JupyterLab, such as ``d d`` that deletes a cell, do not get past the lines."""
    cells = book.page.locator(".jp-Cell").count()
    press(book, "d", "d", "a", "b", "x")
    press(book, "g")
    wait_line(book, 0)
    assert book.page.locator(".jp-Cell").count() == cells
