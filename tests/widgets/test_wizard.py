import json
import socket

import pytest

from amlwidgets.core.stages import STAGES, Stage, StageState
from amlwidgets.services.journal import Journal
from amlwidgets.widgets.wizard import DeployWizard

SCRIPT = "def init():\n    pass\n\n\ndef run(data):\n    return 1\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AMLWIDGETS_SANDBOX", raising=False)
    (tmp_path / "score.py").write_text(SCRIPT)
    (tmp_path / "env.yml").write_text("dependencies:\n  - pip:\n      - azureml-defaults\n")
    (tmp_path / "ridge.pkl").write_text("x")
    return tmp_path


@pytest.fixture
def wizard(folder):
    return DeployWizard()


def run_preflight(wizard):
    wizard.comm.ask("run", first="preflight", last="preflight")
    assert wizard.deployment.wait(60)
    wizard.refresh()


def test_the_first_look_shows_what_the_folder_suggests(wizard):
    assert wizard.head["service"] == "ridge"
    assert [s["id"] for s in wizard.rail] == [s.value for s in STAGES]
    names = {i["name"]: i["value"] for i in wizard.panels["register"]["inputs"]}
    assert names["model_path"] == "ridge.pkl"
    assert "Model.register(" in wizard.panels["register"]["code"]


def test_a_target_that_cannot_work_here_says_why(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    assert "no Docker" in DeployWizard().head["impossible"]["Local"]
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "there.sock"))
        engine.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/there.sock")
        assert DeployWizard().head["impossible"] == {}
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert DeployWizard().head["impossible"] == {}


def test_the_whole_state_stays_small(wizard):
    run_preflight(wizard)
    state = {n: getattr(wizard, n) for n in ("head", "rail", "panels", "selected", "problem", "_esm")}
    assert len(json.dumps(state)) < 50_000


def test_a_running_stage_costs_few_bytes(wizard):
    run_preflight(wizard)
    before = len(wizard.comm.messages)
    wizard._push({("rail", Stage.START)})
    wizard._panes[Stage.PREFLIGHT].push()
    assert sum(wizard.comm.sizes[before:]) < 20_000


def test_without_a_workspace_preflight_says_where_to_get_one(wizard):
    run_preflight(wizard)
    record = wizard.deployment.records[Stage.PREFLIGHT]
    assert record.state == StageState.FAILED
    assert "No workspace" in record.error
    assert "%aml sandbox on" in record.error
    assert wizard.deployment.records[Stage.REGISTER].state == StageState.BLOCKED
    assert [c["state"] for c in record.checks if c["id"] in ("entry-script", "environment", "model")] == ["ok"] * 3


def test_in_a_real_workspace_everything_that_costs_asks_first(wizard):
    answer = wizard.comm.ask("run", first="register", last=None)["result"]
    assert "upload a new version of the model ridge" in answer["confirm"]
    assert "create or replace the service ridge on ACI" in answer["confirm"]
    assert not wizard.deployment.running
    assert wizard.comm.ask("delete_service")["error"]["code"] == "nothing-deployed"
    wizard.deployment.state["deployed"] = "ridge"
    wizard.comm.ask("change", name="service_name", value="another")
    assert wizard.comm.ask("delete_service")["result"]["confirm"].startswith("Delete the service ridge?")


def test_the_older_api_is_a_choice_but_for_local_services(wizard):
    assert wizard.head["generations"] == ["Model.deploy", "Image.create"]
    wizard.comm.ask("change", name="generation", value="Image.create")
    assert wizard.head["generation"] == "Image.create"
    assert "Image.create(" in wizard.panels["image"]["code"]
    assert "Webservice.deploy_from_image(" in wizard.panels["schedule"]["code"]
    wizard.comm.ask("change", name="target", value="Local")
    assert wizard.head["generations"] == []
    assert "Model.deploy(" in wizard.panels["schedule"]["code"]


def test_settings_are_changed_and_a_wrong_one_keeps_the_old(wizard):
    wizard.comm.ask("change", name="memory_gb", value="2")
    assert wizard.spec.memory_gb == 2.0
    assert "memory_gb=2.0" in wizard.panels["schedule"]["code"]
    error = wizard.comm.ask("change", name="memory_gb", value="lots")["error"]
    assert error["message"] == "“Memory, GB” needs a number, not “lots”."
    assert wizard.spec.memory_gb == 2.0
    assert wizard.problem == error


def test_a_change_sends_dependent_stages_back_to_waiting(wizard):
    run_preflight(wizard)
    wizard.deployment._set(Stage.REGISTER, state=StageState.DONE)
    wizard.deployment._set(Stage.IMAGE, state=StageState.DONE)
    wizard.comm.ask("change", name="conda_file", value="other.yml")
    states = [wizard.deployment.records[s].state for s in (Stage.REGISTER, Stage.IMAGE, Stage.SCHEDULE)]
    assert states == [StageState.DONE, StageState.WAITING, StageState.WAITING]


def test_a_log_is_asked_for_in_windows(wizard):
    wizard.deployment._append(Stage.IMAGE, "".join(f"line {n}\n" for n in range(100_000)))
    answer, (text, *_) = wizard.comm.ask_log("window", "image", start=99_998, count=10_000)
    assert (answer["start"], answer["count"], answer["state"]["total"]) == (99_998, 2, 100_000)
    assert text == b"line 99998\nline 99999"
    assert wizard.comm.ask_log("window", "image", start=0, count=10_000)[0]["count"] == 500
    hit, _ = wizard.comm.ask_log("find", "image", query="LINE 77777", line=0)
    assert (hit["hit"], hit["row"]) == ({"line": 77777, "column": 0, "length": 10}, 77777)
    more, _ = wizard.comm.ask_log("find_more", "image", query="LINE 77777", at=[77777, 0])
    assert more == {"total": 1, "done": True, "number": 0}


