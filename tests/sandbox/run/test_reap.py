"""A sandbox that is killed leaves nothing running, now or at its next start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from amlwidgets.sandbox.run import ProcessRuntime, records

from .conftest import mentioning, modes, wait_for

RUNS_AWAY = (
    "import subprocess\n\n\ndef init():\n    subprocess.Popen(['sleep', '{mark}'], start_new_session=True)\n\n\n"
    "def run(data):\n    return 1\n"
)
DAEMON = """
import json, sys, time
from pathlib import Path
from amlwidgets.sandbox.protocols import ContainerSpec
from amlwidgets.sandbox.run import ProcessRuntime
task = json.loads(sys.argv[1])
root = Path(task["root"])
spec = ContainerSpec("web", Path(task["prefix"]), root, "score.py", "azureml-models/m/1", log=root / "log.txt")
container = ProcessRuntime(isolate=task["mode"], kernel_limits=task["kernel"]).start(spec)
while container.status().state != "Ready":
    time.sleep(0.01)
print("ready", container.spec.port, flush=True)
time.sleep(600)
"""


@pytest.mark.sandbox
@pytest.mark.network
@pytest.mark.parametrize("kernel", [True, False], ids=["kernel", "looking"])
@pytest.mark.parametrize("mode", modes())
def test_killing_the_sandbox_ends_its_containers(host, mode, kernel):
    mark = f"8{os.getpid()}{len(mode)}{int(kernel)}"
    spec = host.spec(RUNS_AWAY.replace("{mark}", mark))
    task = {"root": str(spec.root), "prefix": str(spec.prefix), "mode": mode, "kernel": kernel}
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, json.dumps(task)], stdout=subprocess.PIPE, text=True)
    port = daemon.stdout.readline().split()[1]
    assert mentioning(f"sleep {mark}")
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    try:
        if mode != "none":  # the kernel does it all; else the sandbox's next start does the rest
            wait_for(lambda: not mentioning(f"--port {port}") and not mentioning(f"sleep {mark}"), seconds=10)
    finally:
        ProcessRuntime().reap(host.folder)
    wait_for(lambda: not mentioning(f"--port {port}") and not mentioning(f"sleep {mark}"), seconds=10)
    assert not list(host.folder.rglob("process.json"))


def test_a_pid_that_was_given_to_another_process_is_not_hit(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as innocent:
        note = {"pid": innocent.pid, "started": psutil.Process(innocent.pid).create_time() - 5, "groups": []}
        (tmp_path / "web").mkdir()
        (tmp_path / "web" / "process.json").write_text(json.dumps(note))
        assert ProcessRuntime().reap(tmp_path) == []
        assert innocent.poll() is None
        innocent.kill()


def test_a_left_over_process_is_ended_with_its_tree(tmp_path):
    with subprocess.Popen(["/bin/sh", "-c", "sleep 61 & sleep 62"]) as left_over:
        wait_for(lambda: len(psutil.Process(left_over.pid).children()) == 2)
        records.write(tmp_path, left_over.pid, [])
        assert len(ProcessRuntime().reap(tmp_path)) == 3
        assert left_over.wait(5) == -signal.SIGKILL
    assert not (tmp_path / "process.json").exists()


def test_an_unreadable_note_is_dropped(tmp_path):
    (tmp_path / "process.json").write_text("{")
    assert ProcessRuntime().reap(tmp_path) == []
    assert not (tmp_path / "process.json").exists()
