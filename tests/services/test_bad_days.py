"""A service's bad day, through the sandbox's faults: what is shown is true or “unknown since …”, nothing deploys twice."""

import json
import os
import signal
import sqlite3
import threading
import time

import pytest
from test_deployments import wait_for

from amlwidgets.core.stages import STAGES, Stage, StageState
from amlwidgets.errors import BadInput, NotConnected, ServiceFailed
from amlwidgets.sandbox import client, world
from amlwidgets.services import azureml, patience
from amlwidgets.services.journal import Journal
from amlwidgets.services.waiting import Cancelled

pytestmark = [pytest.mark.sandbox, pytest.mark.network, pytest.mark.timeout(300)]
OPERATIONS = {"path": ".*/operations/.*"}
LOGS = {"path": ".*/logs"}
PASSING = {
    "503": [{"do": "status", "status": 503, "retry_after": 1, "times": 3} | OPERATIONS],
    "500 and 429": [{"do": "status", "status": 500, "times": 2} | OPERATIONS, {"do": "status", "status": 429, "times": 2} | LOGS],
    "dropped": [{"do": "drop", "times": 3, "skip": 1} | OPERATIONS, {"do": "drop", "times": 2} | LOGS],
    "late": [{"do": "latency", "seconds": 2, "times": 4} | OPERATIONS],
    "half a log": [{"do": "slow", "rate": 2000, "times": 3} | LOGS],
    "expired tokens": [{"do": "expire", "seconds": 3, "times": 0}],
    "answer lost": [{"do": "drop", "after": True, "method": "POST", "path": ".*/services"}],
}  # fmt: skip


def deployments(sandbox):
    """Return the services whose deployment the sandbox has begun, one for each time."""
    with sqlite3.connect(f"file:{sandbox.home / 'sandbox.sqlite'}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT body FROM documents WHERE kind='operation'").fetchall()
    found = [json.loads(body) for (body,) in rows]
    return [o["service"] for o in found if o["operationType"] == "Service"]


@pytest.fixture
def watched(deploy):
    """A run, with every note that was shown of a stage."""

    def make(**settings):
        run = deploy(**settings)
        run.shown = []
        run.listen(lambda _, stage: run.shown.append((stage, run.records[stage].note)) if stage else None)
        return run

    return make


@pytest.fixture
def faults(in_sandbox):
    yield in_sandbox.faults
    in_sandbox.faults([])


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_waited_for_and_told(watched, in_sandbox, faults, name):
    run = watched()
    early = name == "expired tokens"  # a good token would be kept
    faults(PASSING[name] if early else [])
    run.start(Stage.PREFLIGHT, Stage.IMAGE)
    assert run.wait(250)
    assert run.failed_stage is None, run.records
    if not early:
        faults(PASSING[name])
    run.start(Stage.SCHEDULE, Stage.SCORE)
    assert run.wait(120)
    assert run.failed_stage is None, [(s, r.error) for s, r in run.records.items() if r.error]
    assert run.prediction == {"sum": 3}
    assert deployments(in_sandbox) == ["svc"]
    hits = sum(rule["hits"] for rule in in_sandbox.status()["faults"])
    assert hits
    told = any(note.startswith("unknown since ") for _, note in run.shown)
    assert told == (name in ("503", "500 and 429", "dropped"))
    assert not any(r.note.startswith("unknown") for r in run.records.values()), "not unknown any more"


def test_a_service_that_stays_silent_ends_at_the_limit_and_running_again_deploys_nothing_twice(
    watched, in_sandbox, faults, monkeypatch
):
    monkeypatch.setattr(patience, "UNKNOWN_SECONDS", 3.0)
    run = watched()
    run.start(Stage.PREFLIGHT, Stage.IMAGE)
    assert run.wait(250)
    faults([{"do": "status", "status": 503, "times": 0} | OPERATIONS])
    run.start(Stage.SCHEDULE, Stage.SCORE)
    assert run.wait(60)
    record = run.records[Stage.SCHEDULE]
    assert (record.state, record.code) == (StageState.FAILED, "state-unknown")
    assert "unknown since" in record.error
    assert "HTTP 503" in record.error
    assert run.records[Stage.START].state == StageState.BLOCKED
    faults([])
    run.start(Stage.SCHEDULE, Stage.SCORE)
    assert run.wait(60)
    assert run.prediction == {"sum": 3}, run.records
    assert deployments(in_sandbox) == ["svc"]


def test_cancel_is_heard_while_the_state_is_unknown(watched, faults):
    run = watched()
    run.start(Stage.PREFLIGHT, Stage.IMAGE)
    assert run.wait(250)
    faults([{"do": "drop", "times": 0} | OPERATIONS])
    run.start(Stage.SCHEDULE, Stage.SCORE)
    assert wait_for(run, lambda: run.records[Stage.SCHEDULE].note.startswith("unknown since"), 60)
    run.cancel()
    assert run.wait(10)
    assert run.records[Stage.SCHEDULE].state == StageState.CANCELLED


