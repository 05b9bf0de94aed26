"""Two deployments under one service name: the one that loses is told so, and touches the other's service no more."""

import json
import sqlite3
import subprocess
import sys
import threading

import pytest
from sandbox_support import client_environment, until
from test_bad_days import deployments
from test_deployments import wait_for

from amlwidgets.core.stages import Stage, StageState
from amlwidgets.errors import BadInput, ServiceFailed
from amlwidgets.services import azureml, contention
from amlwidgets.services.execute import StageContext

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
ANOTHER = "200, from another deployment or update"
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
def faults(in_sandbox):
    yield in_sandbox.faults
    in_sandbox.faults([])


@pytest.fixture
def begun(in_sandbox):
    """Say how many deployments were begun in this test."""
    before = len(deployments(in_sandbox))  # an operation that a reset has cut off may still write its end
    return lambda: len(deployments(in_sandbox)) - before


def refused(run):
    """Return the one failed stage's record, which must be the other's deployment and no cause of ours."""
    record = run.records[run.failed_stage]
    assert record.code == contention.TAKEN_OVER, (record.code, record.error)
    assert "Another deployment or update has taken the service svc over: it was begun at " in record.error
    assert "by you, or another program of yours; " in record.error
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


def test_the_failure_of_the_others_deployment_is_not_shown_as_ones_own(deploy, begun, gate, tmp_path):
    first, second = deploy(), deploy()
    first.start(Stage.PREFLIGHT, Stage.SCHEDULE)
    assert first.wait(200)
    (tmp_path / "score.py").write_text(RAISES)
    second.start(Stage.PREFLIGHT, Stage.SCORE)
    assert second.wait(200)
    assert second.records[Stage.START].findings[0]["cause"] == "init-exception"
    first.start(Stage.START, Stage.SCORE)
    assert first.wait(100)
    assert "it has ended and the service is Failed" in refused(first).error
    assert "threshold" not in first.records[Stage.START].error

    second.start(Stage.SCHEDULE, Stage.SCORE)
    assert second.wait(100)
    first.start(Stage.SCHEDULE, Stage.SCHEDULE)
    assert first.wait(60)
    refused(first)  # what ended now is another one than was read of
    assert begun() == 3
    first.start(Stage.SCHEDULE, Stage.SCHEDULE)
    assert first.wait(60)
    assert first.records[Stage.SCHEDULE].state == StageState.DONE, first.records
    assert begun() == 4


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
    with pytest.raises(BadInput, match="not this run's any more"):
        first.delete_service()
    assert list(azureml.find_workspace().webservices) == ["svc"], "the other's, and healthy"
    first.start(Stage.SCORE, Stage.SCORE)
    assert first.wait(60)
    assert first.records[Stage.SCORE].note == ANOTHER


def test_an_answer_of_another_deployment_is_named_and_its_service_not_deleted(deploy):
    first, second = deploy(), deploy()
    for run in (first, second):
        run.start(Stage.PREFLIGHT, Stage.SCORE)
        assert run.wait(200)
        assert run.records[Stage.SCORE].note == "200"
    first.start(Stage.SCORE, Stage.SCORE)
    assert first.wait(60)
    assert first.records[Stage.SCORE].note == ANOTHER
    assert "It comes from another deployment or update of svc, begun at " in first.logs[Stage.SCORE].text()
    with pytest.raises(BadInput, match="any more: another deployment or update was begun at .* by you, or another "):
        first.delete_service()
    first.state["by"] = "Ada"
    with pytest.raises(BadInput, match=r"was begun at \S+ by sandbox\."):
        first.delete_service()
    assert list(azureml.find_workspace().webservices) == ["svc"]
    second.delete_service()
    assert list(azureml.find_workspace().webservices) == []


def test_an_update_of_ones_own_is_named_as_one(deploy):
    from azureml.core.model import Model

    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(200)
    config = next(value for value in run.namespace.values() if type(value).__name__ == "InferenceConfig")
    model = Model.register(run.namespace["ws"], "model.txt", "answer")
    service = azureml.find_service("svc", run.namespace["ws"])
    service.update(models=[model], inference_config=config)
    service.wait_for_deployment()
    run.start(Stage.SCORE, Stage.SCORE)
    assert run.wait(60)
    assert run.records[Stage.SCORE].note == ANOTHER
    assert "another deployment or update of svc, begun at " in run.logs[Stage.SCORE].text()
    assert "by you, or another program of yours." in run.logs[Stage.SCORE].text()


def test_ones_own_redeployment_is_no_other_after_its_answer_was_not_waited_for(deploy, faults, begun):
    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(200)
    faults([{"do": "drop", "after": True, "times": 0, "method": "POST", "path": ".*/services"}])
    run.start(Stage.SCHEDULE, Stage.SCHEDULE)
    until(lambda: begun() > 1, 60, "the deployment whose answer is lost")
    run.cancel()
    assert run.wait(30)
    assert run.records[Stage.SCHEDULE].state == StageState.CANCELLED
    faults([])
    until(lambda: contention.latest(run.namespace["ws"], "svc").service_state == "Healthy", 120, "a healthy service")
    run.start(Stage.SCORE, Stage.SCORE)
    assert run.wait(60)
    assert run.records[Stage.SCORE].note == "200"


