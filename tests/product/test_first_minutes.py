"""The first five minutes: the wheel beside typical packages, and, with nothing at hand, a way out of every dead end."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox_support import clean_environment

ROOT = Path(__file__).resolve().parents[2]
UV = [sys.executable, "-m", "uv"]
LOOK = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "amlwidgets")
said = {}
for line in json.loads(sys.argv[1]):
    with capture_output() as seen:
        result = shell.run_cell(f"%aml {line}").result
    outputs = [str(output.data.get("text/plain", "")) for output in seen.outputs]
    said[line] = "\\n".join([seen.stdout, seen.stderr, *outputs, result.to_text() if hasattr(result, "to_text") else ""])
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
print("SAID", json.dumps(said))
"""


def look(python, lines, modules, folder, **variables):
    """Type ``%aml`` lines in an empty folder; return what each says."""
    folder.mkdir(exist_ok=True)
    homes = {"HOME": folder / "home", "AMLWIDGETS_HOME": folder / "kept", "AMLWIDGETS_SANDBOX_HOME": folder / "sandbox"}
    places = {name: str(place) for name, place in homes.items()} | {"DOCKER_HOST": "unix:///absent.sock"}
    work = folder / "work"
    for place in (work, homes["HOME"]):
        place.mkdir(exist_ok=True)
    done = subprocess.run(
        [*python, "-c", LOOK, json.dumps(lines), json.dumps(modules)], cwd=work, env=clean_environment(**places, **variables),
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.rsplit("SAID ", 1)[1])


# -- beside what is there already


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built as a release would be."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*UV, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


def environment(folder, *packages):
    """Make a clean environment with these packages; return its Python."""
    subprocess.run([*UV, "venv", "--quiet", "--python", "3.11", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    add(python, *packages)
    return python


def add(python, *packages):
    subprocess.run([*UV, "pip", "install", "--quiet", "--python", python, *map(str, packages)], check=True)


def versions(python):
    listed = subprocess.run(
        [*UV, "pip", "list", "--format", "json", "--python", python], check=True, capture_output=True
    )
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}


@pytest.mark.network
def test_beside_pandas_scikit_learn_and_mlflow(wheel, tmp_path):
    """What was there still works; what changes its version is what azureml-core itself holds back."""
    python = environment(tmp_path / "env", "pandas", "scikit-learn", "mlflow", "ipython")
    before = versions(python)
    add(python, wheel)
    after = versions(python)
    held_back = {
        "packaging",
        "cryptography",
        "python-dateutil",
        "importlib-metadata",
        "urllib3",
        "pyjwt",
        "wrapt",
        "pytz",
    }
    assert {name for name in before if after.get(name) != before[name]} <= held_back
    subprocess.run([*UV, "pip", "check", "--quiet", "--python", python], check=True)
    said = look([python], ["", "replicas"], ["pandas", "sklearn", "mlflow", "azureml.core"], tmp_path)
    assert "Deployment of a model" in said[""]
    assert "replicas by the guides' formula" in said["replicas"]


@pytest.mark.network
def test_beside_an_older_azureml_core(wheel, tmp_path):
    """It imports pkg_resources, which new environments lack: that is said, with what helps, and it helps."""
    python = environment(tmp_path / "env", "azureml-core==1.58.*", "ipython")
    add(python, wheel)
    assert versions(python)["azureml-core"].startswith("1.58")
    told = look([python], ["logs svc"], [], tmp_path)["logs svc"]
    assert 'Run  %pip install "setuptools<81"' in told
    add(python, "setuptools<81")
    assert "%aml sandbox on" in look([python], ["logs svc"], ["azureml.core"], tmp_path)["logs svc"]


# -- with nothing at hand

DEAD_ENDS = (
    "", "explain", "explain nothing", "logs", "logs svc", "logs absent.log", "replicas", "replicas svc", "vault",
    "vault absent.json", "local", "local svc", "sandbox status", "sandbox off", "sandbox nonsense", "runbook", "gallery absent",
    "wizard x=1", "wizard x", "auto", "nonsense",
)  # fmt: skip
DOOR = re.compile(
    r"%aml \w|wizard: %aml|%cd|pip install|There are: |It has: |Files here: |https://|VaultChecklist\(|unset it|Say \w|name=value"
    r"|Preflight +waiting|replicas by the guides' formula"
)
"""What can be typed, or a list of what can; the wizard and the calculator work without anything."""


def test_every_dead_end_has_a_door(tmp_path):
    """No workspace, no sandbox, no Docker, no network."""
    isolated = ["unshare", "--map-root-user", "--net"] if _can_isolate() else []
    dead = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")
    said = look([*isolated, sys.executable], DEAD_ENDS, [], tmp_path, **dead)
    assert [line for line in DEAD_ENDS if not DOOR.search(said[line])] == []
    assert not [line for line in DEAD_ENDS if "Traceback" in said[line]]


def _can_isolate():
    probe = ["unshare", "--map-root-user", "--net", "true"]
    return (
        shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True, check=False).returncode == 0
    )


def test_doctor_says_what_is_missing_without_a_network(tmp_path):
    isolated = ["unshare", "--map-root-user", "--net"] if _can_isolate() else []
    done = subprocess.run(
        [*isolated, sys.executable, "-m", "amlwidgets", "doctor"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"DOCKER_HOST": "unix:///absent.sock", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "%aml sandbox on" in done.stdout
    assert "No Docker engine answers" in done.stdout
    assert str(tmp_path) not in done.stdout
