"""The tour's wizard with Tab, Enter and arrows alone, and what a screen reader is told meanwhile."""

import shutil

import pytest
from axe import grave_in_both_themes
from test_tour import TOUR

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
WIZARD_CELL = 9
NAME = """() => { const e = document.activeElement;
    return e?.closest('.aml-wizard') ? (e.getAttribute('aria-label') ?? (e.labels?.[0] ?? e).textContent) : '' }"""
LISTEN = """() => { window.__said = []; new MutationObserver(all => { for (const one of all) {
  const live = (one.target.closest ? one.target : one.target.parentElement)?.closest('[role=status], [role=alert], [aria-live]:not([aria-live=off])');
    if (live) window.__said.push(live.textContent) } }).observe(document.querySelector('.aml-wizard'), {childList: true, subtree: true, characterData: true}) }"""


def tab_to(page, words, most=80):
    """Press Tab until a control of the wizard with these words has the focus."""
    seen = []
    for _ in range(most):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(NAME))
        if words in seen[-1]:
            return
    raise AssertionError(f"no Tab led to “{words}”, but to {list(dict.fromkeys(seen))}")


def in_rail(page):
    return page.evaluate("() => document.activeElement.closest('.aml-rail li')?.dataset.stage")


def test_from_the_failure_to_the_prediction_by_keys_alone(work, open_notebook):
    shutil.copy(TOUR, work / "tour.ipynb")
    book = open_notebook("tour.ipynb")
    page = book.page
    book.run_all()
    page.locator(".aml-wizard").wait_for()
    page.evaluate(LISTEN)
    page.evaluate(
        "i => { const nb = jupyterapp.shell.currentWidget.content; nb.activeCellIndex = i; nb.mode = 'command' }",
        WIZARD_CELL,
    )
    tab_to(page, "Run to the end")
    page.keyboard.press("Enter")
    book.wait_stage("preflight", "done")
    page.wait_for_function("() => document.activeElement.closest('.aml-rail')")
    assert in_rail(page), "the button is gone; the keyboard is where the state is told, not at the top of the page"
    book.wait_stage("start", "failed")

    # Arrows walk the stages; the walk ends where it began.
    page.wait_for_function("() => document.activeElement.closest('.aml-rail li')?.dataset.stage === 'start'")
    for key, stage in (
        ("ArrowLeft", "schedule"),
        ("ArrowLeft", "image"),
        ("ArrowRight", "schedule"),
        ("ArrowRight", "start"),
    ):
        page.keyboard.press(key)
        page.wait_for_function(
            "id => document.activeElement.closest('.aml-rail li')?.dataset.stage === id "
            "&& document.activeElement.getAttribute('aria-current') === 'step'", arg=stage,
        )  # fmt: skip
    assert grave_in_both_themes(book, ".aml-wizard") == []

    tab_to(page, "line ")
    page.keyboard.press("Enter")
    page.locator(".aml-line.aml-mark").first.wait_for()
    tab_to(page, "Apply and retry from Schedule")
    page.keyboard.press("Enter")
    book.wait_stage("score", "done")
    assert "result" in page.locator(".aml-result").inner_text()
    assert grave_in_both_themes(book, ".aml-wizard") == []

    said = page.evaluate("() => window.__said")
    for words in ("Preflight: running", "Image: done", "Start: failed", "Start: done", "Score: done"):
        assert any(words in one for one in said), (words, said)
    assert len(said) < 60, "a running clock is not read out"
    assert book.problems == []
