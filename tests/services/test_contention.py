"""Two deployments under one service name: the one that loses is told so, and touches the other's service no more."""

import json
import sqlite3
import subprocess
import sys

import pytest
from sandbox_support import client_environment, until
from test_bad_days import deployments
from test_deployments import wait_for

from amlwidgets.core.stages import Stage, StageState
from amlwidgets.errors import BadInput
from amlwidgets.services import azureml, contention

pytestmark = [pytest.mark.sandbox, pytest.mark.network, pytest.mark.timeout(300)]

GATED = """
import time
from pathlib import Path


def init():
    while not Path({gate!r}).exists():
        time.sleep(0.05)


def run(data):
    return "gated"
"""
RAISES = "def init():\n    raise ValueError('threshold is None')\n\n\ndef run(data):\n    return 1\n"
SECOND = """
import sys
from pathlib import Path
from amlwidgets.core.stages import Stage
from amlwidgets.services.defaults import guess_spec
from amlwidgets.services.deploy_run import DeployRun
values = dict(model_path="model.txt", model_name="answer", service_name="svc", sample='{"data": [[1, 2]]}')
run = DeployRun(guess_spec(str(Path.cwd()), **values))
run.start(Stage.PREFLIGHT, Stage.SCORE)
assert run.wait(200)
print([(s.value, r.error) for s, r in run.records.items() if r.error], run.prediction)
"""


@pytest.fixture
def gate(tmp_path):
    """Containers of GATED become ready when this file is there."""
    (tmp_path / "score.py").write_text(GATED.format(gate=str(tmp_path / "gate")))
    return tmp_path / "gate"


