"""The guides' shell blocks with docker in them, typed into a real terminal against the sandbox's images."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import urllib.request
from functools import partial

import pytest
import sandbox_support as support
from docker_support import docker, needs_engine

pytestmark = [pytest.mark.sandbox, *needs_engine]


@pytest.fixture(scope="module")
def sandbox(docker_sandbox):
    return docker_sandbox


def amlwidgets(sandbox, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amlwidgets.cli", "sandbox", *words, "--home", str(sandbox.home)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


def typed(lines: str, *command: str) -> str:
    """Run a command in a terminal of its own and type ``lines``; returns what the terminal showed."""
    master, slave = pty.openpty()
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, close_fds=True) as process:
        os.close(slave)
        os.write(master, lines.encode())
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is gone with its last user
            while chunk := os.read(master, 65536):
                shown += chunk
        process.wait(60)
    os.close(master)
    return shown.decode(errors="replace")


def mapped_port(name: str) -> int | None:
    shown = docker("port", name, "5001").stdout.strip()
    return int(shown.rpartition(":")[2]) if shown else None


def score_at(port: int) -> object:
    request = urllib.request.Request(
        f"http://localhost:{port}/score", b'{"data": 1}', {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def asked():
        try:
            with opener.open(request, timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    return support.until(asked)


def test_the_guides_docker_blocks(run, sandbox, tmp_path):
    (tmp_path / "score.py").write_text(support.GOOD_SCORE + "\nif __name__ == '__main__':\n    init()\n")
    location = run("""
from azureml.core import Model
from azureml.core.image import ContainerImage, Image
model = Model.register(ws, model_path="m.txt", model_name="m")
config = ContainerImage.image_configuration(execution_script="score.py", runtime="python", conda_file="myenv.yml")
image = Image.create(name="myimage", models=[model], image_config=config, workspace=ws)
image.wait_for_creation()
print()
result(image.image_location)
""")
    assert location == "sandboxregistry.azurecr.io/myimage:1"
    made = amlwidgets(sandbox, "image", location)
    assert made.returncode == 0, made.stderr
    assert made.stdout.strip() == location

    block = "cd /var/azureml-app\npip freeze\npython score.py\nexit\n"
    shown = typed(block, "docker", "run", "--rm", "-it", location, "/bin/bash")
    assert re.search(r"^azureml-core==", shown, re.MULTILINE)
    assert "models: ['m.txt']" in shown

    name = f"amlwidgets-shell-{os.getpid()}"
    with subprocess.Popen(
        ["docker", "run", "--rm", "--name", name, "-p", "127.0.0.1:0:5001", location],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        try:
            assert score_at(support.until(partial(mapped_port, name))) == {"echo": {"data": 1}, "model": "forty-two"}
        finally:
            docker("kill", name)
        running.wait(60)


def test_the_image_of_a_deployed_service_and_of_nothing(run, sandbox):
    run("""
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice
model = Model.register(ws, model_path="m.txt", model_name="m")
environment = Environment.from_conda_specification("env", "myenv.yml")
config = InferenceConfig(entry_script="score.py", environment=environment)
Model.deploy(ws, "mysvc", [model], config, AciWebservice.deploy_configuration()).wait_for_deployment()
""")
    made = amlwidgets(sandbox, "image", "mysvc")
    assert made.stdout.strip() == "sandboxregistry.azurecr.io/mysvc:1"
    inside = docker("run", "--rm", made.stdout.strip(), "sh", "-c", "cat $AZUREML_MODEL_DIR/m.txt")
    assert inside.stdout == "forty-two"
    absent = amlwidgets(sandbox, "image", "nosuch")
    assert absent.returncode == 1
    assert "There is neither a service nor an image nosuch." in absent.stderr
