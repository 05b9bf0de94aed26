"""Commands in the containers of services: of processes, of replicas, crash-looping ones; the probes on top of them."""

import subprocess
import sys

import pytest
import sandbox_support as support

from amlwidgets.core.checks import CheckState
from amlwidgets.errors import BadInput, ServiceFailed
from amlwidgets.services.local.inside import SandboxService
from amlwidgets.services.local.probes import ask
from amlwidgets.services.local.targets import SandboxTarget

pytestmark = [pytest.mark.sandbox, pytest.mark.network]

DEPLOY = """
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice
model = Model.register(ws, model_path="m.txt", model_name="m")
env = Environment.from_conda_specification("env", "myenv.yml")
inference = InferenceConfig(entry_script="score.py", environment=env)
service = Model.deploy(ws, NAME, [model], inference, AciWebservice.deploy_configuration(cpu_cores=0.5, memory_gb=0.5))
try:
    service.wait_for_deployment()
except Exception as error:
    print(type(error).__name__)
"""


def deployed(run, name: str) -> None:
    run(f"NAME = {name!r}\n" + DEPLOY)


def test_probes_of_a_service_of_the_sandbox(run, sandbox):
    deployed(run, "probed")
    inside = SandboxService(sandbox, "probed")
    where = ask(inside, "where")
    assert where.data["app_root"] == "/var/azureml-app"
    assert {e["path"] for e in where.data["entries"]} >= {"score.py", "azureml-models/m/1/m.txt"}
    assert ask(inside, "model_dir").state is CheckState.OK
    assert "azureml-inference-server-http" in ask(inside, "packages").data["packages"]
    called = ask(inside, "call", sample='{"x": 1}')
    assert called.state is CheckState.OK
    assert "forty-two" in called.text
    limit = ask(inside, "disk").data["memory_limit_bytes"]
    assert limit is None or limit > 0
    assert ask(inside, "script").state is CheckState.OK

    ran = sandbox.execute("probed", ["sh", "-c", "exit 7"])
    assert ran["exitCode"] == 7
    assert sandbox.execute("probed", ["sleep", "30"], seconds=0.2)["exitCode"] is None
    said = subprocess.run(
        [sys.executable, "-m", "amlwidgets.cli", "sandbox", "exec", "--home", str(sandbox.home), "probed", "--", "pwd"],
        capture_output=True, text=True, check=False, env=support.clean_environment(),
    )  # fmt: skip
    assert (said.returncode, said.stdout) == (0, "/var/azureml-app\n"), said.stderr


def test_a_container_that_crashes_can_be_looked_into(run, sandbox, tmp_path):
    (tmp_path / "score.py").write_text(
        "def init():\n    raise OSError('no such model')\n\n\ndef run(data):\n    return 1\n"
    )
    deployed(run, "crashing")
    answer = ask(SandboxService(sandbox, "crashing"), "call")
    assert answer.sentence == "init() failed: OSError: no such model"


def test_what_is_refused(sandbox):
    with pytest.raises(ServiceFailed, match="There is no service absent"):
        sandbox.execute("absent", ["true"])
    with pytest.raises(ServiceFailed, match="timeout has to be"):
        sandbox.execute("absent", ["true"], seconds=-1)
    with pytest.raises(ServiceFailed, match="command has to be"):
        sandbox.execute("absent", [])


def test_edit_and_restart_without_a_docker_engine(run, sandbox, tmp_path):
    deployed(run, "edited")
    target = SandboxTarget(sandbox, "edited")
    assert target.wait().ready
    source = target.read("score.py")
    target.write("score.py", source.replace('"echo"', '"écho"'))
    assert target.reload().ready
    assert ask(target.inside, "call", sample="1").text.startswith("{'écho': 1")
    answer = run("from azureml.core.webservice import Webservice\nresult(Webservice(ws, 'edited').run('[7]'))")
    assert answer["écho"] == [7]
    target.write("score.py", "def init():\n    raise OSError('edited badly')\n\n\ndef run(data):\n    return 1\n")
    state = target.reload(seconds=20)
    assert not state.ready
    assert "edited badly" in sandbox.execute("edited", ["cat", "score.py"])["output"]
    target.write("score.py", source)
    assert target.reload().ready, "a restart does not wait for the back-off of earlier crashes"
    with pytest.raises(BadInput, match="There is no file"):
        target.read("absent.py")


REPLICAS = """
from azureml.core import Environment
from azureml.core.compute import AksCompute
from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import AksWebservice
env = Environment.from_conda_specification("env", "myenv.yml")
settings = AksWebservice.deploy_configuration(cpu_cores=0.2, memory_gb=0.5, num_replicas=2, autoscale_enabled=False)
service = Model.deploy(ws, "replicated", [], InferenceConfig(entry_script="score.py", environment=env), settings,
                       deployment_target=AksCompute(ws, "sandbox-aks"), overwrite=True)
service.wait_for_deployment()
"""
ASK_ALL = """
from azureml.core.webservice import Webservice
service = Webservice(ws, "replicated")
result(sorted({str(service.run("1")) for _ in range(12)}))
"""


def test_an_edit_reaches_all_replicas(run, sandbox, tmp_path):
    (tmp_path / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return 'old'\n")
    run(REPLICAS)
    target = SandboxTarget(sandbox, "replicated")
    assert target.reloads
    assert "It has 2 replicas" in target.note
    target.write("score.py", target.read("score.py").replace("old", "new"))
    assert target.reload().ready
    support.until(lambda: run(ASK_ALL) == ["new"])
