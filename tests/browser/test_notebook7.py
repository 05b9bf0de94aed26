"""Every widget in Notebook 7, as JupyterLab's own tests have them: drawn, answering, without an error in the page."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CELLS = {
    ".aml-wizard": "%load_ext amlwidgets\n%aml",
    "[aria-label=Findings]": "log = \"ModuleNotFoundError: No module named 'pandas'\"\n%aml explain log",
    ".aml-log-viewer": "%aml logs log",
    ".aml-calc": "%aml replicas rps=14 seconds=0.5 traffic=step peak=2",
    ".aml-checklist": "%aml vault",
}


@pytest.mark.parametrize("log_lab", ["notebook"], indirect=True)
def test_every_widget_is_drawn_and_answers(log_book):
    book = log_book(*CELLS.values())
    book.run_all()
    assert book.cell_errors() == []
    page = book.page
    for css in CELLS:
        page.locator(css).first.wait_for()
    wizard = page.locator(".aml-wizard").first
    wizard.get_by_role("button", name="Run this stage").click()
    book.wait_stage("preflight", "failed")
    assert "%aml sandbox on" in wizard.inner_text(), "no workspace: the way out is named"
    assert page.locator(".aml-card").first.get_attribute("data-cause") == "missing-python-module"
    page.locator(".aml-calc .js-plotly-plot, .aml-calc svg.main-svg").first.wait_for(timeout=60_000)
    page.locator(".aml-line", has_text="No module named 'pandas'").first.wait_for()
    assert book.problems == []
