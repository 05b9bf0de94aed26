"""Probes run by a real interpreter, in a folder that looks like a container's."""

import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pytest

from amlwidgets.core.checks import CheckState
from amlwidgets.errors import BadInput, ServiceFailed
from amlwidgets.services.local.inside import Ran
from amlwidgets.services.local.probes import PROBES, ask

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "core"))
from test_masking import SECRETS

GOOD = """\
import json

def init():
    global model
    model = 3

def run(data):
    print("a line of the script")
    return {"result": model * json.loads(data)["x"]}
"""


class Here:
    """This machine's interpreter, with the variables of a container."""

    name, python = "here", sys.executable

    def __init__(self, root, **variables):
        self.root = root
        self.variables = {"AML_APP_ROOT": str(root), "PATH": os.environ["PATH"], "HOME": str(root), **variables}

    def run(self, command, *, seconds=60, variables=None):
        began = time.monotonic()
        try:
            done = subprocess.run(
                command, cwd=self.root, env=self.variables | (variables or {}), stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Ran(None, "", time.monotonic() - began)
        return Ran(done.returncode, done.stdout, time.monotonic() - began)

    def as_typed(self, command):
        return f"docker exec -it here sh -c {command!r}"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "score.py").write_text(GOOD)
    model = tmp_path / "azureml-models" / "diabetes" / "1"
    model.mkdir(parents=True)
    (model / "model.pkl").write_bytes(pickle.dumps({"weights": [1, 2]}))
    return tmp_path


@pytest.fixture
def inside(root):
    return Here(root, AZUREML_MODEL_DIR="azureml-models/diabetes/1", AZUREML_ENTRY_SCRIPT="score.py")


def test_every_probe_answers_and_names_a_command(inside):
    for name in PROBES:
        answer = ask(inside, name, name="diabetes") if name == "model_path" else ask(inside, name)
        assert answer.sentence
        assert answer.command.startswith("docker exec -it here sh -c ")
        json.dumps(answer.to_dict())


def test_where(inside, root):
    answer = ask(inside, "where")
    assert answer.state is CheckState.OK
    assert ["score.py", f"{len(GOOD)} B"] in answer.table
    assert answer.data["python"] == sys.version.split()[0]
    (root / "score.py").unlink()
    assert ask(inside, "where").sentence == f"The entry script score.py is not in {root}."


def test_a_model_folder_that_is_elsewhere_is_seen(inside, root):
    assert ask(inside, "model_dir").state is CheckState.OK
    inside.variables["AZUREML_MODEL_DIR"] = "azureml-models/other/1"
    answer = ask(inside, "model_dir")
    assert answer.state is CheckState.FAIL
    assert answer.sentence == (
        f"AZUREML_MODEL_DIR is {root}/azureml-models/other/1, and that folder does not exist. There is: diabetes (1)."
    )
    del inside.variables["AZUREML_MODEL_DIR"]
    assert "is not set" in ask(inside, "model_dir").sentence


def test_get_model_path_with_its_debug_log(inside, root):
    good = ask(inside, "model_path", name="diabetes")
    assert good.state is CheckState.OK
    assert good.data["path"].endswith("azureml-models/diabetes/1/model.pkl")
    bad = ask(inside, "model_path", name="my-best-model")
    assert bad.state is CheckState.FAIL
    assert "Model my-best-model not found in cache" in bad.sentence
    assert "my-best-model" in bad.text
    with pytest.raises(BadInput, match="needs a name"):
        ask(inside, "model_path")


def test_init_and_run_are_called_with_time_and_memory(inside):
    answer = ask(inside, "call", sample='{"x": 14}')
    assert answer.state is CheckState.OK
    assert [step["what"] for step in answer.data["steps"]] == ["import score.py", "init()", "run(sample)"]
    assert all(step["memory_bytes"] > 1 << 20 for step in answer.data["steps"])
    assert answer.text == "{'result': 42}"


