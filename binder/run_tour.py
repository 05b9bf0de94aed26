"""Run the tour without a mouse, from the failure to the prediction; says what its cells print."""

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

TOUR = Path(__file__).resolve().parents[1] / "notebooks" / "00_tour.ipynb"


def main() -> None:
    """Run it in a folder and a journal of its own.

    Raises:
        CellExecutionError: A cell fails.
    """
    book = nbformat.read(TOUR, as_version=4)
    switch = next(cell for cell in book.cells if "parameters" in cell.metadata.get("tags", []))
    switch.source = "PRESS_BUTTONS_BY_CODE = True"
    with tempfile.TemporaryDirectory(prefix="tour-") as folder:
        os.environ["AMLWIDGETS_HOME"] = folder
        NotebookClient(book, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    for cell in book.cells:
        for output in cell.get("outputs", []):
            print(output.get("text", "").rstrip(), end="\n" if output.get("text") else "")


if __name__ == "__main__":
    main()
