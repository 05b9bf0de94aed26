from dataclasses import replace

import pytest

from amlwidgets.core.findings import Fix
from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.core.stages import Stage
from amlwidgets.errors import BadInput
from amlwidgets.services import fixes

CONDA = """\
# our environment
name: x
dependencies:
  - python=3.11   # as in training
  - pip:
      - azureml-defaults>=1.0.45  # hosts the model
      - "scikit-learn==1.2"
"""
SCRIPT = "def init():\n    load('my-best-model')\n\n\ndef run(data):\n    return 'my-best-model'\n"


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "env.yml").write_text(CONDA)
    (tmp_path / "score.py").write_text(SCRIPT)
    return DeploymentSpec(folder=str(tmp_path), conda_file="env.yml", memory_gb=0.5)


def fix(action, **arguments):
    return Fix("Do it", apply=action, arguments=arguments)


def test_text_is_replaced_on_the_named_line_only(spec, tmp_path):
    proposal = fixes.propose(
        fix("replace-text", file="/var/azureml-app/score.py", line="2", old="my-best-model", new="diabetes"), spec
    )
    assert "-    load('my-best-model')" in proposal.diff(spec)
    assert proposal.retry_from == Stage.SCHEDULE
    assert (tmp_path / "score.py").read_text() == SCRIPT, "nothing is written before apply"
    _, applied = fixes.apply(proposal, spec, tmp_path / "backups")
    assert (tmp_path / "score.py").read_text() == SCRIPT.replace("my-best-model", "diabetes", 1)
    (backup,) = (tmp_path / "backups").iterdir()
    assert backup.read_text() == SCRIPT
    assert backup.stat().st_mode & 0o077 == 0
    kept = applied.to_dict()
    assert "get_model_path" not in str(kept), "the journal keeps no file's text"
    fixes.undo(fixes.Applied.from_dict(kept), spec, tmp_path / "backups")
    assert (tmp_path / "score.py").read_text() == SCRIPT


def test_an_ambiguous_text_is_left_to_a_person(spec):
    assert fixes.propose(fix("replace-text", file="score.py", line="", old="my-best-model", new="x"), spec) is None


def test_a_file_outside_the_working_folder_is_never_touched(spec, tmp_path):
    outside = tmp_path.parent / "elsewhere.py"
    outside.write_text("secret = 1\n")
    for name in (str(outside), "../elsewhere.py"):
        assert fixes.propose(fix("replace-text", file=name, line="1", old="secret", new="x"), spec) is None


def test_a_changed_file_is_not_overwritten(spec, tmp_path):
    proposal = fixes.propose(fix("replace-text", file="score.py", line="2", old="my-best-model", new="x"), spec)
    (tmp_path / "score.py").write_text("# rewritten\n")
    with pytest.raises(BadInput, match=r"score\.py has changed"):
        fixes.apply(proposal, spec, tmp_path / "backups")
    assert (tmp_path / "score.py").read_text() == "# rewritten\n"


def test_undo_leaves_a_file_alone_that_was_changed_by_hand_since(spec, tmp_path):
    proposal = fixes.propose(fix("replace-text", file="score.py", line="2", old="my-best-model", new="x"), spec)
    _, applied = fixes.apply(proposal, spec, tmp_path / "backups")
    (tmp_path / "score.py").write_text("# mine\n")
    with pytest.raises(BadInput, match="changed since the fix"):
        fixes.undo(applied, spec, tmp_path / "backups")
    assert (tmp_path / "score.py").read_text() == "# mine\n"


def test_a_package_is_added_and_everything_else_stays(spec, tmp_path):
    proposal = fixes.propose(fix("add-pip-package", package="pandas"), spec)
    fixes.apply(proposal, spec, tmp_path / "backups")
    assert (tmp_path / "env.yml").read_text() == CONDA + "      - pandas\n"
    assert proposal.retry_from == Stage.IMAGE


def test_a_package_that_is_there_is_not_added_again(spec):
    assert fixes.propose(fix("add-pip-package", package="scikit_learn"), spec) is None


def test_a_requirement_is_replaced(spec, tmp_path):
    proposal = fixes.propose(fix("replace-requirement", old="scikit-learn==1.2", new="scikit-learn==1.5.2"), spec)
    fixes.apply(proposal, spec, tmp_path / "backups")
    assert (tmp_path / "env.yml").read_text() == CONDA.replace("learn==1.2", "learn==1.5.2")


def test_a_conda_file_without_pip_gets_a_list(spec, tmp_path):
    (tmp_path / "env.yml").write_text("dependencies:\n- python=3.11\n")
    fixes.apply(fixes.propose(fix("add-pip-package", package="azureml-defaults"), spec), spec, tmp_path / "backups")
    assert (tmp_path / "env.yml").read_text().splitlines()[-2:] == ["- pip:", "  - azureml-defaults"]


