"""The doctor: what it finds here, what it says of what is missing, and what it never tells."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from amlwidgets.core.checks import Check, CheckState
from amlwidgets.services import doctor_command


def doctor(folder, *options, **variables):
    done = subprocess.run(
        [sys.executable, "-m", "amlwidgets.cli", "doctor", *options], cwd=folder, capture_output=True, text=True,
        check=False, env=os.environ | variables,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_all_is_here_but_the_workspace_and_an_engine(tmp_path):
    code, said = doctor(tmp_path, DOCKER_HOST="tcp://127.0.0.1:1", AMLWIDGETS_HOME=str(tmp_path / "data"))
    assert code == 0
    assert "✓ azureml-core: 1." in said
    assert "! Workspace: No config.json from here upwards. Practise without one: %aml sandbox on" in said
    assert "! Docker engine: No Docker engine answers" in said


def test_nothing_of_the_user_is_told(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"subscription_id": "11111111-2222", "resource_group": "my-group", "workspace_name": "my-space"})
    )
    _code, said = doctor(
        tmp_path, "--format", "json", DOCKER_HOST="tcp://user:secret99@127.0.0.1:1", HOME=str(tmp_path)
    )
    checks = {check["id"]: check for check in json.loads(said)["checks"]}
    assert checks["workspace"]["state"] == "ok"
    for told in ("11111111-2222", "my-group", "my-space", "secret99", str(tmp_path)):
        assert told not in said


def test_no_engines_address_and_no_folder_is_told(tmp_path):
    place = tmp_path / "contoso-project"
    place.mkdir()
    (place / "config.json").write_text("{}")
    for host in ("ssh://alice@contoso.example", "tcp://contoso.example:2376", f"unix://{place}/contoso/d.sock"):
        _code, said = doctor(place, "--format", "json", DOCKER_HOST=host, AMLWIDGETS_HOME=str(place / "data"))
        assert "No Docker engine answers at " in said
        assert "contoso" not in said
        assert "alice" not in said
        assert str(tmp_path) not in said


@pytest.fixture
def reachable():
    """Return a folder that others reach; those that pytest makes are closed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        Path(top).chmod(0o755)
        yield Path(top)


@pytest.mark.parametrize("variable", ["AMLWIDGETS_HOME", "AMLWIDGETS_SANDBOX_HOME"])
def test_a_folder_that_others_can_open_is_told_with_the_command_that_closes_it(tmp_path, reachable, variable):
    place = reachable / "data"
    place.mkdir()
    elsewhere = {"AMLWIDGETS_HOME": str(tmp_path / "none"), "DOCKER_HOST": "tcp://127.0.0.1:1"}
    environment = elsewhere | {variable: str(place)}
    for mode, could in ((0o777, "could put other files"), (0o755, "see the names")):
        place.chmod(mode)
        _code, said = doctor(tmp_path, **environment)
        (line,) = [line for line in said.splitlines() if "Rights" in line]
        assert f"Others of this machine can open {variable}, and {could}" in line
        assert place.stat().st_mode & 0o777 == mode, "only told"
        command = line.partition("Run: ")[2]
        assert command == f'chmod 700 "${variable}"'
    subprocess.run(["/bin/sh", "-c", command], env=environment | {"PATH": os.defpath}, check=True)
    assert "Rights" not in doctor(tmp_path, **environment)[1]


ABOVE_AND_IN_IT = [
    (0o700, 0o777, None),
    (0o755, 0o711, None),
    (0o755, 0o744, None),
    (0o755, 0o722, None),
    (0o755, 0o755, "Others of this machine can open AMLWIDGETS_HOME, and see the names"),
    (0o711, 0o733, "Others of this machine can open AMLWIDGETS_HOME, and could put other files"),
    (0o755, 0o770, "Your group can open AMLWIDGETS_HOME, and could put other files"),
    (0o755, 0o750, "Your group can open AMLWIDGETS_HOME, and see the names"),
    (0o750, 0o755, "Your group can open AMLWIDGETS_HOME, and see the names"),
    (0o755, 0o775, "Your group can open AMLWIDGETS_HOME, and could put other files"),
]


@pytest.mark.parametrize(("above", "mode", "words"), ABOVE_AND_IN_IT)
def test_who_can_open_a_folder_is_told_as_the_folders_above_let_them(monkeypatch, reachable, above, mode, words):
    place = reachable / "data"
    place.mkdir()
    place.chmod(mode)
    reachable.chmod(above)
    monkeypatch.setenv("AMLWIDGETS_HOME", str(place))
    monkeypatch.delenv("AMLWIDGETS_SANDBOX_HOME", raising=False)
    assert [check.detail.startswith(words or "?") for check in doctor_command._rights()] == [True] * bool(words)


@pytest.mark.parametrize(
    "variables",
    [
        {"AMLWIDGETS_SANDBOX_HOME": "~/my data; $(x)"},
        {"AMLWIDGETS_SANDBOX_HOME": "~"},
        {"AMLWIDGETS_HOME": "~"},
        {"AMLWIDGETS_HOME": "{top}/it's mine"},
        {"XDG_DATA_HOME": "{top}/my share"},
        {"HOME": "{top}/a b"},
    ],
)
def test_the_command_that_closes_a_folder_works_in_a_shell(reachable, variables):
    top = str(reachable)
    none = {"HOME": f"{top}/home", "DOCKER_HOST": "tcp://127.0.0.1:1", "PATH": os.defpath}
    environment = none | {name: value.replace("{top}", top) for name, value in variables.items()}

    def said(*words):
        run = subprocess.run(
            [sys.executable, *words], cwd=top, env=environment, capture_output=True, text=True, check=False
        )
        return run.stdout

    where = "from amlwidgets.services import doctor_command as d, journal; print(d._sandbox_home() or journal.home())"
    place = Path(top, said("-c", where).strip())
    place.mkdir(parents=True)
    for folder in (place, *place.parents[: len(place.parents) - len(reachable.parents) - 1]):
        folder.chmod(0o755)
    told = said("-m", "amlwidgets.cli", "doctor")
    (line,) = [line for line in told.splitlines() if "Rights" in line]
    subprocess.run(["/bin/sh", "-c", line.partition("Run: ")[2]], cwd=top, env=environment, check=True)
    assert place.stat().st_mode & 0o777 == 0o700
    assert top not in told


def test_what_helps_everybody_is_told_whole():
    words = "Export DOCKER_HOST=unix:///run/user/1000/docker.sock; see https://docs.docker.com/engine/install."
    check = Check("engine", "Docker engine", CheckState.WARN, "unix:///var/run/docker.sock", words, "")
    assert doctor_command._public(check) == check


def test_a_package_that_is_missing_or_broken(monkeypatch):
    needed = {"absent-package": ("absent_package", "does something"), "pip": ("pip.absent_part", "installs")}
    monkeypatch.setattr(doctor_command, "_NEEDED", needed)
    checks = {check.id: check for check in doctor_command._packages()}
    assert checks["absent-package"].state is CheckState.FAIL
    assert checks["absent-package"].todo == "Run: pip install absent-package"
    assert "cannot be imported: ModuleNotFoundError" in checks["pip"].detail


def test_a_config_that_says_nothing(tmp_path, monkeypatch):
    Path(tmp_path, "config.json").write_text("[")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AMLWIDGETS_SANDBOX", raising=False)
    (check,) = doctor_command._workspace()
    assert check.state is CheckState.WARN
