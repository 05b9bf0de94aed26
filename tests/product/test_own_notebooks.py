"""The notebooks for one's own script and for a real workspace, headless: the second skips here, and works in the sandbox."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from sandbox_support import client_environment, run_client

from amlwidgets.sandbox import client

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(400)]


def executed(name, folder, **parameters):
    """Return what each cell of a notebook printed, by its id."""
    from nbclient import NotebookClient

    book = nbformat.read(FOLDER / name, as_version=4)
    switches = next(cell for cell in book.cells if "parameters" in cell.metadata.get("tags", []))
    switches.source += "".join(f"\n{key} = {value!r}" for key, value in parameters.items())
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return {cell.id: "\n".join(map(_words, cell.get("outputs", []))) for cell in book.cells}


def _words(output):
    return output.get("text") or output.get("data", {}).get("text/plain", "")


@pytest.mark.network
def test_ones_own_script_from_preflight_to_the_answer(tmp_path, sandbox_home, monkeypatch):
    monkeypatch.setenv("AMLWIDGETS_SANDBOX_HOME", str(sandbox_home))
    said = executed("02_your_own_script.ipynb", tmp_path, PRESS_BUTTONS_BY_CODE=True)
    assert "It parses and has init() and run(data)" in said["own-06"]
    assert "Stopped at: start" in said["own-09"]
    assert "ModuleNotFoundError: No module named 'pandas'" in said["own-09"]
    assert "      - pandas\n" in said["own-11"]
    assert "the service answers: {'leaves': [" in said["own-11"]
    assert "Written: what-happened.ipynb" in said["own-13"]


def test_without_azure_each_cell_says_one_sentence(tmp_path):
    said = executed("06_real_workspace.ipynb", tmp_path)
    for cell in ("real-02", "real-04", "real-06", "real-07", "real-09", "real-11"):
        assert said[cell].strip().startswith("Skipped: there is no config.json"), cell


@pytest.mark.network
def test_with_a_workspace_each_cell_works(tmp_path, sandbox_home, monkeypatch):
    """The client is led to the sandbox as to Azure, by its environment alone."""
    (tmp_path / "score.py").write_text(
        "def init():\n    raise ValueError('threshold is None')\n\n\ndef run(d):\n    pass\n"
    )
    (tmp_path / "conda.yml").write_text("dependencies:\n- python=3.11\n- pip:\n  - azureml-defaults\n")
    sandbox = client.start(sandbox_home)
    run_client(DEPLOY, tmp_path, sandbox)
    for name in sandbox.unset:
        monkeypatch.delenv(name, raising=False)
    for name, value in client_environment(sandbox, tmp_path).items():
        monkeypatch.setenv(name, value)
    sandbox.faults([{"do": "status", "status": 403, "times": 0} | WRITES])
    said = executed("06_real_workspace.ipynb", tmp_path)
    (writes,) = sandbox.status()["faults"]
    sandbox.faults([])
    assert "ill: Failed" in said["real-04"]
    assert "threshold is None" in said["real-06"]
    assert "log of ill" in said["real-07"]
    assert "Key Vault" in said["real-09"]
    assert "Preflight" in said["real-11"]
    assert writes["fitted"] == 0, "everything that the notebook does by itself is a read"


WRITES = {"method": "PUT|POST|PATCH|DELETE", "path": "(?!.*token).*"}
"""Any change of the workspace; a sign-in is none."""

DEPLOY = """
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice
environment = Environment.from_conda_specification("e", "conda.yml")
config = InferenceConfig(entry_script="score.py", environment=environment)
settings = AciWebservice.deploy_configuration(cpu_cores=0.5, memory_gb=0.5)
service = Model.deploy(ws, "ill", [], config, settings)
failure(service.wait_for_deployment)
"""
