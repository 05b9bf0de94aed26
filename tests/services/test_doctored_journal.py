"""A journal that somebody has doctored: undo and the runbook read and write nothing but a project's files and their backups."""

import json

import pytest

from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.errors import BadInput
from amlwidgets.services import fixes, kept_files, runbook
from amlwidgets.services.deploy_run import DeployRun
from amlwidgets.services.journal import Journal, home

SECRET = "the neighbour's diary\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A run with one applied fix of score.py, its journal, and a file of somebody else's beside the project."""
    monkeypatch.setenv("AMLWIDGETS_HOME", str(tmp_path / "data"))
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "score.py").write_text("old\n")
    (tmp_path / "diary.txt").write_text(SECRET)
    run = DeployRun(DeploymentSpec(folder=str(folder), entry_script="score.py"))
    run.apply(fixes.Proposal("Mend it", (fixes.FileEdit("score.py", "old\n", "new\n"),), {"memory_gb": 2.0}))
    return run


def doctor(run, settings=None, **changes):
    """Change what the journal says of the fix's file, as whoever can write the journal could."""
    journal = Journal()
    number, applied = journal.last_fix(run.run_id)
    applied["files"][0] |= changes
    applied["settings"] |= settings or {}
    journal._db.execute("UPDATE fixes SET applied=? WHERE run=? AND n=?", (json.dumps(applied), run.run_id, number))
    journal.close()


def all_files(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "journal.db" not in p.name}


def told(run):
    return "\n".join(cell.source for cell in runbook.of_run(Journal().load(run.run_id), Journal()).cells)


def test_what_was_kept_is_taken_back_and_shown(project, tmp_path):
    assert "-old\n+new" in told(project)
    project.undo()
    assert (tmp_path / "project" / "score.py").read_text() == "old\n"
    assert project.spec.memory_gb != 2.0


def test_a_diff_is_shown_also_when_a_later_fix_changed_the_file_again(project):
    project.apply(fixes.Proposal("Again", (fixes.FileEdit("score.py", "new\n", "newest\n"),)))
    assert "-old\n+new\n" in told(project)
    assert "-new\n+newest" in told(project)


DIARY = kept_files.digest(SECRET)
DOCTORED = {
    "a backup elsewhere": {"backup": "{tmp}/diary.txt", "before": DIARY},
    "a way up": {"backup": "{home}/backups/../../diary.txt", "before": DIARY},
    "no backup": {"backup": "", "before": DIARY},
    "a folder": {"backup": "..", "before": DIARY},
    "a link among the backups": {"backup": "{home}/backups/link", "before": DIARY},
    "another text": {"before": DIARY},
    "no digest": {"before": None},
    "a file elsewhere": {"file": "{tmp}/diary.txt", "after": DIARY},
    "a file above": {"file": "../diary.txt", "after": DIARY},
    "a link in the project": {"file": "link.txt", "after": DIARY},
    "a file that is not there": {"file": "absent.py", "after": DIARY},
    "a file that is no text": {"file": "model.pkl"},
    "a NUL": {"file": "score\0.py"},
    "links in a circle": {"file": "circle.py"},
    "a name that is too long": {"file": "x" * 300},
    "a backup with too long a name": {"backup": "x" * 300},
    "a backup with a NUL": {"backup": "x\0"},
    "half a surrogate pair": {"file": "\ud800"},
}


@pytest.mark.parametrize("case", DOCTORED)
def test_paths_that_lead_elsewhere_are_refused(project, tmp_path, case):
    (home() / "backups" / "link").symlink_to(tmp_path / "diary.txt")
    (tmp_path / "project" / "link.txt").symlink_to(tmp_path / "diary.txt")
    (tmp_path / "project" / "circle.py").symlink_to("circle.py")
    (tmp_path / "project" / "model.pkl").write_bytes(b"\x80\xff")
    text = json.dumps(DOCTORED[case]).replace("{tmp}", str(tmp_path)).replace("{home}", str(home()))
    doctor(project, **json.loads(text))
    before = all_files(tmp_path)
    with pytest.raises(BadInput, match="cannot be taken back") as refused:
        project.undo()
    assert refused.value.code == "undo-refused"
    assert SECRET.strip() not in told(project)
    assert all_files(tmp_path) == before
    assert project.can_undo, "the fix is still there for a person to look at"


