"""The notebook of the calculator runs, headless, from its first cell to its last."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "04_replicas.ipynb"


@pytest.mark.timeout(240)
def test_every_cell_runs_and_says_what_the_text_promises(tmp_path):
    book = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(book, timeout=180, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "\n".join(
        out.get("text", "") or "".join(out.get("data", {}).get("text/plain", ""))
        for cell in book.cells
        for out in cell.get("outputs", [])
    )
    assert "286 to 300 replicas at 70 %" in said
    assert "1 replica by the formula; 2" in said
    assert "the same points: True" in said
    assert "autoscale_enabled=True" in said
