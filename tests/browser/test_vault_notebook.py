"""The key vault story, headless and as a person clicks through it."""

import os
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.timeout(600)]
STORY = Path(__file__).resolve().parents[2] / "notebooks" / "03_key_vault.ipynb"
FAILS, CHECKLIST, BY_CODE, LAST = 11, 13, 15, 18
"""Cells: the 500, the checklist, the remedy by code, the end."""


def test_the_story_runs_headless(work, sandbox_home, tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("AMLWIDGETS_SANDBOX_HOME", str(sandbox_home))
    monkeypatch.setenv("AMLWIDGETS_HOME", str(tmp_path / "journal"))
    book = nbformat.read(STORY, as_version=4)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(work)}}).execute()
    said = {n: _texts(cell) for n, cell in enumerate(book.cells)}
    assert "Response Code: 500" in said[FAILS]
    assert "has lost its access" in said[FAILS] or "no longer gives access" in said[FAILS]
    assert "needs you, it has no entry" in said[CHECKLIST]
    assert "away from the workspace's own identity" in said[CHECKLIST]
    assert "has an entry in the access policies" in said[BY_CODE]
    assert "azuredeploy.condition.json" in said[BY_CODE]
    assert "Everything is done." in said[LAST]
    assert "// the workspace is not there yet" in (work / "azuredeploy.condition.json").read_text()


def _texts(cell):
    outputs = cell.get("outputs", [])
    parts = [o.get("text", "") + o.get("data", {}).get("text/plain", "") + o.get("evalue", "") for o in outputs]
    return "\n".join(parts)


def test_the_story_with_the_mouse_and_the_keyboard(work, open_notebook):
    shutil.copy(STORY, work / "story.ipynb")
    book = open_notebook("story.ipynb", 1240)
    page = book.page
    for cell in (1, 3, 4, 6, 7, 9):
        book.run_cell(cell)
    assert book.cell_errors() == []
    book.run_cell(FAILS)
    card = page.locator(".aml-card").first
    card.wait_for()
    assert card.get_attribute("data-cause") == "key-vault-policy-wiped"
    card.get_by_role("button", name="Look at the key vault").click()
    page.locator(".aml-card .aml-checklist li[data-step=access][data-state='needs you']").wait_for(timeout=60_000)
    book.shots("vault-card", ".aml-card")

    book.run_cell(CHECKLIST)
    checklist = page.locator(".aml-checklist").nth(1)
    step = checklist.locator("li[data-step=access]")
    step.and_(page.locator("[data-state='needs you']")).wait_for(timeout=60_000)
    assert "nothing" in checklist.locator("table").inner_text()
    _pictures(book, checklist, "1")

    # The remedy is shown before it is written; the keyboard does it.
    first = checklist.get_by_role("button", name="Make the vault only when it does not exist yet")
    first.focus()
    page.keyboard.press("Enter")
    proposal = checklist.locator(".aml-proposal")
    proposal.wait_for()
    assert "keyVaultOption" in proposal.locator(".aml-diff").inner_text()
    assert not (work / "azuredeploy.condition.json").exists()
    _pictures(book, checklist, "2")
    checklist.get_by_role("button", name="Write azuredeploy.condition.json").click()
    checklist.locator(".aml-proposal .aml-written").wait_for()
    assert (work / "azuredeploy.condition.json").exists()

    # Nothing is given before it was confirmed, and Escape says no.
    step.get_by_role("button", name="Give access").click()
    question = checklist.locator(".aml-ask")
    question.wait_for()
    assert "changes nothing else" in question.inner_text()
    page.keyboard.press("Escape")
    question.wait_for(state="hidden")
    step.get_by_role("button", name="Give access").click()
    question.wait_for()
    _pictures(book, checklist, "3")
    question.get_by_role("button", name="Yes, give access").click()
    checklist.locator("li[data-step=access][data-state=done]").wait_for(timeout=60_000)

    for cell in (BY_CODE, BY_CODE + 2, LAST):
        book.run_cell(cell)
    assert "Everything is done." in book.output(LAST)
    last = page.locator(".aml-checklist").last
    assert last.locator("li[data-state=done]").count() == 8
    _pictures(book, last, "4")
    assert [error for error in book.cell_errors() if error[0] != FAILS] == []
    assert book.problems == []


def _pictures(book, place, name):
    """Keep pictures of one checklist when somebody wants to look: wide and narrow, light and dark."""
    folder = os.environ.get("AMLWIDGETS_SHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    for theme in ("Light", "Dark"):
        book.theme(f"JupyterLab {theme}")
        for width in (1240, 900):
            book.page.set_viewport_size({"width": width, "height": 1700})
            place.screenshot(path=str(Path(folder) / f"vault-{name}-{width}-{theme.lower()}.png"))
    book.theme("JupyterLab Light")
    book.page.set_viewport_size({"width": 1240, "height": 1000})
