"""The notebook about local containers, headless: with a Docker engine and without."""

from pathlib import Path

import nbformat
import pytest
from docker_support import missing

pytestmark = [pytest.mark.sandbox, pytest.mark.network, pytest.mark.timeout(600)]
NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "05_local_docker.ipynb"
engine = pytest.param(
    True, marks=[pytest.mark.docker, pytest.mark.skipif(bool(missing()), reason=missing())], id="engine"
)


@pytest.mark.parametrize("with_engine", [engine, pytest.param(False, id="processes")])
def test_the_notebook_runs(with_engine, work, sandbox_home, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.setenv("AMLWIDGETS_SANDBOX_HOME", str(sandbox_home))
    monkeypatch.setenv("AMLWIDGETS_HOME", str(tmp_path / "journal"))
    if not with_engine:
        monkeypatch.setenv("DOCKER_HOST", "unix:///absent.sock")
    book = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(work)}}).execute()
    said = "\n".join(o.get("text", "") for cell in book.cells for o in cell.get("outputs", []))
    assert "before: 500" in said
    assert "run(sample) failed: KeyError: 'blood pressure'" in said
    assert "reload: It answers" in said
    assert 'after:  200 {"result": [' in said
