"""A killed kernel and a killed sandbox lose nothing."""

import os
import signal
import time
import uuid
from pathlib import Path

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SETUP = """\
%load_ext amlwidgets
%aml sandbox on
"""


def write_deployment(work: Path) -> None:
    (work / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return 'from the service'\n")
    (work / "model.pkl").write_text("42")
    # Content that no earlier run has built, so that the image stage takes its time.
    never = uuid.uuid4().int % 10**6
    pip = f"      - azureml-inference-server-http\n      - six!=0.0.{never}\n"
    (work / "env.yml").write_text(f"dependencies:\n  - python=3.11\n  - pip:\n{pip}")


def write_notebook(work: Path, *sources: str) -> str:
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(book, work / "book.ipynb")
    return "book.ipynb"


def kill_kernel(lab) -> None:
    """End the notebook's kernel as the out-of-memory killer would."""
    (pid,) = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and is_kernel_of(lab.process.pid, p)]
    os.kill(pid, signal.SIGKILL)


def is_kernel_of(server: int, process: Path) -> bool:
    try:
        parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
        return parent == server and b"ipykernel" in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_a_kernel_killed_while_the_image_is_built_is_resumed(work, lab, open_notebook):
    write_deployment(work)
    book = open_notebook(write_notebook(work, SETUP, "%aml"))
    book.run_all()
    book.page.get_by_role("button", name="Run to the end").click()
    book.wait_stage("image", "running")
    kill_kernel(lab)
    # JupyterLab restarts a killed kernel by itself; the page knows when the new one is there.
    deadline = time.monotonic() + 60
    while book.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status") != "idle":
        assert time.monotonic() < deadline
        book.page.wait_for_timeout(100)
    book.open("book.ipynb")
    book.run_all()
    offer = book.page.locator(".aml-ask")
    offer.wait_for()
    assert "Preflight, Register done" in offer.inner_text()
    assert book.stage("image") == "waiting", "nothing is shown as running that does not run"
    offer.get_by_role("button", name="Resume").click()
    book.wait_stage("score", "done")
    assert "from the service" in book.page.locator(".aml-result").inner_text()
    assert book.cell_errors() == []


def test_a_sandbox_killed_in_the_middle_keeps_models_images_and_services(work, lab, open_notebook, sandbox_home):
    from amlwidgets.sandbox import client

    write_deployment(work)
    check = "from azureml.core import Workspace\nws = Workspace.from_config()\n"
    check += "print(sorted(ws.models), ws.webservices['model-svc'].run('{}') if 'model-svc' in ws.webservices else ws.webservices)"
    book = open_notebook(write_notebook(work, SETUP, "%aml wizard service_name=model-svc", check))
    for cell in (0, 1):
        book.run_cell(cell)
    book.page.get_by_role("button", name="Run to the end").click()
    book.wait_stage("score", "done")
    before = client.connect(sandbox_home)
    os.kill(before.pid, signal.SIGKILL)
    after = client.start(sandbox_home)
    assert after.pid != before.pid
    book.run_cell(2)
    assert "['model'] from the service" in book.output(2)
