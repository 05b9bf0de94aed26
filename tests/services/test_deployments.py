"""Deployments that fail for real, each at its stage and with the cause that an expert would name."""

import json
import subprocess
import sys

import pytest

from amlwidgets.core.stages import STAGES, Stage, StageState
from amlwidgets.errors import BadInput

pytestmark = [pytest.mark.sandbox, pytest.mark.network, pytest.mark.timeout(400)]

RUN = "\n\n\ndef run(data):\n    return 1\n"
FAILURES = {
    "init-raises": (
        {"score.py": "def init():\n    raise ValueError('threshold is None')" + RUN},
        {}, "start", "init-exception", "threshold is None",
    ),
    "eats-memory": (
        {"score.py": "def init():\n    global big\n    big = bytearray(10**9)" + RUN},
        {"memory_gb": 0.5}, "start", "worker-out-of-memory", "",
    ),
    "missing-module": (
        {"score.py": "import tabulate_me\n\n\ndef init():\n    pass" + RUN},
        {}, "start", "missing-python-module", "tabulate_me",
    ),
    "run-raises": (
        {"score.py": "def init():\n    pass\n\n\ndef run(data):\n    return {}['nothing']\n"},
        {}, "score", "run-exception", "KeyError",
    ),
    "syntax-error": (
        {"score.py": "def init():\n    pass\n\n\ndef run(data:\n    return 1\n"},
        {}, "preflight", "entry-script-invalid", "score.py",
    ),
    "unresolvable": (
        {"env.yml": "dependencies:\n  - python=3.11\n  - pip:\n      - azureml-defaults>=1.0.45\n      - numpy==99.0\n"},
        {}, "image", "pip-package-not-found", "numpy",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_stops_at_its_stage_with_its_cause(deploy, tmp_path, name):
    files, settings, stage, cause, word = FAILURES[name]
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    run = deploy(**settings)
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(350)
    states = {s.value: r.state.value for s, r in run.records.items()}
    assert run.failed_stage == stage, (states, run.records[run.failed_stage or Stage.SCORE].error)
    assert all(run.records[s].state == StageState.DONE for s in STAGES[: STAGES.index(Stage(stage))])
    log = run.logs[Stage(stage)].text()
    top = run.findings[Stage(stage)][0]
    assert top.cause == cause, (top, log[-3000:])
    assert word in top.title + top.why
    assert_by_command_line(tmp_path, log, cause)


def assert_by_command_line(tmp_path, log, cause):
    saved = tmp_path / "saved.log"
    saved.write_text(log)
    command = [sys.executable, "-m", "amlwidgets.cli", "diagnose", "--format", "json", str(saved)]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    assert out.returncode == 1, out.stderr
    assert json.loads(out.stdout)["inputs"][0]["findings"][0]["cause"] == cause


def test_a_deployment_that_succeeds(deploy):
    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(350)
    assert {r.state for r in run.records.values()} == {StageState.DONE}, run.records
    assert run.prediction == {"sum": 3}
    assert run.records[Stage.SCORE].result == "{'sum': 3}"
    assert "Booting worker with pid" in run.logs[Stage.START].text()


def test_a_deployment_to_a_cluster(deploy):
    run = deploy(target="AKS", aks_cluster="sandbox-aks", auth_enabled=True)
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(350)
    assert run.failed_stage is None, run.records[run.failed_stage].error
    assert run.prediction == {"sum": 3}


def test_what_no_node_can_hold_fails_at_schedule(deploy):
    run = deploy(target="AKS", aks_cluster="sandbox-aks", cpu_cores=8.0)
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(350)
    assert run.failed_stage == Stage.SCHEDULE
    top = run.findings[Stage.SCHEDULE][0]
    assert top.cause == "insufficient-cpu-memory"
    assert "cpu" in top.title
    assert "0/3 nodes are available: 3 Insufficient cpu" in top.evidence[0].text


# azureml-core says this at every step of the older API.
older_api = pytest.mark.filterwarnings("ignore:.*has been deprecated:DeprecationWarning")


@older_api
def test_a_deployment_with_the_older_api(deploy, tmp_path):
    (tmp_path / "score.py").write_text("def init():\n    raise ValueError('threshold is None')" + RUN)
    run = deploy(generation="Image.create")
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(350)
    assert run.failed_stage == Stage.START, run.records
    assert run.findings[Stage.START][0].cause == "init-exception"
    assert run.records[Stage.IMAGE].note == "svc:1"
    assert "sandbox: push: the image is" in run.logs[Stage.IMAGE].text()
    assert "models added: answer:1" in run.logs[Stage.IMAGE].text()

    # The script is part of the image: the next version is made of the corrected one, the model stays.
    (tmp_path / "score.py").write_text("def init():\n    pass" + RUN)
    run.start(Stage.IMAGE, Stage.SCORE)
    assert run.wait(350)
    assert {r.state for r in run.records.values()} == {StageState.DONE}, run.records
    assert run.prediction == 1
    assert run.records[Stage.IMAGE].note == "svc:2"
    assert run.namespace["service"].image.id == "svc:2"
    assert run.namespace["model"].id == "answer:1"

    # After a restart of the kernel the image is found again.
    run.namespace.clear()
    run.start(Stage.SCHEDULE, Stage.SCORE)
    assert run.wait(350)
    assert run.namespace["image"].id == "svc:2"
    assert {r.state for r in run.records.values()} == {StageState.DONE}, run.records

    # The way back is one choice away; what ran with the other API waits again.
    run.change(generation="Model.deploy")
    assert run.records[Stage.PREFLIGHT].state == StageState.WAITING


@older_api
def test_a_build_that_fails_with_the_older_api(deploy, tmp_path):
    (tmp_path / "env.yml").write_text(FAILURES["unresolvable"][0]["env.yml"])
    run = deploy(generation="Image.create")
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(350)
    assert run.failed_stage == Stage.IMAGE
    assert "Docker image build failed." in run.records[Stage.IMAGE].error
    top = run.findings[Stage.IMAGE][0]
    assert (top.cause, "numpy" in top.title + top.why) == ("pip-package-not-found", True)
    run.change(entry_script="other.py")
    assert run.records[Stage.IMAGE].state == StageState.WAITING


def test_memory_is_raised_by_the_fix_and_the_service_comes_up(deploy, tmp_path):
    (tmp_path / "score.py").write_text("def init():\n    global big\n    big = bytearray(700_000_000)" + RUN)
    run = deploy(memory_gb=0.5)
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(350)
    assert run.failed_stage == Stage.START
    proposal = run.propose(Stage.START, 0, 0)
    assert proposal is not None, run.findings[Stage.START][0].fixes
    assert proposal.settings["memory_gb"] >= 1.0
    run.apply(proposal)
    run.start(proposal.retry_from, Stage.SCORE)
    assert run.wait(350)
    assert run.prediction == 1, run.records


def test_cancel_says_what_goes_on_and_running_again_joins_in(deploy, tmp_path):
    (tmp_path / "score.py").write_text("import time\n\n\ndef init():\n    time.sleep(6)" + RUN)
    run = deploy()
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    changed = wait_for(run, lambda: run.records[Stage.START].state == StageState.RUNNING)
    assert changed
    run.cancel()
    assert run.wait(10)
    record = run.records[Stage.START]
    assert record.state == StageState.CANCELLED
    assert "goes on in the service" in record.error
    run.start(Stage.START, Stage.SCORE)
    assert run.wait(60)
    assert run.prediction == 1, run.records
    run.change(service_name="another")  # what was deployed is deleted, whatever the settings say now
    run.delete_service()
    with pytest.raises(BadInput, match="deployed no service"):
        run.delete_service()


def wait_for(run, condition, seconds=300):
    """Wait until ``condition`` holds, looking at every change of ``run``."""
    import threading

    seen = threading.Event()
    stop = run.listen(lambda *_: seen.set() if condition() else None)
    if condition():
        seen.set()
    try:
        return seen.wait(seconds)
    finally:
        stop()


def test_a_registered_model_and_a_runs_output_are_deployed_too(deploy, in_sandbox, tmp_path):
    from azureml.core import Experiment, Workspace

    ws = Workspace(**in_sandbox.workspace_config())
    script = "import os, pathlib\n\n\ndef init():\n    global text\n"
    script += "    text = next(pathlib.Path(os.environ['AZUREML_MODEL_DIR']).rglob('*.txt')).read_text()\n\n\n"
    (tmp_path / "score.py").write_text(script + "def run(data):\n    return text.strip()\n")
    first = deploy()
    first.start(Stage.PREFLIGHT, Stage.REGISTER)
    assert first.wait(60)
    (tmp_path / "model.txt").write_text("43\n")
    second = deploy()
    second.start(Stage.REGISTER, Stage.REGISTER)
    assert second.wait(60)
    older = deploy(model_source="a registered model", model_version=1)
    older.start(Stage.REGISTER, Stage.SCORE)
    assert older.wait(300)
    assert older.prediction == "42", older.records
    logged = Experiment(ws, "training").start_logging(snapshot_directory=None)
    (tmp_path / "trained.txt").write_text("44\n")
    logged.upload_file("outputs/trained.txt", "trained.txt")
    logged.complete()
    settings = {"model_source": "a run's output", "run_id": logged.id, "model_path": "outputs/trained.txt"}
    of_run = deploy(**settings, model_name="trained", service_name="of-run")
    of_run.start(Stage.REGISTER, Stage.SCORE)
    assert of_run.wait(300)
    assert of_run.prediction == "44", of_run.records


def test_a_path_that_does_not_exist_loses_nothing(deploy):
    run = deploy(model_path="absent.pkl")
    run.start(Stage.REGISTER, Stage.SCORE)
    assert run.wait(60)
    assert run.failed_stage == Stage.REGISTER
    top = run.findings[Stage.REGISTER][0]
    assert top.cause == "model-registration-path-missing"
    run.change(model_path="model.txt")
    run.start(Stage.REGISTER, Stage.SCORE)
    assert run.wait(300)
    assert run.prediction == {"sum": 3}


def test_ones_own_helper_module_is_uploaded_by_the_fix(deploy, tmp_path):
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "helper.py").write_text("ANSWER = 7\n")
    (tmp_path / "api" / "score.py").write_text(
        "import helper\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return helper.ANSWER\n"
    )
    run = deploy(entry_script="api/score.py")
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(300)
    assert run.failed_stage == Stage.START
    shown = run.records[Stage.START].findings[0]["fixes"][0]
    assert "helper.py is your own file" in shown["title"]
    proposal = run.propose(Stage.START, 0, 0)
    run.apply(proposal)
    run.start(proposal.retry_from, Stage.SCORE)
    assert run.wait(300)
    assert run.prediction == 7, run.records


def test_what_is_missing_is_said_and_not_diagnosed_as_the_users_fault(deploy):
    run = deploy()
    run.start(Stage.SCORE, Stage.SCORE)
    assert run.wait(60)
    assert "Run Schedule first" in run.records[Stage.SCORE].error
    assert run.records[Stage.SCORE].findings == []
