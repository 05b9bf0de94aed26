"""The notebook for one's own script in a browser: run, press, read the card, apply, see the answer; and the one for Azure, which skips.

Headless, and so in every run of the tests: product/test_own_notebooks.py.
"""

import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.long, pytest.mark.timeout(600)]
FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


def test_from_the_files_to_the_answer(work, open_notebook):
    shutil.copy(FOLDER / "02_your_own_script.ipynb", work / "own.ipynb")
    book = open_notebook("own.ipynb")
    page = book.page
    book.run_all()
    assert book.cell_errors() == []
    assert "It parses and has init() and run(data)" in book.output(6)
    wizard = page.locator(".aml-wizard")
    wizard.get_by_role("button", name="Run to the end").click()
    book.wait_stage("start", "failed")
    card = page.locator(".aml-card").first
    assert card.get_attribute("data-cause") == "missing-python-module"
    assert "+      - pandas" in card.locator(".aml-diff").inner_text()
    book.shots("own-1-failed")
    page.locator(".aml-card").get_by_role("button", name="Apply and retry from Image").first.click()
    book.wait_stage("score", "done")
    book.run_cell(11)
    assert "the service answers: {'leaves'" in book.output(11)
    book.run_cell(13)
    assert "Written: what-happened.ipynb" in book.output(13)
    book.shots("own-2-done")
    book.shot("own-3-notebook", ".jp-NotebookPanel")
    assert book.cell_errors() == []
    assert book.problems == []


def test_the_notebook_for_azure_skips_in_one_sentence_each(work, open_notebook):
    shutil.copy(FOLDER / "06_real_workspace.ipynb", work / "real.ipynb")
    book = open_notebook("real.ipynb")
    book.run_all()
    assert book.cell_errors() == []
    skips = book.page.locator(".jp-OutputArea-output").get_by_text("Skipped: there is no config.json from here upwards")
    assert skips.count() == 6, "one for each cell that needs Azure"
    book.shots("real", ".jp-NotebookPanel")
    assert book.problems == []
