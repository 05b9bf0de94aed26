"""The replica calculator with a real service in the sandbox: its settings filled in, measured, changed; the way from a 503."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.sandbox, pytest.mark.network]

CODE = """
from azureml.core import Environment, Model
from azureml.core.compute import AksCompute
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AksWebservice
from amlwidgets import ReplicaCalculator, diagnose
from amlwidgets.widgets.findings_view import FindingsView
def ended(widget):
    while widget.task.get("running"):
        time.sleep(0.05)
    return [widget.task["title"], widget.task["words"], dict(widget.problem)]
env = Environment.from_conda_specification("serving", "myenv.yml")
config = AksWebservice.deploy_configuration(autoscale_enabled=True, autoscale_min_replicas=1, autoscale_max_replicas=3,
    autoscale_target_utilization=80, cpu_cores=0.2, memory_gb=0.5, scoring_timeout_ms=20000, max_request_wait_time=700)
service = Model.deploy(ws, "planned", [], InferenceConfig(entry_script="score.py", environment=env), config,
    deployment_target=AksCompute(ws, "sandbox-aks"))
service.wait_for_deployment()
report = diagnose("503: Too many requests for service planned (overloaded)")
view = FindingsView(report, ws)
made = view.calculator()["model"]
from ipywidgets.widgets.widget import _instances
linked = _instances[made]
own = {name: linked.settings[name] for name in ("min_replicas", "max_replicas", "target", "timeout_seconds", "max_wait_seconds")}
calculator = ReplicaCalculator(service)
plan = {"rate": 5, "seconds": 3, "concurrent": 8, "body": "{}"}
asked = calculator.measure(**plan)["confirm"]
calculator.measure(**plan, confirmed=True)
measured = ended(calculator)
samples = len(calculator.measured.samples)
calculator.change(min_replicas=2, max_replicas=4, target=60)
confirm = calculator.apply()["confirm"]
calculator.apply(confirmed=True)
applied = ended(calculator)
fresh = AksWebservice(ws, "planned").autoscaler
result([own, linked.head["service"], asked, measured, samples, confirm, applied,
        [fresh.min_replicas, fresh.max_replicas, fresh.target_utilization], calculator.code()])
"""


def test_a_service_is_measured_and_changed(sandbox, run, tmp_path):
    (tmp_path / "score.py").write_text(
        "import time\ndef init(): pass\ndef run(data):\n    time.sleep(0.05)\n    return 1\n"
    )
    own, name, asked, measured, samples, confirm, applied, autoscaler, code = run(CODE)
    assert own == {"min_replicas": 1, "max_replicas": 3, "target": 80, "timeout_seconds": 20, "max_wait_seconds": 0.7}
    assert name == "planned"
    assert "about 15 in 3 s" in asked
    assert measured[2] == {}
    assert measured[0] == "Predicted against measured"
    assert samples == 12
    assert "planned: 2 to 4 replicas at 60 %" in confirm
    assert applied[0] == "planned has the settings: Healthy"
    assert autoscaler == [2, 4, 60]
    assert 'AksWebservice(ws, "planned")' in code
    sandbox.reset()