def test_new_lines_are_pushed_once_each(wizard):
    for n in range(3):
        wizard.deployment._append(Stage.START, f"line {n} {'abc'[n]}\n")
        wizard._panes[Stage.START].push()
    assert wizard.comm.sent("log")[-1]["state"]["total"] == 3
    assert wizard.comm.windows("start") == {0: "line 0 a", 1: "line 1 b", 2: "line 2 c"}


def test_an_unfinished_run_is_offered_and_can_be_left(folder):
    first = DeployWizard()
    run_preflight(first)
    second = DeployWizard()
    assert second.head["resume"].startswith("The run of ridge stopped just now")
    second.comm.ask("start_over")
    assert second.head["resume"] == ""
    assert second.deployment.records[Stage.PREFLIGHT].state == StageState.WAITING


def test_a_resumed_run_shows_what_was_done(folder):
    journal = Journal()
    first = DeployWizard(journal=journal)
    run_preflight(first)
    first.deployment._finish(Stage.REGISTER, StageState.DONE, note="ridge:1")
    saved = journal.latest_unfinished(str(folder))
    again = DeployWizard(resume=saved, journal=journal)
    assert "create or replace the service ridge" in again.comm.ask("resume")["result"]["confirm"]
    again.comm.ask("resume", confirmed=True)
    assert again.deployment.wait(60)
    assert again.deployment.run_id == first.deployment.run_id
    assert "Entry script" in again.deployment.logs[Stage.PREFLIGHT].text()


def test_the_static_form_tells_the_story(wizard):
    run_preflight(wizard)
    text = wizard.to_text()
    assert "Deployment of ridge as ridge on ACI" in text
    assert "Preflight  failed" in text
    assert "<pre>" in wizard.to_html()


def test_a_moved_notebook_is_refused(wizard, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    error = wizard.comm.ask("run", first="preflight", last="preflight")["error"]
    assert error["code"] == "folder-changed"


def test_an_earlier_result_is_not_used_after_its_settings_changed(wizard):
    wizard.deployment.state["model_id"] = "diabetes:1"
    wizard.deployment._set(Stage.REGISTER, state=StageState.DONE)
    wizard.comm.ask("change", name="model_name", value="other")
    assert "model_id" not in wizard.deployment.state


def test_the_view_stays_where_the_user_looks(wizard):
    wizard.deployment._set(Stage.START, state=StageState.FAILED)
    wizard._push({("rail", Stage.START)})
    assert wizard.selected == "start"
    wizard.selected = "schedule"
    wizard.comm.ask("change", name="memory_gb", value="2")
    wizard._push({("spec", None), ("rail", Stage.SCHEDULE)})
    assert wizard.selected == "schedule"


def test_undo_sends_the_stages_of_the_fix_back_to_waiting(wizard, folder):
    from amlwidgets.services.fixes import FileEdit, Proposal

    edit = FileEdit("score.py", SCRIPT, SCRIPT + "# fixed\n")
    wizard.deployment.apply(Proposal("fix it", (edit,), {"memory_gb": 2.0}))
    for stage in STAGES:
        wizard.deployment._set(stage, state=StageState.DONE)
    assert wizard.deployment.can_undo
    wizard.comm.ask("undo")
    assert (folder / "score.py").read_text() == SCRIPT
    assert wizard.spec.memory_gb == 1.0
    assert [wizard.deployment.records[s].state for s in STAGES[2:]] == [StageState.DONE, *[StageState.WAITING] * 3]


def test_secrets_of_the_sample_and_long_texts_stay_out_of_the_state(folder):
    wizard = DeployWizard(sample='{"data": 1, "api_key": "sk-live-0123456789SECRET"}')
    run_preflight(wizard)
    state = json.dumps(wizard.panels)
    assert "0123456789SECRET" not in state
    for file in Journal().path.parent.glob("journal.db*"):
        assert b"0123456789SECRET" not in file.read_bytes()
    shown = next(i["value"] for i in wizard.panels["score"]["inputs"] if i["name"] == "sample")
    assert wizard.comm.ask("change", name="sample", value=shown)["error"]["code"] == "masked"
    assert "0123456789SECRET" in wizard.spec.sample
    wizard.comm.ask("change", name="sample", value=json.dumps({"data": [[0.123456789] * 20_000]}))
    assert len(json.dumps(wizard.panels)) < 15_000


def test_evidence_is_there_without_a_kernel(wizard):
    wizard.deployment._append(Stage.START, "".join(f"line {n}\n" for n in range(50)))
    evidence = {"source": "container log", "first_line": 20, "last_line": 20, "text": "line 19"}
    finding = {"title": "t", "evidence": [evidence], "fixes": []}
    wizard.deployment._set(Stage.START, findings=[finding])
    wizard.refresh()
    assert [19, "line 19"] in [list(x) for x in wizard.panels["start"]["log"]["excerpt"]]


def test_a_long_line_says_what_was_cut(wizard):
    wizard.deployment._append(Stage.START, "x" * 200_049 + "\n")
    answer, (text, *_) = wizard.comm.ask_log("window", "start", start=0, count=1)
    assert answer["cut"] == {0: 200_049}
    assert len(text) == 2_000
    whole, _ = wizard.comm.ask_log("line", "start", line=0)
    assert whole["text"] == "x" * 200_049
