"""The log viewer in a real JupyterLab and a real Notebook 7: drawn, scrolled, searched, followed, copied, by keyboard too."""

import json

import pytest

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("log_lab", ["jupyterlab", "notebook"], indirect=True),
]

LONG = """\
import amlwidgets
lines = [f'2026-11-21T10:{n // 3600 % 60:02d}:{n // 60 % 60:02d}Z INFO request {n} took {n % 97} ms' for n in range(100_000)]
lines[70_000] = 'the NEEDLE in the hay'
lines[99_999] = 'the last line of all'
viewer = amlwidgets.LogViewer('\\n'.join(lines) + '\\n')
viewer
"""
CRASH = '''\
import amlwidgets
text = """\\
2026-11-21 10:00:01 INFO Starting gunicorn 20.1.0
2026-11-21 10:00:01 INFO Booting worker with pid: 71
2026-11-21 10:00:01 INFO Booting worker with pid: 72
2026-11-21 10:00:01 INFO Booting worker with pid: 73
2026-11-21 10:00:01 INFO Booting worker with pid: 74
2026-11-21 10:00:01 INFO Booting worker with pid: 75
GET https://acc.blob.core.windows.net/models/m.pkl?sv=2019&sig=AbCdEf0123456789%2BxyzAbCdEf0123456789%3D&se=2030
\\x1b[32mgreen\\x1b[0m and \\x1b[1;31mred\\x1b[0m; <b>no bold</b><script>window.__owned = 1</script>
evil \\u202e txt.exe and zero\\u200bwidth, nul \\x00, tab\\there
{"level": "warning", "message": "slow", "seconds": 12.5}
Traceback (most recent call last):
  File "/var/azureml-app/score.py", line 3, in <module>
    import lightgbm
ModuleNotFoundError: No module named 'lightgbm'
2026-11-21 10:00:03 ERROR Worker (pid:71) exited with code 3.
""" + "2026-11-21 10:00:04 WARNING " + "long " * 3000 + "end\\n" + "".join(f"2026-11-21 10:00:05 INFO after {chr(97 + n % 26)}\\n" for n in range(40))
viewer = amlwidgets.LogViewer(text)
viewer
'''


def lines_in_sight(page):
    return page.evaluate(
        """() => { const s = document.querySelector('.aml-scroll').getBoundingClientRect();
        return [...document.querySelectorAll('.aml-line[data-line]')].filter(e => { const r = e.getBoundingClientRect();
        return r.bottom > s.top + 1 && r.top < s.bottom - 1 }).map(e => Number(e.dataset.line)) }"""
    )


def wait_line(page, number):
    """Wait until a line is in sight."""
    page.wait_for_function(
        """n => { const s = document.querySelector('.aml-scroll')?.getBoundingClientRect(); if (!s) return false;
        const e = document.querySelector(`.aml-line[data-line="${n}"]`); if (!e) return false;
        const r = e.getBoundingClientRect(); return r.top >= s.top - 1 && r.bottom <= s.bottom + 1 }""",
        arg=number,
        timeout=20_000,
    )


def press(page, key):
    page.locator(".aml-scroll").focus()
    page.keyboard.press(key)


