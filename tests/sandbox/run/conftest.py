"""One real environment with the inference server for all tests here, and containers that are always ended."""

from __future__ import annotations

import os
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from amlwidgets.sandbox.build import UvBuilder
from amlwidgets.sandbox.protocols import ContainerSpec
from amlwidgets.sandbox.run import Backoff, ProcessRuntime, isolation

CACHE = Path(__file__).resolve().parents[3] / ".cache" / "images"
GOOD = "def init():\n    print('loading')\n\n\ndef run(data):\n    return {'got': data}\n"


def definition(*pip: str) -> dict:
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    return {"python": {"condaDependencies": {"dependencies": [python, {"pip": list(pip)}]}}}


@pytest.fixture(scope="session")
def server_prefix() -> Path:
    """The environment with the real server, built once and kept in the checkout's cache."""
    lines: list[str] = []
    result = UvBuilder(CACHE).build(definition("azureml-inference-server-http"), lines.append, threading.Event())
    assert result.ok, "".join(lines)
    return result.prefix


@pytest.fixture(scope="session")
def bare_prefix() -> Path:
    """An environment without any server."""
    result = UvBuilder(CACHE).build(definition(), lambda _text: None, threading.Event())
    assert result.ok
    return result.prefix


class Host:
    """Makes containers in a test's folder and ends them all."""

    def __init__(self, folder: Path, prefix: Path) -> None:
        self.folder, self.prefix = folder, prefix
        self.containers = []

    def spec(self, script: str | None = GOOD, *, name: str = "web", **more) -> ContainerSpec:
        root = self.folder / name
        app = root / "var" / "azureml-app"
        (app / "azureml-models" / "m" / "1").mkdir(parents=True, exist_ok=True)
        (app / "azureml-models" / "m" / "1" / "weights.txt").write_text("42")
        if script is not None:
            (app / "score.py").write_text(script)
        values = {"prefix": self.prefix, "memory_gb": 1.0, "cpu": 1.0, "log": root / "log.txt"} | more
        return ContainerSpec(name, root=root, entry_script="score.py", model_dir="azureml-models/m/1", **values)

    def start(self, script: str | None = GOOD, *, runtime: ProcessRuntime | None = None, **more):
        container = (runtime or ProcessRuntime(backoff=Backoff(0.05, 0.2, 60))).start(self.spec(script, **more))
        self.containers.append(container)
        return container


@pytest.fixture
def host(tmp_path, server_prefix):
    made = Host(tmp_path, server_prefix)
    yield made
    for container in made.containers:
        container.stop()


def wait_for(condition, seconds=30):
    """Wait until ``condition`` gives something true and return that."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(0.01)
    return result


def wait_state(container, state, seconds=30):
    def reached():
        status = container.status()
        assert status.state != "Terminated" or state == "Terminated", log_of(container)
        return status if status.state == state else None

    return wait_for(reached, seconds)


def log_of(container) -> str:
    path = container.spec.log
    return path.read_text(errors="replace") if path.exists() else ""


def score(container, body=b'"x"'):
    """POST to the container and return (status, text)."""
    address = f"http://127.0.0.1:{container.spec.port}/score"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def mentioning(text: str) -> list[psutil.Process]:
    """Return the living processes whose command line mentions ``text``, our own apart."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or ())
        if text in words and process.pid != os.getpid() and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def modes() -> list[str]:
    """The separations that work on this machine, the strongest first."""
    return list(dict.fromkeys([isolation.mode(), "none"]))