@pytest.fixture
def kept(in_sandbox):
    """Change what the control plane keeps of an operation; without values it keeps nothing any more."""

    def change(operation, **values):
        with sqlite3.connect(in_sandbox.home / "sandbox.sqlite") as db:
            rows = db.execute("SELECT rowid, body FROM documents WHERE kind='operation'").fetchall()
            ((row, body),) = [(row, body) for row, body in rows if json.loads(body)["id"] == operation]
            if values:
                db.execute("UPDATE documents SET body=? WHERE rowid=?", (json.dumps(json.loads(body) | values), row))
            else:
                db.execute("DELETE FROM documents WHERE rowid=?", (row,))
        return json.loads(body)

    return change


def context_of(run):
    return StageContext(run.spec, run.namespace, run.state, print, print, print, threading.Event(), run._connect)


def looks(context):
    """Say what a user reads who deploys over what has taken the service over; empty when it may be replaced."""
    try:
        contention.look_first(context)
    except ServiceFailed as error:
        return error.message
    return ""


def test_another_is_only_what_began_later(deploy, kept):
    first, second = deploy(), deploy()
    for run in (first, second):
        run.start(Stage.PREFLIGHT, Stage.SCORE)
        assert run.wait(200)
    ws, own, other = first.namespace["ws"], first.state["operation"], second.state["operation"]
    assert contention.another(ws, "svc", own).operation == other
    assert contention.another(ws, "svc", other) is None
    assert contention.another(ws, "svc", "") is None
    assert contention.another(ws, "absent", own) is None
    assert contention.another(None, "svc", own) is None, "whatever keeps from looking is no failure of the stage"

    before, after = (kept(operation, x=0)["createdTime"] for operation in (own, other))
    for untold in ("soon", None, "0001-01-01T00:00:00+00:00"):
        kept(other, createdTime=untold)
        assert contention.another(ws, "svc", own) is None
        assert contention.latest(ws, "svc").words("Ada") == "begun at an unknown time by sandbox"
    kept(other, createdTime=before)
    kept(own, createdTime=after)
    assert contention.another(ws, "svc", own) is None, "updated before ours"
    kept(other, createdTime=after)
    kept(own, createdTime="soon")
    assert contention.another(ws, "svc", own) is None
    kept(own, createdTime=before)
    assert contention.another(ws, "svc", own).operation == other

    context = context_of(first)
    with pytest.raises(ServiceFailed, match="Another deployment"), contention.told(context, Stage.START):
        raise ValueError("the real one")
    first.state |= {"service": "svc", "operation": own}
    with pytest.raises(ValueError, match="the real one"), contention.told(context, Stage.START):
        context.cancelled.set()
        raise ValueError("the real one")
    assert contention.known_other(context) is None


def test_a_retry_replaces_what_its_user_has_read_of_and_nothing_is_a_dead_end(deploy, faults, kept):
    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(200)
    context, there = context_of(run), run.state["operation"]
    assert looks(context) == "", "nothing has taken it over"
    run.state["taken"] = "svc/an-earlier-one/Succeeded"
    kept(there, state="Running")
    assert all("it is under way" in looks(context) for _ in range(2))
    kept(there, state="Succeeded")
    assert "it has ended and the service is Healthy" in looks(context)
    assert run.state["taken"] == f"svc/{there}/Succeeded"
    faults([{"do": "status", "status": 403, "times": 0, "path": ".*/services/svc"}])
    assert looks(context) == "The service cannot be read: HTTP 403.", "a refusal does not mean that it is gone"
    with pytest.raises(ServiceFailed, match=r"Nothing is deleted: .*still this run's .*HTTP 403\)"):
        run.delete_service()
    faults([{"do": "drop", "times": 0, "path": ".*/services/svc"}])
    with pytest.raises(ServiceFailed, match=r"Nothing is deleted: .*\(\w+Error\)\. Try again"):
        run.delete_service()
    faults([])
    assert looks(context) == ""
    assert "taken" not in run.state

    for values, words in (
        ({"state": "Canceled", "endTime": None}, "; how it stands cannot be read, the service is Healthy."),
        ({"state": "Canceled", "endTime": kept(there, x=0)["createdTime"]}, "; it has ended and the service is "),
        ({}, "it was begun at an unknown time by you, or another program of yours; how it stands cannot be read"),
    ):
        run.state["taken"] = "svc/an-earlier-one/Succeeded"
        kept(there, **values)
        assert words in looks(context)
        assert looks(context) == "", "told once"
    run.delete_service()
    run.state["taken"] = f"svc/{there}/Failed"
    assert looks(context) == "", "there is no such service any more"