def test_a_backup_that_was_swapped_is_refused(project, tmp_path):
    (backup,) = (home() / "backups").iterdir()
    backup.write_text("something worse\n")
    with pytest.raises(BadInput, match="is not what was kept"):
        project.undo()
    assert (tmp_path / "project" / "score.py").read_text() == "new\n"
    assert "something worse" not in told(project)


def test_the_recorded_folder_is_the_notebooks_or_nothing_is_written(project, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(BadInput, match="belongs to"):
        project.undo()
    monkeypatch.chdir(project.spec.folder)
    doctor(project, settings={"folder": [str(elsewhere), project.spec.folder]})
    with pytest.raises(BadInput, match="it would change folder, which no fix changes"):
        project.undo()
    assert (tmp_path / "project" / "score.py").read_text() == "new\n"


SPOILED = {
    "a file": {"files": [1]},
    "no files": {"files": None},
    "half a setting": {"settings": {"memory_gb": [1]}},
    "no settings": {"settings": None},
    "a stage": {"retry_from": "x"},
}


def write_record(run, text):
    journal = Journal()
    journal._db.execute("UPDATE fixes SET applied=? WHERE run=?", (text, run.run_id))
    journal.close()


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_record_is_said_in_one_sentence(project, case):
    _, applied = Journal().last_fix(project.run_id)
    write_record(project, json.dumps(applied | SPOILED[case]))
    with pytest.raises(BadInput, match="record of it is spoiled"):
        project.undo()
    assert "Mend it: the journal" in told(project)


@pytest.mark.parametrize("text", ["[1", "[1]", "{}", "", None, "[" * 100_000], ids=lambda text: str(text)[:5])
def test_a_record_that_is_none_is_told_and_not_followed(project, text):
    write_record(project, text)
    assert project.can_undo, "a view asks for it each time that it is drawn"
    with pytest.raises(BadInput, match="record of it is spoiled"):
        project.undo()
    assert "record of it is spoiled" in told(project)


def test_a_title_that_no_file_can_hold_costs_no_runbook(project, tmp_path):
    _, applied = Journal().last_fix(project.run_id)
    write_record(project, json.dumps(applied | {"title": "half \ud800 a pair"}))
    book = runbook.of_run(Journal().load(project.run_id), Journal())
    assert "half ? a pair" in runbook.save(book, tmp_path / "book.ipynb").read_text()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"source_directory": ["/", ""]}, "outside of the working folder"),
        ({"source_directory": ["..", ""]}, "outside of the working folder"),
        ({"source_directory": ["circle", ""]}, "cannot be read"),
        ({"source_directory": ["a\0", ""]}, "cannot be read"),
        ({"entry_script": ["../diary.txt", "score.py"]}, "outside of the working folder"),
        ({"model_path": ["/", ""]}, "model_path, which no fix changes"),
        ({"conda_file": ["/etc/passwd", ""]}, "conda_file, which no fix changes"),
        ({"target": ["AKS", "ACI"]}, "target, which no fix changes"),
        ({"port": [float("inf"), 8890]}, "cannot be read"),
        ({"memory_gb": [[1], 2.0]}, "record of it is spoiled"),
    ],
)
def test_settings_that_no_fix_has_changed_are_not_taken_back(project, tmp_path, settings, said):
    (tmp_path / "project" / "circle").symlink_to("circle")
    doctor(project, settings=settings)
    before = project.spec
    with pytest.raises(BadInput, match=f"cannot be taken back: .*{said}"):
        project.undo()
    assert project.spec == before
    assert (tmp_path / "project" / "score.py").read_text() == "new\n"


def test_a_folder_of_sources_within_the_project_is_taken_back(project, tmp_path):
    (tmp_path / "project" / "src").mkdir()
    doctor(project, settings={"source_directory": ["src", ""]})
    project.undo()
    assert project.spec.source_directory == "src"
