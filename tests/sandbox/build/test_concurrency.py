"""Several requests for one environment, and builds that are killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading

from amlwidgets.sandbox.build import UvBuilder

from .conftest import definition
from .test_builder import build, wait_for

_OTHER_PROCESS = """
import json, sys, threading
from pathlib import Path
from amlwidgets.sandbox.build import UvBuilder
task = json.loads(sys.argv[1])
builder = UvBuilder(Path(task["root"]), environment=task["environment"])
result = builder.build(task["definition"], lambda text: print(text, end="", flush=True), threading.Event())
print(json.dumps({"ok": result.ok, "reused": result.reused}), flush=True)
"""


def start_process(builder, offline, environment):
    task = {"root": str(builder.store.root), "environment": offline, "definition": environment}
    return subprocess.Popen([sys.executable, "-c", _OTHER_PROCESS, json.dumps(task)], stdout=subprocess.PIPE, text=True)


def builds(gate):
    return len((gate / "builds").read_text().split()) if (gate / "builds").exists() else 0


def test_threads_share_one_build(builder, gate):
    results, environment = [], definition(pip=("slow",))
    threads = [threading.Thread(target=lambda: results.append(build(builder, environment))) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: builds(gate) == 1)
    (gate / "open").touch()
    for thread in threads:
        thread.join(30)
    assert builds(gate) == 1
    assert [result.ok for result, _ in results] == [True] * 3
    assert sorted(result.reused for result, _ in results) == [False, True, True]
    assert all("+ slow==1.0" in log for _, log in results), "those who wait read along"


def test_processes_share_one_build(builder, gate, offline):
    environment = definition(pip=("slow",))
    other = start_process(builder, offline, environment)
    wait_for(lambda: builds(gate) == 1)
    results = []
    mine = threading.Thread(target=lambda: results.append(build(builder, environment)))
    mine.start()
    (gate / "open").touch()
    out, _ = other.communicate(timeout=30)
    mine.join(30)
    assert builds(gate) == 1
    assert json.loads(out.splitlines()[-1]) == {"ok": True, "reused": False}
    assert results[0][0].reused


def test_those_who_wait_share_a_failure(builder, gate):
    results, environment = [], definition(pip=("slow", "nosuchthing"))
    # The lock is held from outside, so that both are waiting when the first build begins.
    with builder.store.lock(builder.key(environment), threading.Event(), lambda: None):
        threads = [threading.Thread(target=lambda: results.append(build(builder, environment))) for _ in range(2)]
        for thread in threads:
            thread.start()
    (gate / "open").touch()
    for thread in threads:
        thread.join(30)
    assert [result.ok for result, _ in results] == [False, False]
    assert len({result.error for result, _ in results}) == 1


def test_a_waiting_request_can_be_cancelled(builder):
    environment, cancelled = definition(pip=("apple",)), threading.Event()
    with builder.store.lock(builder.key(environment), threading.Event(), lambda: None):
        cancelled.set()
        result, log = build(builder, environment, cancelled=cancelled)
    assert not result.ok
    assert "cancelled" in log


def test_a_killed_build_leaves_nothing_half_usable(builder, gate, offline):
    environment = definition(pip=("slow",))
    victim = start_process(builder, offline, environment)
    wait_for(lambda: builds(gate) == 1)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    key = builder.key(environment)
    assert builder.find(key) is None
    assert (builder.store.prefix(key) / "bin" / "python").exists(), "the killed build had got this far"
    # What the killed build had started still runs, and still holds the lock: nobody else may touch the folder.
    results = []
    again = threading.Thread(
        target=lambda: results.append(build(UvBuilder(builder.store.root, environment=offline), environment))
    )
    again.start()
    (gate / "open").touch()
    again.join(30)
    assert results[0][0].ok
    assert not results[0][0].reused


def test_a_damaged_marker_counts_as_not_built(builder):
    result, _ = build(builder, definition(pip=("apple",)))
    (builder.store.folder(result.key) / "image.json").write_text("{")
    assert builder.find(result.key) is None
    assert build(builder, definition(pip=("apple",)))[0].ok
