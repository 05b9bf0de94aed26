"""The replica calculator measures a service of the sandbox, with the mouse: asked first, filled in, stopped, compared."""

import pytest
from lab import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.timeout(600)]

SCORE = "import time\ndef init():\n    pass\ndef run(data):\n    time.sleep(0.1)\n    return 'fine'\n"
CONDA = "name: x\ndependencies:\n- python=3.11\n- pip:\n  - azureml-defaults\n"
DEPLOY = """%load_ext amlwidgets
%aml sandbox on
from azureml.core import Environment, Model, Workspace
from azureml.core.compute import AksCompute
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AksWebservice
ws = Workspace.from_config()
env = Environment.from_conda_specification("serving", "myenv.yml")
settings = AksWebservice.deploy_configuration(cpu_cores=0.2, memory_gb=0.5, autoscale_enabled=True,
                                              autoscale_min_replicas=1, autoscale_max_replicas=3)
service = Model.deploy(ws, "busy", [], InferenceConfig(entry_script="score.py", environment=env), settings,
                       deployment_target=AksCompute(ws, "sandbox-aks"))
service.wait_for_deployment()
"""
SHOW = "from amlwidgets import ReplicaCalculator\ncalculator = ReplicaCalculator(service)\ncalculator"
SEEN = "seen = calculator.measured\nprint(len(seen.samples), round(calculator.settings['seconds'], 1))"


def ask(page, rate, seconds):
    page.get_by_role("button", name="Measure …").first.click()
    form = page.get_by_role("form", name="Measure the service")
    form.get_by_label("Requests").fill(rate)
    form.get_by_label("for", exact=True).fill(seconds)
    form.get_by_label("for", exact=True).press("Enter")
    page.get_by_text("It ends by itself", exact=False).wait_for()
    page.get_by_role("button", name="Go on").click()


def test_a_service_of_the_sandbox_is_measured_and_the_load_stopped(work, open_notebook):
    (work / "score.py").write_text(SCORE)
    (work / "myenv.yml").write_text(CONDA)
    write_notebook(work / "busy.ipynb", DEPLOY, SHOW, SEEN)
    book = open_notebook("busy.ipynb", height=2000)
    page = book.page
    book.run_cell(0)
    book.run_cell(1)
    assert book.cell_errors() == []
    page.locator(".aml-calc-number[data-number=formula] b").wait_for()
    ask(page, "4", "4")
    page.get_by_text("Predicted against measured").wait_for(timeout=120_000)
    page.locator(".aml-calc-task .main-svg").first.wait_for()
    book.shots("measured-service", ".aml-calc")
    book.run_cell(2)
    samples, seconds = book.output(2).split()
    assert int(samples) >= 12
    assert 0.1 <= float(seconds) < 1, "what the entry script takes, and the machine's other work"

    ask(page, "4", "100")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("Stopped before its end.").wait_for(timeout=60_000)
    assert page.locator(".aml-calc .aml-problem").is_hidden()
    assert book.problems == []
