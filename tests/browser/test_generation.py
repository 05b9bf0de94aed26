"""The older of the SDK's two ways of deploying is chosen with the mouse, runs, and is what the shown code says."""

import pytest
from test_resume import SETUP, write_deployment, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
CHECK = """\
from azureml.core import Workspace
ws = Workspace.from_config()
print("images:", sorted(ws.images), "service:", [s.image_id for s in ws.webservices.values()])
"""


def test_image_create_is_chosen_in_the_browser(work, open_notebook):
    write_deployment(work)
    book = open_notebook(write_notebook(work, SETUP, "%aml", CHECK))
    page = book.page
    book.run_cell(0)
    book.run_cell(1)
    wizard = page.locator(".aml-wizard")
    wizard.get_by_label("API").select_option("Image.create")
    page.locator(".aml-rail li[data-stage=image] button").click()
    page.wait_for_function("() => document.querySelector('.aml-wizard').innerText.includes('ContainerImage')")
    book.shots("generation-chosen")
    wizard.get_by_role("button", name="Run to the end").click()
    book.wait_stage("score", "done")
    assert "from the service" in page.locator(".aml-result").inner_text()
    book.shots("generation-done")
    wizard.get_by_role("button", name="Look inside the container").click()
    inside = page.locator(".aml-container")
    inside.locator(".aml-c-state.aml-ok").wait_for(timeout=60_000)
    inside.get_by_role("button", name="Model folder").click()
    inside.locator(".aml-c-answer.aml-ok", has_text="model.pkl").wait_for()
    book.shots("wizard-inside")
    wizard.get_by_role("button", name="Save as runbook").click()
    wizard.get_by_role("button", name="Saved: runbook-model.ipynb").wait_for()
    assert "deployed and scored" in (work / "runbook-model.ipynb").read_text()
    book.run_cell(2)
    said = book.output(2)
    (name,) = said.split("images: ['")[1].split("'")[:1]
    assert f"service: ['{name}:1']" in said
    assert book.cell_errors() == []
    assert book.problems == []
