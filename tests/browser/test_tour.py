"""The tour as a person takes it: open, run, look, click the fix, see the prediction. Without a mouse: product/test_binder.py."""

import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
TOUR = Path(__file__).resolve().parents[2] / "notebooks" / "00_tour.ipynb"


def test_the_tour_from_the_failure_to_the_prediction(work, open_notebook):
    shutil.copy(TOUR, work / "tour.ipynb")
    book = open_notebook("tour.ipynb")
    page = book.page
    book.run_all()
    assert book.cell_errors() == []
    assert "Not yet" in book.output(12)
    wizard = page.locator(".aml-wizard")
    assert book.stage("preflight") == "waiting"
    book.shot("tour-0-before")

    wizard.get_by_role("button", name="Run to the end").click()
    book.wait_stage("image", "running")
    # Another cell of the same notebook runs code for as long as the image is built; the rail goes on changing.
    book.set_cell(
        16, "import time\nwhile wizard.deployment.records['image'].state != 'done': time.sleep(0.05)\nprint('free')"
    )
    book.run_cell(16, wait=False)
    before = page.locator(".aml-rail li[data-stage=image] .aml-note").inner_text()
    page.wait_for_function(
        "text => document.querySelector('.aml-rail li[data-stage=image] .aml-note').innerText !== text", arg=before
    )
    book.wait_stage("image", "done")
    book.wait()
    assert "free" in book.output(16)

    book.wait_stage("start", "failed")
    card = page.locator(".aml-card").first
    assert "my-best-model" in card.locator("h3").inner_text()
    assert card.get_attribute("data-cause") == "model-path-not-found"
    assert '-    model = joblib.load(Model.get_model_path("my-best-model"))' in card.locator(".aml-diff").inner_text()
    card.locator(".aml-evidence").first.click()
    page.locator(".aml-line.aml-mark").first.wait_for()
    book.shot("tour-1-failed-light")
    book.theme("JupyterLab Dark")
    page.locator(".aml-line.aml-mark").first.wait_for()
    book.shot("tour-1-failed-dark")

    for stage in ("preflight", "register", "image", "schedule", "score", "start"):
        page.locator(f".aml-rail li[data-stage={stage}] button").click()
        page.locator(f".aml-rail li[data-stage={stage}] [aria-current=step]").wait_for()
        book.shot(f"tour-2-{stage}-dark")
    book.theme("JupyterLab Light")
    page.locator(".aml-card").get_by_role("button", name="Apply and retry from Schedule").first.click()
    book.wait_stage("score", "done")
    assert "result" in page.locator(".aml-result").inner_text()
    book.shot("tour-3-done-light")

    book.run_cell(12)
    assert "The same." in book.output(12)
    book.run_cell(14)
    assert "Healthy" in book.output(14)
    assert book.cell_errors() == []
    assert book.problems == []
