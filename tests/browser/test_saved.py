"""What stays in a saved notebook: little, readable, and without secrets."""

import json

import pytest
from lab import reopen_without_kernel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SECRET = "AbCdEf0123456789%2BxyzAbCdEf0123456789%3D"
LOG = """\
import amlwidgets
from amlwidgets.core.stages import Stage
wizard = amlwidgets.DeployWizard(model_path='absent.pkl', model_name='m', service_name='svc')
secret = open('secret.txt').read()
wizard.deployment._append(Stage.PREFLIGHT, f'GET https://a.blob.core.windows.net/c/b?sig={secret}&se=2030\\n' * 300)
wizard.deployment.start(Stage.PREFLIGHT, Stage.PREFLIGHT)
wizard.deployment.wait(60)
wizard
"""


def save(page) -> None:
    page.evaluate(
        """async () => { const c = jupyterapp.commands, id = '@jupyter-widgets/jupyterlab-manager:saveWidgetState';
        if (!c.isToggled(id)) await c.execute(id);
        await jupyterapp.shell.currentWidget.context.save() }"""
    )


def test_a_saved_wizard_is_small_and_reads_well_without_a_kernel(work, open_notebook):
    empty = {"cells": [], "metadata": {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}}}
    (work / "book.ipynb").write_text(json.dumps(empty | {"nbformat": 4, "nbformat_minor": 5}))
    (work / "secret.txt").write_text(SECRET)
    book = open_notebook("book.ipynb")
    book.set_cell(0, LOG)
    book.run_cell(0)
    book.wait_stage("preflight", "failed")
    save(book.page)
    saved = json.loads((work / "book.ipynb").read_text())
    states = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    sizes = {s["model_name"] + s["state"].get("_anywidget_id", ""): len(json.dumps(s)) for s in states.values()}
    assert max(sizes.values()) < 50_000, sizes
    assert SECRET not in json.dumps(saved)

    bundle = saved["cells"][0]["outputs"][-1]["data"]
    assert "Deployment of m as svc on ACI" in "".join(bundle["text/html"])

    # Opened again by a server that has no kernel to offer: the view is drawn from the saved state.
    reopen_without_kernel(book.page, book.page.locator(".aml-rail li[data-stage=preflight][data-state=failed]"))
    assert "There is no file or folder absent.pkl" in book.page.locator(".aml-wizard").inner_text()