def test_a_long_log_is_drawn_scrolled_searched_and_filtered(log_book):
    book = log_book(LONG)
    page = book.page
    book.run_all()
    wait_line(page, 99_999)
    assert page.locator(".aml-lines").inner_text() == "100,000 lines"
    assert page.locator(".aml-line").count() < 120

    press(page, "g")
    wait_line(page, 0)
    assert lines_in_sight(page) == list(range(len(lines_in_sight(page))))
    page.locator(".aml-scroll").evaluate("e => { e.scrollTop = e.scrollHeight / 2 }")
    page.wait_for_function(
        "() => Math.abs(Number(document.querySelectorAll('.aml-line[data-line]')[20]?.dataset.line) - 50000) < 100"
    )
    assert not page.locator(".aml-log-head > label input").is_checked(), "scrolling up lets go"

    press(page, "/")
    page.keyboard.type("needle")
    wait_line(page, 70_000)
    page.get_by_text("1 of 1", exact=True).wait_for()
    assert page.locator(".aml-found.aml-now").inner_text() == "NEEDLE"
    # An expression: the kernel tells the hits, and gives up on one that takes for ever.
    page.get_by_role("button", name="Regular expression").click()
    page.locator(".aml-find input").fill("ne+dle in (the|a) hay")
    page.get_by_text("1 of 1", exact=True).wait_for()
    page.locator(".aml-found.aml-now", has_text="NEEDLE in the hay").wait_for()
    page.locator(".aml-find input").fill("(x+x+)+y|(.|.)+[^ -~]")
    page.get_by_text("takes too long").wait_for()
    page.locator(".aml-find input").fill("(")
    page.get_by_text("not a valid expression").wait_for()
    assert page.locator(".aml-problem").is_hidden()
    page.get_by_role("button", name="Regular expression").click()
    page.locator(".aml-find input").fill("took 96 ms")
    page.get_by_text(f"of {len(range(96, 100_000, 97)):,}").wait_for()

    page.get_by_role("button", name="Filter …").click()
    page.get_by_placeholder("only lines with …").fill("/request 7000[0-9] /")
    page.get_by_text("9 of 100,000 lines").wait_for()
    wait_line(page, 70_009)
    assert lines_in_sight(page) == [n for n in range(70_000, 70_010) if n != 70_000]
    book.shot("logs-filter", ".aml-log-viewer")
    assert book.problems == []


def test_hostile_text_is_text_and_findings_stand_in_the_margin(log_book):
    book = log_book(CRASH)
    page = book.page
    book.run_all()
    page.locator(".aml-line.aml-mark").first.wait_for()
    wait_line(page, 13)
    book.shot("logs-wide", ".aml-log-viewer")
    body = page.locator(".aml-scroll").inner_text()
    assert "<b>no bold</b><script>" in body
    assert page.evaluate("() => window.__owned") is None
    assert "‹masked: SAS signature›" in body
    assert "AbCdEf" not in body
    assert [e.get_attribute("data-odd") for e in page.locator(".aml-odd").all()] == ["RLO", "ZWSP", "␀"]
    assert page.locator(".aml-f2").inner_text() == "green"
    assert "4 more like it" in body
    page.get_by_role("button", name="4 more like it").click()
    page.locator('.aml-line[data-line="5"]').wait_for()

    page.get_by_role("button", name="unfold").click()
    page.locator(".aml-t", has_text='"seconds": 12.5').wait_for()
    page.get_by_role("button", name="show all").click()
    page.locator(".aml-line.aml-opened", has_text="end").wait_for()
    page.get_by_role("button", name="show less").click()

    page.locator(".aml-line button.aml-pin").first.click()
    card = page.locator(".aml-log-card .aml-card")
    card.wait_for()
    assert "lightgbm" in card.inner_text()
    book.shot("logs-card", ".aml-log-viewer")
    press(page, "g")
    card.locator(".aml-evidence").first.click()
    wait_line(page, 13)
    book.theme("JupyterLab Dark")
    book.shot("logs-dark", ".aml-log-viewer")
    press(page, "w")
    page.locator(".aml-wrap").wait_for()
    page.get_by_role("button", name="Filter …").click()
    page.set_viewport_size({"width": 760, "height": 900})
    book.shot("logs-narrow-dark-wrap", ".aml-log-viewer")
    assert book.problems == []


def test_a_selection_reaches_lines_that_are_not_in_the_page(log_book):
    book = log_book(LONG.replace("100_000", "80_000").replace("99_999", "79_999"))
    page = book.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    book.run_all()
    wait_line(page, 79_999)
    press(page, "g")
    wait_line(page, 0)
    page.locator('.aml-line[data-line="2"] .aml-t').click(position={"x": 1, "y": 5})
    press(page, "G")
    wait_line(page, 79_999)
    page.locator('.aml-line[data-line="79999"] .aml-t').click(position={"x": 1, "y": 5}, modifiers=["Shift"])
    press(page, "Control+c")
    page.get_by_text("lines copied").wait_for()
    copied = page.evaluate("() => navigator.clipboard.readText()").split("\n")
    assert len(copied) == 79_998
    assert copied[0] == "2026-11-21T10:00:00Z INFO request 2 took 2 ms"
    assert copied[-1] == ""
    assert json.dumps(copied).count("NEEDLE") == 1
