"""The sandbox killed at random points of a deployment: the rounds that the tests and the soak run share."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import sandbox_support as support

from amlwidgets.sandbox import client

WORKER = """
from azureml.core import Environment, Model, Workspace
from azureml.core.compute import AksCompute
from azureml.core.image import ContainerImage, Image
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice, AksWebservice, Webservice
import requests
ws = Workspace.from_config()
env = Environment.from_conda_specification("serving", "myenv.yml")
def inference():
    return InferenceConfig(entry_script="score.py", environment=env)
def wait(service):
    service.wait_for_deployment()
def aci(name):
    settings = AciWebservice.deploy_configuration(cpu_cores=0.5, memory_gb=0.5)
    wait(Model.deploy(ws, name, [Model(ws, "kept")], inference(), settings))
def aks(name):
    settings = AksWebservice.deploy_configuration(cpu_cores=0.1, memory_gb=0.3, num_replicas=2)
    wait(Model.deploy(ws, name, [Model(ws, "kept")], inference(), settings, AksCompute(ws, "sandbox-aks")))
def image(name):
    settings = ContainerImage.image_configuration(execution_script="score.py", runtime="python", conda_file="myenv.yml")
    Image.create(name=name, models=[Model(ws, "kept")], image_config=settings, workspace=ws).wait_for_creation()
def register(name):
    return Model.register(ws, model_path="m.txt", model_name=name).id
def update(name):
    service = Webservice(ws, "standing")
    register(name)
    service.update(models=[Model(ws, name)], inference_config=inference())
    wait(service)
def look():
    services = {}
    for service in Webservice.list(ws):
        answer = service.run('{"x": 1}') if service.state == "Healthy" else None
        services[service.name] = [service.state, answer, str(service.error)]
    return [services, sorted(ws.models), sorted(i.id for i in ws.images.values()), Model(ws, "kept").version]
def clean():
    for service in Webservice.list(ws):
        if service.name != "standing":
            service.delete()
print("RESULT null", flush=True)
for line in sys.stdin:
    function, *arguments = json.loads(line)
    try:
        found = globals()[function](*arguments)
    except Exception as exc:
        found = {"error": f"{type(exc).__name__}: {exc}"}
    print("RESULT " + json.dumps(found), flush=True)