def test_init_alone_when_there_is_no_sample(inside):
    assert ask(inside, "call").sentence == "init() of score.py went well."


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import absent_module\n", "import score.py failed: ModuleNotFoundError: No module named 'absent_module'"),
        ("def init(): raise OSError('no model')\ndef run(d): pass\n", "init() failed: OSError: no model"),
        ("def init(): pass\ndef run(d): return d['x']\n", "run(sample) failed: TypeError: string indices"),
        ("def init(): pass\n", "score.py defines no run()"),
        ("def init(): pass\ndef run(d): return {1, 2}\n", "not serialisable as JSON"),
        (
            "def init(): raise OSError('no model\\n\\nhttps://example.com/advice')\ndef run(d): pass\n",
            "init() failed: OSError: no model",
        ),
        ("def init(): raise SystemExit(4)\ndef run(d): pass\n", "init() failed: SystemExit: 4"),
    ],
)
def test_a_script_that_fails(inside, root, script, said):
    (root / "score.py").write_text(script)
    answer = ask(inside, "call", sample='{"x": 1}')
    assert answer.state is CheckState.FAIL
    assert said in answer.sentence


def test_the_script_as_a_person_runs_it(inside, root):
    (root / "score.py").write_text("print('printed')\nraise ValueError('at import')\n")
    answer = ask(inside, "script")
    assert answer.sentence == "score.py ended with exit code 1: ValueError: at import"
    assert "printed" in answer.text


def test_what_hangs_is_ended(inside, root):
    (root / "score.py").write_text("import time\ndef init(): time.sleep(60)\ndef run(d): pass\n")
    with pytest.raises(ServiceFailed, match="did not end within 1 s"):
        ask(inside, "call", seconds=1)


def test_the_versions_a_model_was_saved_with(inside, root):
    from sklearn.linear_model import Ridge

    folder = root / "azureml-models" / "diabetes" / "1"
    joblib.dump(Ridge(), folder / "ridge.joblib", compress=3)
    pickled = pickle.dumps(Ridge().fit([[0.0], [1.0]], [0, 1])).replace(
        __import__("sklearn").__version__.encode(), b"0.9.9"
    )
    (folder / "old.pkl").write_bytes(pickled)
    answer = ask(inside, "pickles")
    facts = {file["path"]: file for file in answer.data["files"]}
    assert facts["ridge.joblib"]["sklearn"] == __import__("sklearn").__version__
    assert "sklearn.linear_model._ridge" in facts["ridge.joblib"]["modules"]
    assert facts["model.pkl"]["sklearn"] == ""


def test_secrets_of_the_environment_are_masked(inside):
    inside.variables |= {"MY_PASSWORD": "hunter2hunter2", "STORE": "https://x.blob.core.windows.net/a?sig=abcdefghijkl"}
    answer = ask(inside, "variables")
    assert "hunter2hunter2" not in str(answer.to_dict())
    assert "abcdefghijkl" not in str(answer.to_dict())
    assert any(row[0] == "MY_PASSWORD" for row in answer.table)


def test_no_probe_shows_a_secret_of_the_environment(inside, root):
    """A deployment's own variables, which its script repeats when it starts and when it is asked."""
    planted = [(text.replace("\x00", ""), secret) for text, secret, _ in SECRETS.values()]
    inside.variables |= {f"SETTING_{n}": text for n, (text, _) in enumerate(planted)}
    said = "import os\ntold = chr(10).join(os.environ.values())\nprint(told)\n"
    (root / "score.py").write_text(
        f"{said}def init(): print(told)\ndef run(data): return told\nif 'x' in told: init()\n"
    )
    given = {"name": "diabetes", "sample": '{"x": 1}', "data": '{"x": 1}'}
    answers = [ask(inside, probe, **{n: given[n] for n in PROBES[probe].takes}) for probe in PROBES]
    whole = "".join(json.dumps(answer.to_dict(), ensure_ascii=False) for answer in answers)
    assert "SETTING_30" in whole
    assert "masked" in whole
    assert sorted({secret for _, secret in planted if secret in whole}) == []


def test_unknown_probe(inside):
    with pytest.raises(BadInput, match="There is no probe “nonsense”; there are where, model_dir"):
        ask(inside, "nonsense")


def test_a_container_without_an_answer(inside):
    inside.python = "/bin/false"
    with pytest.raises(ServiceFailed, match="ended with exit code 1"):
        ask(inside, "where")
