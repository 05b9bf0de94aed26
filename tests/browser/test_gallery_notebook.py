"""The gallery notebook in a browser: every cell runs, and every failure has its card below it."""

import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.timeout(600)]
GALLERY = Path(__file__).resolve().parents[2] / "notebooks" / "01_gallery.ipynb"
CAUSES = {
    "pip-no-such-version": "pip-package-not-found",
    "vault-wiped": "key-vault-policy-wiped",
    "no-gpu": "insufficient-gpu",
    "model-path": "model-path-not-found",
    "overloaded": "autoscale-503",
}


def test_every_failure_of_the_notebook_has_its_card(work, open_notebook):
    shutil.copy(GALLERY, work / "gallery.ipynb")
    book = open_notebook("gallery.ipynb")
    book.run_all()
    assert book.cell_errors() == []
    found = [card.get_attribute("data-cause") for card in book.page.locator(".aml-card").all()]
    first_of_each = [cause for cause in found if cause in CAUSES.values()]
    assert set(first_of_each) == set(CAUSES.values()), found
    assert book.problems == []
    book.page.locator(".aml-card").nth(1).scroll_into_view_if_needed()
    book.shot("gallery-light", ".jp-NotebookPanel")
    book.theme("JupyterLab Dark")
    book.shot("gallery-dark", ".jp-NotebookPanel")
