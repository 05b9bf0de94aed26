"""Facts other than tracebacks."""

from amlwidgets.causes.document import Document
from amlwidgets.causes.facts import builds, http, json_errors, scheduling, workers

BOOT = "2026-11-21 04:15:{second:02d},{ms:03d} I [1] gunicorn.error - Booting worker with pid: {pid}"


def parse(parser, text, *literals):
    return parser.parse(Document.of_text(text))


def boots(*seconds):
    return "\n".join(BOOT.format(second=s, ms=10, pid=100 + i) for i, s in enumerate(seconds))


def test_first_start_of_many_workers_is_no_restart():
    fields = parse(workers, boots(22, 22, 22, 22), "Booting worker with pid")[0].fields
    assert fields["boots"] == "4"
    assert fields["restarts"] == "0"


def test_later_boots_are_restarts():
    fields = parse(workers, boots(10, 20, 30), "Booting worker with pid")[0].fields
    assert fields["restarts"] == "2"


def test_clean_restart_is_none():
    ready = "\nUsers's init has completed successfully\n"
    fields = parse(workers, boots(10) + ready + boots(40) + ready, "Booting worker with pid")[0].fields
    assert fields["restarts"] == "0"


def test_furthest_line_gives_the_stage():
    text = boots(1) + "\nInitializing logger\nInvoking user's init function\n"
    assert parse(workers, text, "Booting worker with pid")[0].fields["stage"] == "init"


def test_scheduler_reasons():
    text = "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had taints that the pod didn't tolerate."
    fields = parse(scheduling, text, "nodes are available")[0].fields
    assert fields["nodes"] == "3"
    assert fields["resources"] == "cpu"
    assert "2 node(s) had taints" in fields["reasons"]


def test_nodes_that_are_available_are_no_verdict():
    assert not parse(scheduling, "3/3 nodes are available", "nodes are available")


def test_failing_step_and_first_complaint():
    text = (
        "Step 6/15 : COPY . .\nStep 7/15 : RUN pip install x\nERROR: No matching distribution found for x\n"
        "The command '/bin/sh -c pip install x' returned a non-zero code: 1\n"
    )
    fields = parse(builds, text, "returned a non-zero code")[0].fields
    assert (fields["step"], fields["steps"], fields["exit_code"]) == ("7", "15", "1")
    assert fields["command"] == "RUN pip install x"
    assert fields["complaint"] == "ERROR: No matching distribution found for x"


def test_buildkit_step():
    text = (
        "#9 [5/8] RUN conda env create -f x.yml\n"
        'ERROR: failed to solve: process "/bin/sh -c conda env create" did not complete successfully: exit code: 1\n'
    )
    assert parse(builds, text, "did not complete successfully")[0].fields["step"] == "5"


def test_sides_of_an_exchange():
    scoring = "502 Server Error: Bad Gateway for url: http://10.0.0.4:80/api/v1/service/mysvc/score"
    management = "Received bad response from Model Management Service:\nResponse Code: 500"
    assert parse(http, scoring)[0].fields == {
        "status": "502", "side": "scoring", "reason": "Bad Gateway",
        "url": "http://10.0.0.4:80/api/v1/service/mysvc/score",
    }  # fmt: skip
    assert parse(http, management)[0].fields == {"status": "500", "side": "management"}


def test_good_answers_are_no_fact():
    assert not parse(http, '"POST /score HTTP/1.1" 200 83')


def test_nested_errors():
    text = (
        'Error:\n{"code": "AciDeploymentFailed", "statusCode": 400, "message": "failed", "details": '
        '[{"code": "CrashLoopBackOff", "message": "crashed"}]}'
    )
    codes = [f.fields["code"] for f in parse(json_errors, text) if f.kind == "error"]
    assert codes == ["AciDeploymentFailed", "CrashLoopBackOff"]


def test_state_of_a_container():
    text = '"instanceView": {"restartCount": 3, "currentState": {"state": "Waiting", "exitCode": 137}}'
    (state,) = [f for f in parse(json_errors, text) if f.kind == "container"]
    assert state.fields["restarts"] == "3"
    assert state.fields["exit_code"] == "137"


def test_size_in_an_access_log_is_no_status():
    assert not parse(http, '200 - 127.0.0.1 - - "POST /score HTTP/1.0" 503 "-" "Go-http-client/1.1"')
    assert parse(http, '127.0.0.1 - - "POST /score HTTP/1.0" 503 12 "-"')[0].fields["status"] == "503"


def test_code_with_message_of_sdk_v2():
    (fact,) = parse(json_errors, "(BadArgument) The request is invalid.", "(")
    assert fact.fields == {"code": "BadArgument", "message": "The request is invalid."}
