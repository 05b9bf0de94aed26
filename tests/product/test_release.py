"""What is released: built, small, complete, typed for its users, installed into a clean environment in which the tour runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile

import pytest
import release
from sandbox_support import clean_environment

import amlwidgets

ROOT = release.ROOT
pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return release.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def python(built, tmp_path_factory):
    """The Python of a clean environment that holds the wheel and nothing of this checkout."""
    return release.install(built[1], tmp_path_factory.mktemp("clean") / "env", "[tour]")


def test_the_wheel_is_small_and_whole(built):
    sdist, wheel = built
    assert wheel.stat().st_size < 1_000_000
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    files = [
        p
        for p in (ROOT / "amlwidgets").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts and "catalogue" not in p.parts
    ]
    own = {p.relative_to(ROOT).as_posix() for p in files}
    assert own <= names, "every file of the package, scripts and styles too; index.json stands for the catalogue"
    assert "amlwidgets/py.typed" in names
    assert not [
        n for n in names if not n.startswith(("amlwidgets/", f"amlwidgets-{amlwidgets.__version__}.dist-info/"))
    ]
    with tarfile.open(sdist) as file:
        held = {name.partition("/")[2] for name in file.getnames()}
    assert {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile", "tests/release.py"} <= held
    assert not [name for name in held if re.search(r"\.venv|\.cache|__pycache__|\.ipynb_checkpoints", name)]


def test_the_version_is_written_in_one_place(built):
    version = amlwidgets.__version__
    assert all(path.name.startswith(f"amlwidgets-{version}") for path in built)
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text()
    written = [
        p for p in (ROOT / "amlwidgets").rglob("*.py") if re.search(rf"['\"]{re.escape(version)}['\"]", p.read_text())
    ]
    assert [p.name for p in written] == ["_version.py"]
    assert (
        version
        not in (ROOT / "pyproject.toml").read_text().partition("[project.optional")[0].partition("dependencies")[0]
    )


USER = '''\
"""A program as a user writes it."""
from pathlib import Path

import amlwidgets
from amlwidgets import DeployWizard, Finding, LogViewer, Report, VaultChecklist, diagnose
from amlwidgets.capacity import replicas, simulate
from amlwidgets.errors import AmlWidgetsError

def causes(log: str) -> list[str]:
    report: Report = diagnose(log)
    return [finding.cause for finding in report.findings if finding.confidence >= 0.5]

def first(path: Path) -> Finding | None:
    try:
        return diagnose(path).top
    except AmlWidgetsError as error:
        print(error.message, error.todo, error.code)
        return None

print(causes("ModuleNotFoundError: No module named 'x'"), amlwidgets.__version__)
if first(Path("absent.log")) is not None:
    LogViewer("a line")
    VaultChecklist("template.json")
    DeployWizard(model_path="m.pkl").run_to_end(timeout=3.0)
'''
WRONG = USER.replace("finding.confidence >= 0.5", "finding.confidance >= 0.5").replace(
    "diagnose(path)", "diagnose(path, stage=5)"
)


def checked(python, path, text):
    path.write_text(text)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-executable",
        str(python),
        "--cache-dir",
        str(path.parent / "cache"),
        path.name,
    ]
    return subprocess.run(
        command, cwd=path.parent, capture_output=True, text=True, check=False, env=clean_environment()
    ).stdout


def test_a_users_program_is_checked_against_our_types(python, tmp_path):
    assert "Success" in (said := checked(python, tmp_path / "user.py", USER)), said
    said = checked(python, tmp_path / "wrong.py", WRONG)
    assert '"Finding" has no attribute "confidance"' in said
    assert 'Argument "stage"' in said
    # No public name, and nothing that a public function returns, is Any.
    names = [f"amlwidgets.{name}" for name in amlwidgets.__all__] + [
        f"amlwidgets.capacity.{name}" for name in ("replicas", "simulate")
    ]
    text = "import amlwidgets\nimport amlwidgets.capacity\n" + "".join(f"reveal_type({name})\n" for name in names)
    shown = re.findall(r'Revealed type is "(.*)"', checked(python, tmp_path / "names.py", text))
    assert len(shown) == len(names)
    untyped = [
        (name, kind)
        for name, kind in zip(names, shown, strict=True)
        if re.search(r"^Any$|-> Any$|^builtins.object$", kind)
    ]
    assert untyped == []


@pytest.mark.sandbox
def test_the_tour_runs_from_the_wheel(python, tmp_path):
    variables = clean_environment(
        PATH=f"{python.parent}:/usr/local/bin:/usr/bin:/bin", AMLWIDGETS_SANDBOX_HOME=str(ROOT / ".cache" / "sandbox-release"),
        AMLWIDGETS_HOME=str(tmp_path / "home"), DOCKER_HOST="unix:///absent.sock",
    )  # fmt: skip
    variables.pop("VIRTUAL_ENV", None)
    where = subprocess.run([python, "-c", "import amlwidgets; print(amlwidgets.__file__)"], cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)  # fmt: skip
    assert str(python.parents[1]) in where.stdout
    try:
        done = subprocess.run(
            [python, ROOT / "binder" / "run_tour.py"],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        for words in ("Stopped at: start", "my-best-model", "The same.", "Healthy"):
            assert words in done.stdout
    finally:
        subprocess.run(
            [python.with_name("amlwidgets"), "sandbox", "stop"], env=variables, check=True, capture_output=True
        )


def test_the_list_of_what_it_brings(python, tmp_path):
    found = release.sbom(python, tmp_path / "sbom.json")
    names = {component["name"].lower() for component in found["components"]}
    assert found["metadata"]["component"]["name"] == "amlwidgets"
    wanted = re.findall(
        r'^    "([a-z0-9_.\-]+)[<>=]',
        (ROOT / "pyproject.toml").read_text().partition("[project.optional")[0],
        re.MULTILINE,
    )
    assert len(wanted) > 15
    assert set(wanted) <= names
    assert all(component["version"] for component in found["components"])


def test_licences(python):
    found = release.licences(python)
    assert len(found) > 80
    assert release.not_free(found) == {}
    assert release.not_free({"x": "GNU General Public License v3"}) == {"x": "GNU General Public License v3"}


def test_no_known_vulnerability(python):
    found, unknown = release.vulnerabilities(python)
    if unknown:
        pytest.skip(unknown)
    assert found == []