"""
SCENARIOS = ("aci", "aks", "image", "update")
SETTLE_SECONDS = 120
LATEST_SECONDS = 5.0
"""The client sleeps as long before it looks again at an image, which the sandbox has finished before."""
_NAMES = re.compile(r"amlwidgets-(?:standing|aci-|aks-)")


class Client:
    """azureml-core in one process for all rounds: importing it costs more than a deployment."""

    def __init__(self, folder: Path, sandbox: Any) -> None:
        (folder / ".azureml").mkdir(exist_ok=True)
        (folder / ".azureml" / "config.json").write_text(json.dumps(sandbox.workspace_config()))
        (folder / "myenv.yml").write_text(support.CONDA)
        (folder / "score.py").write_text(support.GOOD_SCORE)
        (folder / "m.txt").write_text("forty-two")
        script = folder / "worker.py"
        script.write_text(support.PROLOGUE + WORKER)
        self.log = (folder / "worker.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, str(script)], cwd=folder, env=support.client_environment(sandbox, folder),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )  # fmt: skip
        self.answer()

    def ask(self, *words: str) -> None:
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        for line in self.process.stdout:
            if line.startswith("RESULT "):
                return json.loads(line[7:])
        raise AssertionError("the client has ended: " + Path(self.log.name).read_text()[-3000:])

    def call(self, *words: str) -> Any:
        self.ask(*words)
        found = self.answer()
        assert not (isinstance(found, dict) and "error" in found), found
        return found

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
        self.log.close()


class Rounds:
    """Kills a sandbox again and again, and looks each time whether everything is in order afterwards.

    Args:
        folder: Empty folder for the state, the temporary files and the client.
        seed: Of the random points.
        runtime: What containers are: ``"process"`` or ``"docker"``.
    """

    def __init__(self, folder: Path, seed: int, runtime: str = "process") -> None:
        self.runtime = runtime
        self.home, self.temporary = folder / "home", folder / "temporary"
        for made in (self.temporary, folder / "client"):
            made.mkdir(parents=True)
        self.environment = support.clean_environment(TMPDIR=str(self.temporary))
        self.random = random.Random(seed)
        self.sandbox = support.start_sandbox(self.home, self.environment, runtime=self.runtime)
        self.client = Client(folder / "client", self.sandbox)
        self.outcomes: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        self._seen: set[str] = set()
        self._models: set[str] = set()

    def prepare(self) -> None:
        """Do each thing once without a kill: afterwards it is known how long it takes, and caches are warm."""
        self.client.call("register", "kept")
        self.client.call("aci", "standing")
        for scenario in SCENARIOS:
            begin = time.monotonic()
            self.client.call(scenario, f"{scenario}-first")
            self.seconds[scenario] = time.monotonic() - begin
        self.client.call("clean")
        print({scenario: round(seconds, 1) for scenario, seconds in self.seconds.items()})
        self._note_operations()

    def round(self, number: int) -> None:
        """Begin something, kill the sandbox at a random point of it, start it again and check."""
        scenario = SCENARIOS[number % len(SCENARIOS)]
        name = f"{scenario}-{number}"
        self.client.ask(scenario, name)
        # A random moment is the point of this wait: nothing is waited for.
        threading.Event().wait(self.random.uniform(0, min(1.1 * self.seconds[scenario], LATEST_SECONDS)))
        self._kill()
        told = self.client.answer()
        if self.random.random() < 0.2:
            threading.Event().wait(self.random.uniform(0, 0.5))
            self._kill()
        self._check(name, told)
        self.client.call("clean")

    def finish(self) -> list[str]:
        """Stop the sandbox and return what of it remains: it has to be nothing."""
        self.client.close()
        self.sandbox.stop()
        with contextlib.suppress(AssertionError):  # the list of what remains says more
            support.until(lambda: not processes(self.home), what="the end of its processes")
        left = remains(self.home, self.temporary)
        if self.runtime == "docker":
            left += self._docker_remains()
        return left

    def _docker_remains(self) -> list[str]:
        from amlwidgets.docker_engine import engine
        from amlwidgets.sandbox.engine.client import filter_of

        with engine() as docker:
            containers = docker.containers.list(all=True, filters=filter_of(self.home), ignore_removed=True)
            left = [f"container {container.name}" for container in containers]
        last = support.start_sandbox(self.home, self.environment, runtime=self.runtime)
        last.reset(images=True)  # images outlive a stop by design; those of a test do not outlive the test
        last.stop()
        return left

    def _kill(self) -> None:
        os.kill(self.sandbox.pid, signal.SIGKILL)
        support.until(lambda: client.connect(self.home) is None, what="the end of the killed sandbox")
        self.sandbox = support.start_sandbox(self.home, self.environment, runtime=self.runtime)

    def _check(self, name: str, told: Any) -> None:
        support.until(self._settled, SETTLE_SECONDS, "the end of every operation")
        fresh = self._note_operations()
        services, models, images, kept = support.until(self._healthy, SETTLE_SECONDS, "the return of every service")
        assert kept == 1
        assert services["standing"][0] == "Healthy", services["standing"]
        self._models |= {name} if name in models else set()
        assert set(models) >= self._models | {"kept"}
        for operation in fresh:
            self.outcomes[operation["state"]] += 1
            if operation["state"] == "Failed":
                assert operation["error"]["message"], operation
            elif operation["operationType"] == "Service" and operation["state"] == "Succeeded":
                state, answer, _ = services[operation["service"]]
                assert (state, answer) == ("Healthy", {"echo": {"x": 1}, "model": "forty-two"})
            elif operation["operationType"] == "Image" and operation["state"] == "Succeeded":
                assert ":".join(map(str, operation["image"])) in images
        if told is None:  # finished before the kill: it must not be lost
            assert name in services or f"{name}:1" in images or name in models
        self.outcomes["nothing begun"] += not fresh

    def _healthy(self) -> Any:
        seen = self.client.call("look")
        return seen if all(state != "Unhealthy" for state, _, _ in seen[0].values()) else None

    def _documents(self) -> list[dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.home / 'sandbox.sqlite'}?mode=ro", uri=True)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            rows = db.execute("SELECT body FROM documents WHERE kind='operation' ORDER BY id").fetchall()
        return [json.loads(body) for (body,) in rows]

    def _settled(self) -> bool:
        return all(operation["state"] not in ("NotStarted", "Running") for operation in self._documents())

    def _note_operations(self) -> list[dict[str, Any]]:
        fresh = [operation for operation in self._documents() if operation["id"] not in self._seen]
        self._seen |= {operation["id"] for operation in fresh}
        return fresh


def remains(home: Path, temporary: Path) -> list[str]:
    """Return what a stopped sandbox has left: processes, control groups, mounts, temporary and unused files."""
    found = [f"process {pid}: {line}" for pid, line in processes(home)]
    found += [f"control group {path}" for path in groups()]
    found += [f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if str(home) in line]
    found += [f"temporary {path.name}" for path in temporary.iterdir()]
    found += [f"draft {path}" for path in home.rglob("*.draft")]
    found += [f"draft {path}" for path in home.glob(".*")]
    found += [f"note {path}" for name in ("process.json", "group.txt") for path in home.rglob(name)]
    found += [f"staged {path}" for path in (home / "blobs-staged").iterdir()]
    return found + _unused(home)


def groups() -> set[str]:
    """Control groups of containers of any sandbox that this process can see and that hold nobody."""
    found = set()
    for path in Path("/sys/fs/cgroup").rglob("amlwidgets-*"):
        with contextlib.suppress(OSError):
            if not (path / "cgroup.procs").read_text().strip() and _NAMES.search(path.name):
                found.add(str(path))
    return found


def _unused(home: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(f"file:{home / 'sandbox.sqlite'}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT kind, body FROM documents WHERE kind IN ('blob', 'service')").fetchall()
    known = {json.loads(body).get("file") for kind, body in rows if kind == "blob"}
    services = {json.loads(body)["name"] for kind, body in rows if kind == "service"}
    found = [f"blob {path.name}" for path in (home / "blobs").iterdir() if path.name not in known]
    folders = list((home / "containers").iterdir()) if (home / "containers").exists() else []
    return found + [f"folder {path.name}" for path in folders if path.name.rpartition("-")[0] not in services]


def processes(home: Path) -> list[tuple[int, str]]:
    """Processes that know the state folder, but for the caller's own family."""
    own = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter(["environ", "cmdline", "status"]):
        text = " ".join([*(process.info["environ"] or {}).values(), *(process.info["cmdline"] or [])])
        if str(home) in text and process.pid not in own and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append((process.pid, " ".join(process.info["cmdline"] or [])[:200]))
    return found
