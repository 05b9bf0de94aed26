"""What Binder, the Dockerfile and the devcontainer make: the product in a clean environment, opening the tour, without Docker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from sandbox_support import clean_environment, until

ROOT = Path(__file__).resolve().parents[2]
BINDER = ROOT / "binder"
pytestmark = [pytest.mark.sandbox, pytest.mark.network, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A clean environment as ``environment.yml`` and ``postBuild`` make it: its variables, and what postBuild said."""
    wanted = YAML(typ="safe").load((BINDER / "environment.yml").read_text())["dependencies"]
    python = next(entry for entry in wanted if entry.startswith("python=")).partition("=")[2]
    prefix = tmp_path_factory.mktemp("binder") / "env"
    uv = [sys.executable, "-m", "uv", "venv", "--quiet", "--seed", "--python", python, str(prefix)]
    subprocess.run(uv, check=True)
    variables = clean_environment(
        PATH=f"{prefix}/bin:{os.environ['PATH']}",
        AMLWIDGETS_SANDBOX_HOME=str(ROOT / ".cache" / "sandbox-binder"),
        DOCKER_HOST="unix:///absent.sock",
    )
    variables.pop("VIRTUAL_ENV", None)
    done = subprocess.run([BINDER / "postBuild"], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    yield variables, done.stdout
    subprocess.run(["amlwidgets", "sandbox", "stop"], env=variables, check=True, capture_output=True)


def test_the_tour_runs_in_the_clean_environment(built):
    _variables, said = built
    for words in ("Stopped at: start", "my-best-model", "The same.", "Healthy"):
        assert words in said


def test_jupyterlab_opens_the_tour(built, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--IdentityProvider.token=word", "--ServerApp.port_retries=0"]
    places = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "RUNTIME", "DATA")}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def page() -> str:
        try:
            with opener.open(f"http://127.0.0.1:{port}/?token=word", timeout=5) as answer:
                return str(answer.url)
        except (OSError, urllib.error.URLError):
            return ""

    with (tmp_path / "lab.log").open("w") as log:
        process = subprocess.Popen(
            [BINDER / "start", *command],
            cwd=ROOT,
            env=built[0] | places,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            assert "/lab/tree/notebooks/00_tour.ipynb" in until(page, 90, "JupyterLab's page")
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(15)
    status = subprocess.run(
        ["amlwidgets", "sandbox", "status"], env=built[0], capture_output=True, text=True, check=True
    )
    assert "The sandbox runs" in status.stdout, "start has started it"


def test_nothing_is_offered_that_cannot_work(built, tmp_path):
    """Without Docker the wizard's Local target cannot be chosen, and says where to read more."""
    code = "import json; from amlwidgets import DeployWizard; print(json.dumps(DeployWizard().head))"
    done = subprocess.run(
        ["python", "-c", code], cwd=tmp_path, env=built[0], capture_output=True, text=True, check=True
    )
    head = json.loads(done.stdout.splitlines()[-1])
    assert list(head["impossible"]) == ["Local"]
    assert head["target"] not in head["impossible"]
