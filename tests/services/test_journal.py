import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.core.stages import Stage
from amlwidgets.errors import ServiceFailed
from amlwidgets.services import fixes
from amlwidgets.services import rights as own_rights
from amlwidgets.services.journal import Journal, home, is_alive, process_identity


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


def rights(path):
    return path.stat().st_mode & 0o777


def test_in_a_folder_that_is_open_to_all_its_own_files_are_closed_and_the_folder_is_left_alone(tmp_path, monkeypatch):
    place = tmp_path / "shared"
    (place / "backups").mkdir(parents=True)
    place.chmod(0o777)
    (place / "backups").chmod(0o755)
    monkeypatch.setenv("AMLWIDGETS_HOME", str(place))
    first = Journal()
    for file in place.glob("journal.db*"):
        file.chmod(0o666)
    Journal().create(DeploymentSpec(), {})
    files = list(place.glob("journal.db*"))
    assert {file.name for file in files} == {"journal.db", "journal.db-wal", "journal.db-shm"}
    assert {rights(file) for file in files} == {0o600}
    (tmp_path / "score.py").write_text("old")
    spec = DeploymentSpec(folder=str(tmp_path))
    fixes.apply(fixes.Proposal("x", (fixes.FileEdit("score.py", "old", "new"),)), spec, home() / "backups")
    assert rights(place / "backups") == 0o700
    assert rights(place) == 0o777, "not ours to change"
    first.close()


def test_the_folder_that_amlwidgets_chooses_itself_is_closed(tmp_path, monkeypatch):
    monkeypatch.delenv("AMLWIDGETS_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    home().mkdir()
    home().chmod(0o775)
    Journal().close()
    assert home().is_relative_to(tmp_path)
    assert rights(home()) == 0o700


def test_a_journal_that_is_a_link_to_another_place_is_refused(tmp_path):
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "journal.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ServiceFailed, match="is a link to another place. Set AMLWIDGETS_HOME"):
        Journal(tmp_path / "journal.db")
    assert (tmp_path / "elsewhere").read_text() == ""


@pytest.mark.parametrize("name", ["wal", "shm", "journal"])
def test_a_link_in_the_place_of_sqlites_files_changes_nobodys_rights(tmp_path, name):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)
    (tmp_path / f"journal.db-{name}").symlink_to(elsewhere)
    with pytest.raises(ServiceFailed, match=f"journal.db-{name} is a link to another place"):
        Journal(tmp_path / "journal.db")
    assert rights(elsewhere) == 0o755


def test_what_only_begins_with_the_journals_name_is_left_alone(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere").chmod(0o755)
    (tmp_path / "journal.db-x").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "journal.db-notes").write_text("")
    (tmp_path / "journal.db-notes").chmod(0o644)
    Journal(tmp_path / "journal.db").close()
    assert rights(tmp_path / "elsewhere") == 0o755
    assert rights(tmp_path / "journal.db-notes") == 0o644


def test_a_link_that_takes_a_files_place_after_the_look_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "elsewhere").chmod(0o644)
    (tmp_path / "link").symlink_to("elsewhere")
    own_rights._change(tmp_path / "link", 0o600)
    assert rights(tmp_path / "elsewhere") == 0o644


def test_closing_the_files_ends_no_lock_of_another_journal_of_this_process(tmp_path):
    first = Journal(tmp_path / "journal.db")
    first._db.execute("BEGIN IMMEDIATE")
    for file in tmp_path.glob("journal.db*"):
        file.chmod(0o666)
        own_rights.close_file(file)
        assert rights(file) == 0o600
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    done = subprocess.run([sys.executable, "-c", other, str(first.path)], capture_output=True, text=True, check=False)
    assert "database is locked" in done.stderr
    first.close()


AS_ANOTHER = """
import os, sys
from pathlib import Path
from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.services import fixes
from amlwidgets.services.journal import Journal
import platformdirs, psutil, difflib
os.setgroups([]); os.setgid(65534); os.setuid(65534)
place, work = map(Path, sys.argv[1:])
try:
    Journal(place / "journal.db").create(DeploymentSpec(), {})
    edit = fixes.FileEdit("score.py", "old", "new")
    fixes.apply(fixes.Proposal("x", (edit,)), DeploymentSpec(folder=str(work)), place / "backups")
    print("used")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def shared():
    """Return a folder that every account of this machine reaches."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        place = Path(made)
        place.chmod(0o755)
        for name in ("data", "data/backups", "work"):
            (place / name).mkdir()
            (place / name).chmod(0o777)
        (place / "work" / "score.py").write_text("old")
        (place / "work" / "score.py").chmod(0o666)
        yield place


def as_another(place):
    words = [sys.executable, "-c", AS_ANOTHER, str(place / "data"), str(place / "work")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.stdout.strip()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@needs_root
def test_a_folder_of_another_account_can_be_used_though_its_rights_cannot_be_changed(shared):
    Journal(shared / "data" / "journal.db").close()
    for file in (shared / "data").glob("journal.db*"):
        file.chmod(0o666)
    assert as_another(shared) == "used"
    assert rights(shared / "data" / "backups") == 0o777, "not theirs to change"
    assert (shared / "work" / "score.py").read_text() == "new"


@needs_root
def test_a_journal_that_somebody_else_has_put_there_is_refused(shared):
    planted = shared / "data" / "journal.db"
    planted.write_text("")
    planted.chmod(0o666)
    os.chown(planted, 12345, 12345)
    assert "journal.db belongs to somebody else. Set AMLWIDGETS_HOME" in as_another(shared)


@needs_root
def test_a_backup_that_cannot_be_written_is_said_and_the_file_is_as_it_was(shared):
    (shared / "data" / "backups").chmod(0o755)
    said = as_another(shared)
    assert said.startswith("BadInput The backup ")
    assert "cannot be written: Permission denied. Look at its rights" in said
    assert (shared / "work" / "score.py").read_text() == "old"


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
