import os
import subprocess
import sys

import pytest

from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.core.stages import Stage
from amlwidgets.errors import ServiceFailed
from amlwidgets.services.journal import Journal, is_alive, process_identity


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


def test_a_run_is_found_again(journal, tmp_path):
    spec = DeploymentSpec(folder="/work", service_name="svc")
    run = journal.create(spec, {})
    journal.save_stage(run, Stage.REGISTER, {"state": "done"})
    journal.append_log(run, Stage.REGISTER, "one\n")
    journal.append_log(run, Stage.REGISTER, "two\n")
    journal.update(run, state={"model_id": "m:1"})
    again = Journal(tmp_path / "journal.db")
    saved = again.latest_unfinished("/work")
    assert (saved.id, saved.spec, saved.state) == (run, spec, {"model_id": "m:1"})
    assert again.log(run, Stage.REGISTER) == "one\ntwo\n"
    assert not saved.interrupted


def test_only_an_unfinished_run_of_this_folder_is_offered(journal):
    assert journal.latest_unfinished("/work") is None
    run = journal.create(DeploymentSpec(folder="/work"), {})
    assert journal.latest_unfinished("/work") is None, "nothing was begun"
    journal.save_stage(run, Stage.PREFLIGHT, {"state": "done"})
    assert journal.latest_unfinished("/other") is None
    assert journal.latest_unfinished("/work").id == run
    journal.save_stage(run, Stage.SCORE, {"state": "done"})
    assert journal.latest_unfinished("/work") is None


def test_a_run_of_a_living_process_is_left_to_it_and_of_a_dead_one_is_interrupted(journal):
    run = journal.create(DeploymentSpec(folder="/work"), {})
    journal.save_stage(run, Stage.IMAGE, {"state": "running"})
    journal.update(run, active=True)
    assert journal.latest_unfinished("/work") is None, "this very process works on it"
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    journal._db.execute("UPDATE runs SET owner=?", (f"{ended.stdout.strip()}@1.00",))
    assert journal.latest_unfinished("/work").interrupted


def test_a_recycled_pid_is_not_taken_for_the_old_process():
    assert is_alive(process_identity())
    assert not is_alive(f"{os.getpid()}@1.00")
    assert not is_alive("nonsense")


def test_edits_are_undone_newest_first(journal):
    run = journal.create(DeploymentSpec(), {})
    journal.add_fix(run, {"title": "first"})
    journal.add_fix(run, {"title": "second"})
    assert journal.last_fix(run) == (2, {"title": "second"})
    journal.mark_undone(run, 2)
    assert journal.last_fix(run) == (1, {"title": "first"})


def test_a_run_of_the_other_world_is_not_offered(journal):
    run = journal.create(DeploymentSpec(folder="/work"), {"name": "sandbox", "sandbox": True})
    journal.save_stage(run, Stage.REGISTER, {"state": "done"})
    assert journal.latest_unfinished("/work", sandbox=False) is None
    assert journal.latest_unfinished("/work", sandbox=True).id == run


def test_the_journal_is_for_its_owner_alone_and_holds_no_secret_of_the_sample(journal, tmp_path):
    journal.create(DeploymentSpec(sample='{"data": 1, "api_key": "sk-live-0123456789SECRET"}'), {})
    for file in tmp_path.glob("journal.db*"):
        assert file.stat().st_mode & 0o077 == 0, file
        assert b"0123456789SECRET" not in file.read_bytes()


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceFailed, match="journal .* cannot be used.*AMLWIDGETS_HOME"):
        Journal(tmp_path / "file" / "journal.db")


def test_old_runs_are_forgotten_and_recent_ones_kept(journal):
    old, recent = journal.create(DeploymentSpec(), {}), journal.create(DeploymentSpec(), {})
    journal.append_log(old, Stage.IMAGE, "text\n")
    journal._db.execute("UPDATE runs SET updated=1 WHERE id=?", (old,))
    journal.create(DeploymentSpec(), {})
    with pytest.raises(ServiceFailed, match=f"no run {old}"):
        journal.load(old)
    assert journal.log(old, Stage.IMAGE) == ""
    assert journal.load(recent).id == recent
