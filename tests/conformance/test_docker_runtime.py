"""The sandbox with Docker's containers in place of processes: the same client, the same words."""

from __future__ import annotations

import os
import signal

import pytest
import sandbox_support as support
from docker_support import docker, needs_engine

from amlwidgets import diagnose
from amlwidgets.docker_engine import engine
from amlwidgets.sandbox import client
from amlwidgets.sandbox.engine.client import filter_of
from amlwidgets.services.local.targets import SandboxTarget

pytestmark = [pytest.mark.sandbox, *needs_engine]

PREAMBLE = """
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice, Webservice
"""
DEPLOY = """
model = Model.register(ws, model_path="m.txt", model_name="m")
env = Environment.from_conda_specification("env", "myenv.yml")
def deploy(name, script="score.py"):
    inference_config = InferenceConfig(entry_script=script, environment=env)
    service = Model.deploy(ws, name, [model], inference_config, AciWebservice.deploy_configuration(memory_gb=1))
    service.wait_for_deployment(True)
    return service
"""


@pytest.fixture(scope="module")
def sandbox(docker_sandbox):
    return docker_sandbox


def containers(home):
    with engine() as found:
        return [c.name for c in found.containers.list(all=True, filters=filter_of(home), ignore_removed=True)]


def test_a_service_is_a_container_through_its_whole_life(run, sandbox, tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    answer, error, log = run(
        PREAMBLE
        + DEPLOY
        + """
answer = deploy("mysvc").run(json.dumps({"data": 1}))
error = failure(deploy, "broken", "broken.py")
print()
result([answer, error, ws.webservices["broken"].get_logs()])
""",
        timeout=280,
    )
    assert answer == {"echo": {"data": 1}, "model": "forty-two"}
    assert "CrashLoopBackOff" in error
    assert 'File "/var/azureml-app/broken.py", line 1' in log
    assert diagnose(f"{error}\n{log}").top.cause == "missing-python-module"
    assert sandbox.status()["runtime"] == "docker"
    assert len(containers(sandbox.home)) == 1, "the one that crashed is not kept"

    os.kill(sandbox.pid, signal.SIGKILL)
    support.until(lambda: client.connect(sandbox.home) is None)
    again = support.start_sandbox(sandbox.home, runtime="docker")
    asked = PREAMBLE + "result(Webservice(ws, 'mysvc').run('2'))"
    assert support.run_client(asked, tmp_path, again) == {"echo": 2, "model": "forty-two"}
    (name,) = containers(again.home)
    assert docker("exec", name, "pip", "freeze").stdout.count("azureml-inference-server-http") == 1

    # Edit and reload: every start is a container of its own, and the edited script is in it.
    target = SandboxTarget(again, "mysvc")
    assert target.reloads
    assert "on the Docker engine" in target.note
    target.write("score.py", target.read("score.py").replace('"echo"', '"edited"'))
    assert target.reload().ready
    assert support.run_client(asked, tmp_path, again) == {"edited": 2, "model": "forty-two"}
    assert containers(again.home) != [name]
    assert len(containers(again.home)) == 1

    again.stop()
    assert containers(again.home) == []


def test_docker_that_is_not_there_is_refused_with_a_sentence(tmp_path, monkeypatch):
    from amlwidgets.cli import main

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert main(["sandbox", "start", "--home", str(tmp_path / "home"), "--runtime", "docker"]) == 1
    assert client.connect(tmp_path / "home") is None
    started = support.start_sandbox(
        tmp_path / "home", support.clean_environment(DOCKER_HOST=f"unix://{tmp_path}/none.sock"), runtime="auto"
    )
    assert started.status()["runtime"] == "process"
    started.stop()