def test_two_runs_on_one_service_end_and_neither_shows_what_is_not_so(deploy, in_sandbox):
    first, second = deploy(), deploy()
    for run in (first, second):
        run.start(Stage.PREFLIGHT, Stage.IMAGE)
        assert run.wait(250)
    for run in (first, second):
        run.start(Stage.SCHEDULE, Stage.SCORE)
    assert all(run.wait(120) for run in (first, second))
    for run in (first, second):
        states = {r.state for r in run.records.values()}
        assert states <= {StageState.DONE, StageState.FAILED, StageState.BLOCKED}
        assert (run.prediction == {"sum": 3}) == (states == {StageState.DONE})
    assert (
        StageState.FAILED not in {r.state for r in second.records.values()} or second.records[second.failed_stage].error
    )

    services = azureml.find_workspace().webservices
    assert list(services) == ["svc"]
    assert services["svc"].state == "Healthy"


@pytest.fixture
def interruptible():
    """SIGINT raises KeyboardInterrupt, as in a kernel; a program in a shell's background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_of_the_kernel_leaves_the_run_alone(deploy):
    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert wait_for(run, lambda: run.records[Stage.IMAGE].state == StageState.RUNNING)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        run.wait(60)
        timer.join()
        time.sleep(0)
    assert run.wait(250)
    assert run.prediction == {"sum": 3}


def test_a_clock_that_jumps_changes_no_wait_and_no_state(deploy, monkeypatch):
    real = time.time
    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.REGISTER)
    assert run.wait(250)
    monkeypatch.setattr(time, "time", lambda: real() - 86_400 * 3)
    begin = time.monotonic()
    run.start(Stage.PREFLIGHT, Stage.PREFLIGHT)
    assert run.wait(60)
    assert time.monotonic() - begin < 60
    assert run.records[Stage.PREFLIGHT].state == StageState.DONE
    monkeypatch.setattr(time, "time", lambda: real() + 86_400 * 30)
    run.start(Stage.REGISTER, Stage.REGISTER)
    assert run.wait(60)
    assert run.records[Stage.REGISTER].state == StageState.DONE


def test_a_full_disk_costs_the_journal_and_not_the_run(deploy, tmp_path, monkeypatch):
    """The journal is on a file system of 400 kB, which the log of the run fills."""
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=400k tmpfs {small} 2>/dev/null"):  # noqa: S605
        pytest.skip("no file systems can be mounted here")
    try:
        monkeypatch.setenv("AMLWIDGETS_HOME", str(small))
        journal = Journal()
        (small / "filler").write_bytes(b"x" * 250_000)
        run = deploy()
        run._journal = journal
        run._append(Stage.PREFLIGHT, "")
        run.start(Stage.PREFLIGHT, Stage.REGISTER)
        with open(small / "rest", "wb", buffering=0) as rest:  # noqa: PTH123
            try:
                while True:
                    rest.write(b"x" * 4096)
            except OSError:
                pass
        assert run.wait(100), "it ends"
        run._append(Stage.PREFLIGHT, "more\n" * 100_000)
        assert not run.running
        assert run.records[Stage.REGISTER].state == StageState.DONE
        assert "Free disk space" in run.unkept
        assert "more" in run.logs[Stage.PREFLIGHT].text()
        journal.close()
    finally:
        os.system(f"umount -l {small}")  # noqa: S605


class Flaky:
    def __init__(self, *errors):
        self.errors, self.asked = list(errors), 0

    def __call__(self):
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_patience(monkeypatch):
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.0)
    notes, never = [], threading.Event()
    one = patience.Patience(notes.append, never)
    flaky = Flaky(NotConnected("HTTP 503"), TimeoutError())
    assert one.ask(flaky) == "answer"
    assert (flaky.asked, len(notes), notes[-1]) == (3, 3, "")
    assert len(set(notes[:-1])) == 1, "since the first time"
    with pytest.raises(BadInput):
        one.ask(Flaky(BadInput("no")))
    with pytest.raises(NotConnected):
        patience.Patience(notes.append, never, lambda: True).ask(Flaky(NotConnected("x")))
    monkeypatch.setattr(patience, "UNKNOWN_SECONDS", 0.0)
    with pytest.raises(ServiceFailed, match="unknown since"):
        one.ask(Flaky(NotConnected("x")))
    gone = threading.Event()
    gone.set()
    monkeypatch.setattr(patience, "UNKNOWN_SECONDS", 9.0)
    with pytest.raises(Cancelled):
        patience.Patience(notes.append, gone).ask(Flaky(NotConnected("x")))
    assert len(STAGES) == 6


def test_a_sandbox_that_is_killed_is_named_and_the_run_goes_on_after_its_start(deploy, in_sandbox):
    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.IMAGE)
    assert run.wait(250)
    run.start(Stage.SCHEDULE, Stage.SCORE)
    assert wait_for(run, lambda: run.records[Stage.SCHEDULE].state == StageState.RUNNING)
    os.kill(in_sandbox.pid, signal.SIGKILL)
    assert run.wait(60)
    record = run.records[run.failed_stage]
    assert record.code == "sandbox-not-running"
    assert "unknown until" in record.error
    assert not record.findings, "what the client says of a closed port leads away from that"
    world.switch_off()
    world.switch_on(client.start(in_sandbox.home))
    run.start(Stage.SCHEDULE, Stage.SCORE)
    assert run.wait(120)
    assert run.prediction == {"sum": 3}
    assert list(azureml.find_workspace().webservices) == ["svc"]