@pytest.fixture
def other_process(in_sandbox, tmp_path):
    """Another person's wizard: a process of its own, in a folder and with a journal of its own."""
    begun = []

    def begin(script):
        folder = tmp_path / "other"
        folder.mkdir(exist_ok=True)
        for name in ("env.yml", "model.txt"):
            (folder / name).write_text((tmp_path / name).read_text())
        (folder / "score.py").write_text(script)
        environment = client_environment(in_sandbox, folder) | {"AMLWIDGETS_HOME": str(folder / "data")}
        (folder / "config.json").write_text(json.dumps(in_sandbox.workspace_config()))
        begun.append(
            subprocess.Popen([sys.executable, "-c", SECOND], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        )  # fmt: skip
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.wait()


@pytest.fixture
def begun(in_sandbox):
    """Say how many deployments were begun in this test."""
    before = len(deployments(in_sandbox))  # an operation that a reset has cut off may still write its end
    return lambda: len(deployments(in_sandbox)) - before


def refused(run):
    """Return the one failed stage's record, which must be the other's deployment and no cause of ours."""
    record = run.records[run.failed_stage]
    assert record.code == contention.TAKEN_OVER, (record.code, record.error)
    assert "Another deployment has taken the service svc over: it was begun at " in record.error
    assert "by sandbox" in record.error
    assert "Choose another service name" in record.error
    assert not record.findings
    assert "Transitioning" not in record.error
    assert run.prediction is None
    return record


def test_the_one_that_loses_is_told_and_a_retry_replaces_nothing_that_is_under_way(deploy, begun, gate, other_process):
    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert wait_for(run, lambda: run.records[Stage.START].state == StageState.RUNNING, 120)
    other = other_process(gate.with_name("score.py").read_text())
    assert run.wait(120), "the other's deployment ends ours"
    assert "is under way" in refused(run).error
    assert begun() == 2

    run.start(Stage.START, Stage.SCORE)
    assert run.wait(60)
    assert run.records[Stage.START].code == "earlier-stage-missing", "what is there is not this run's"
    for _ in range(2):
        run.start(Stage.SCHEDULE, Stage.SCORE)
        assert run.wait(60)
        assert run.failed_stage == Stage.SCHEDULE
        assert "is under way" in refused(run).error
    with pytest.raises(BadInput, match="has deployed no service"):
        run.delete_service()
    assert begun() == 2

    gate.touch()
    told, _ = other.communicate(timeout=120)
    assert told.strip() == "[] gated"
    run.start(Stage.SCHEDULE, Stage.SCORE)
    assert run.wait(60)
    assert "has ended and the service is Healthy" in refused(run).error
    assert begun() == 2, "read first"
    run.start(Stage.SCHEDULE, Stage.SCORE)
    assert run.wait(120)
    assert run.prediction == "gated", run.records
    assert begun() == 3


def test_the_failure_of_the_others_deployment_is_not_shown_as_ones_own(deploy, gate, tmp_path):
    first, second = deploy(), deploy()
    first.start(Stage.PREFLIGHT, Stage.SCHEDULE)
    assert first.wait(200)
    (tmp_path / "score.py").write_text(RAISES)
    second.start(Stage.PREFLIGHT, Stage.SCORE)
    assert second.wait(200)
    assert second.records[Stage.START].findings[0]["cause"] == "init-exception"
    first.start(Stage.START, Stage.SCORE)
    assert first.wait(100)
    assert "has ended and the service is Failed" in refused(first).error
    assert "threshold" not in first.records[Stage.START].error


def test_ones_own_failure_stays_ones_own_after_another_deployment(deploy, tmp_path):
    good = (tmp_path / "score.py").read_text()
    (tmp_path / "score.py").write_text(RAISES)
    first, second = deploy(), deploy()
    first.start(Stage.PREFLIGHT, Stage.SCHEDULE)
    assert first.wait(200)
    service = first.namespace["service"]
    until(lambda: azureml.read_operation(service, 0).state.ended, 120, "the end of the first deployment")
    (tmp_path / "score.py").write_text(good)
    second.start(Stage.PREFLIGHT, Stage.SCORE)
    assert second.wait(200)
    assert second.prediction == {"sum": 3}
    first.start(Stage.START, Stage.SCORE)
    assert first.wait(100)
    record = first.records[Stage.START]
    assert record.code == "WebserviceException"
    assert "Another deployment" not in record.error


def test_an_answer_of_another_deployment_is_named_and_its_service_not_deleted(deploy):
    first, second = deploy(), deploy()
    for run in (first, second):
        run.start(Stage.PREFLIGHT, Stage.SCORE)
        assert run.wait(200)
        assert run.records[Stage.SCORE].note == "200"
    first.start(Stage.SCORE, Stage.SCORE)
    assert first.wait(60)
    assert first.records[Stage.SCORE].note == "200, from another deployment"
    assert "It comes from another deployment of svc, begun at " in first.logs[Stage.SCORE].text()
    with pytest.raises(BadInput, match="not this run's any more: another deployment was begun at "):
        first.delete_service()
    assert list(azureml.find_workspace().webservices) == ["svc"]
    second.delete_service()
    assert list(azureml.find_workspace().webservices) == []


@pytest.mark.parametrize("field", ["createdTime", "endTime"])
def test_without_proof_nothing_is_said(deploy, in_sandbox, field):
    """A control plane that tells no times, or a service that was updated before ours: the failure stays as it is."""
    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(200)
    own = run.state["operation"]
    ws = run.namespace["ws"]
    assert contention.another(ws, "svc", own) is None
    assert contention.another(ws, "svc", "") is None
    assert contention.another(ws, "absent", own) is None
    with sqlite3.connect(in_sandbox.home / "sandbox.sqlite") as db:
        rows = db.execute("SELECT rowid, body FROM documents WHERE kind='operation'").fetchall()
        ((row, body),) = [(row, body) for row, body in rows if json.loads(body)["id"] == own]
        db.execute("UPDATE documents SET body=? WHERE rowid=?", (json.dumps(json.loads(body) | {field: "soon"}), row))
    found = contention.latest(ws, "svc")
    assert (found.began is None) == (field == "createdTime")
    assert found.words.startswith("begun at an unknown time by " if field == "createdTime" else "begun at ")
    assert contention.another(ws, "svc", "some-other-operation") is None