@pytest.mark.parametrize(("arguments", "expected"), [({"factor": "2"}, 1.0), ({"to_gb": "1.5"}, 1.5)])
def test_memory_is_raised(spec, tmp_path, arguments, expected):
    proposal = fixes.propose(fix("raise-memory", **arguments), spec)
    assert "+Memory, GB = " in proposal.diff(spec)
    changed, applied = fixes.apply(proposal, spec, tmp_path)
    assert changed.memory_gb == expected
    assert fixes.undo(applied, changed, tmp_path / "backups").memory_gb == 0.5


def test_memory_is_never_lowered(spec):
    assert fixes.propose(fix("raise-memory", to_gb="0.2"), spec) is None


def test_windows_line_ends_and_rights_survive(spec, tmp_path):
    script = tmp_path / "score.py"
    script.write_bytes(b"a = 1\r\nb = 2\r\n")
    script.chmod(0o755)
    fixes.apply(
        fixes.propose(fix("replace-text", file="score.py", line="2", old="b", new="c"), spec),
        spec,
        tmp_path / "backups",
    )
    assert script.read_bytes() == b"a = 1\r\nc = 2\r\n"
    assert script.stat().st_mode & 0o777 == 0o755


def test_an_unknown_action_is_no_action(spec):
    assert fixes.propose(fix("format-disk"), spec) is None
    assert fixes.propose(Fix("By hand"), spec) is None


def test_a_strangers_package_is_not_installed_by_a_click(spec):
    assert fixes.propose(fix("add-pip-package", package="tabulate-me"), spec) is None


@pytest.mark.parametrize("own", ["helper.py", "helper/__init__.py"])
def test_ones_own_module_is_uploaded_and_not_looked_for_on_the_index(spec, tmp_path, own):
    (tmp_path / own).parent.mkdir(exist_ok=True)
    (tmp_path / own).write_text("")
    proposal = fixes.propose(fix("add-pip-package", package="helper"), spec)
    assert proposal.edits == ()
    assert proposal.settings == {"source_directory": "."}
    assert "is your own file" in proposal.title


@pytest.mark.parametrize(
    ("source", "script", "own", "settings"),
    [
        ("", "api/score.py", "api/helper.py", {"source_directory": "api", "entry_script": "score.py"}),
        ("api", "score.py", "helper.py", {"source_directory": ".", "entry_script": "api/score.py"}),
        ("", "api/score.py", "helper/__init__.py", {"source_directory": "."}),
    ],
)
def test_the_entry_script_is_named_from_the_folder_that_is_uploaded(spec, tmp_path, source, script, own, settings):
    for file in (f"{source}/{script}".strip("/"), own):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("")
    changed = spec.changed(source_directory=source, entry_script=script)
    assert fixes.propose(fix("add-pip-package", package="helper"), changed).settings == settings


def test_a_conda_file_with_windows_line_ends_keeps_them(spec, tmp_path):
    (tmp_path / "env.yml").write_bytes(CONDA.replace("\n", "\r\n").encode())
    fixes.apply(fixes.propose(fix("add-pip-package", package="pandas"), spec), spec, tmp_path / "backups")
    assert (tmp_path / "env.yml").read_bytes() == (CONDA + "      - pandas\n").replace("\n", "\r\n").encode()


@pytest.mark.parametrize("name", ["../env.yml", "link.yml", "circle.yml", "a\0b", "x" * 300])
def test_a_conda_file_outside_the_working_folder_is_neither_proposed_nor_written(spec, tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.yml").symlink_to(tmp_path / "env.yml")
    (inside / "circle.yml").symlink_to("circle.yml")
    there = replace(spec, folder=str(inside), conda_file=name)
    assert fixes.propose(fix("add-pip-package", package="pandas"), there) is None
    edit = fixes.FileEdit(name, CONDA, CONDA + "\n")
    with pytest.raises(BadInput, match="cannot be applied"):
        fixes.apply(fixes.Proposal("x", (edit,)), there, tmp_path / "backups")
    assert (tmp_path / "env.yml").read_text() == CONDA
    assert not (tmp_path / "backups").exists()


def test_a_setting_that_could_not_be_taken_back_or_set_is_not_proposed(spec):
    assert fixes.propose(fix("set-config", field="port", value="8891"), spec).settings == {"port": 8891}
    assert fixes.propose(fix("set-config", field="port", value="none"), spec) is None
    assert fixes.propose(fix("set-config", field="model_path", value="/"), spec) is None
