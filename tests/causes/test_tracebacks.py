"""Tracebacks are read in every form in which people paste them."""

import json

import pytest

from amlwidgets.causes.document import Document
from amlwidgets.causes.facts import tracebacks

LITERALS = ("Traceback (most recent call", "Error: ", "line ")
PLAIN = """Traceback (most recent call last):
  File "/env/lib/python3.8/site-packages/azureml_inference_server_http/server/user_script.py", line 119, in invoke_init
    self._user_init()
  File "/var/azureml-app/score.py", line 12, in init
    model = load(path)
  File "/opt/env/lib/python3.8/site-packages/joblib/numpy_pickle.py", line 577, in load
    with open(filename, 'rb') as f:
ValueError: bad config: threshold is None
"""


def facts(text):
    return tracebacks.parse(Document.of_text(text))


def first(text):
    return facts(text)[0].fields


def check(text):
    fields = first(text)
    assert fields["exception"] == "ValueError"
    assert fields["summary"] == "bad config: threshold is None"
    assert (fields["file"], fields["line"], fields["function"]) == ("score.py", "12", "init")
    assert fields["phase"] == "init"
    assert fields["in_library"] == "yes"


def test_plain():
    check(PLAIN)
    assert first(PLAIN)["source_line"] == "model = load(path)"


def test_escaped_in_json():
    check(json.dumps({"error": {"message": PLAIN}}))


def test_escaped_twice():
    check(json.dumps({"details": json.dumps({"message": PLAIN})}))


def test_in_a_repr():
    check(f"WebserviceException({PLAIN!r})")


def test_with_a_log_prefix():
    check("\n".join(f"2021-07-09T12:00:0{i % 10}.123Z stderr F {line}" for i, line in enumerate(PLAIN.splitlines())))


def test_with_colours():
    check(PLAIN.replace("ValueError", "\x1b[31mValueError\x1b[0m").replace("File", "\x1b[1mFile\x1b[22m"))


def test_without_indentation():
    check("\n".join(line.lstrip() for line in PLAIN.splitlines()))


def test_windows_line_ends():
    check(PLAIN.replace("\n", "\r\n"))


def test_cut_at_the_start():
    check("\n".join(PLAIN.splitlines()[1:]))


def test_cut_at_the_end():
    fields = first("\n".join(PLAIN.splitlines()[:-1]))
    assert "exception" not in fields
    assert fields["file"] == "score.py"


def test_windows_paths():
    text = (
        'Traceback (most recent call last):\n  File "C:\\notebooks\\new\\score.py", line 3, in init\n    x()\n'
        '  File "C:\\Python37\\lib\\site-packages\\requests\\models.py", line 940, in raise_for_status\n    raise e\n'
        "OSError: nothing\n"
    )
    fields = first(text)
    assert fields["file"] == "score.py"
    assert fields["path"] == "C:\\notebooks\\new\\score.py"
    assert fields["exception"] == "OSError"


def test_escaped_windows_paths():
    text = json.dumps(
        'Traceback (most recent call last):\n  File "C:\\work\\score.py", line 3, in init\nOSError: nothing\n'
    )
    assert first(text)["file"] == "score.py"
    assert first(text)["exception"] == "OSError"


def test_chain_keeps_root_and_outer():
    text = (
        "Traceback (most recent call last):\n"
        '  File "/var/azureml-app/score.py", line 3, in run\n    return 1 / 0\n'
        "ZeroDivisionError: division by zero\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/x/site-packages/azureml_inference_server_http/server/user_script.py", line 139, in invoke_run\n'
        "    raise UserScriptException(ex) from ex\n"
        "azureml_inference_server_http.server.user_script.UserScriptException: Caught an unhandled exception\n"
    )
    root, outer = facts(text)
    assert (root.fields["chain"], outer.fields["chain"]) == ("root", "outer")
    assert root.fields["outer"] == "UserScriptException"
    assert root.fields["phase"] == "run"


def test_syntax_error_names_the_users_line():
    text = (
        "Traceback (most recent call last):\n"
        '  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed\n'
        "  File \"/var/azureml-app/score.py\", line 1\n    def init()\n              ^\nSyntaxError: expected ':'\n"
    )
    assert first(text)["line"] == "1"
    assert first(text)["exception"] == "SyntaxError"


def test_message_of_azureml_follows_its_name():
    text = (
        "Traceback (most recent call last):\n"
        '  File "/var/azureml-app/score.py", line 5, in init\n    f()\n'
        "azureml.exceptions._azureml_exception.ModelNotFoundException: ModelNotFoundException:\n"
        "\tMessage: Model x not found in cache\n\tInnerException None\n"
    )
    assert first(text)["exception"] == "ModelNotFoundException"
    assert first(text)["summary"] == "Model x not found in cache"


@pytest.mark.parametrize(
    "line",
    [
        "ModuleNotFoundError: No module named 'x'",
        "E   ModuleNotFoundError: No module named 'x'",
        "2021-01-01 12:00:00,1 | root | ERROR | ModuleNotFoundError: No module named 'x'",
        "pod-abc [azureml] ModuleNotFoundError: No module named 'x'",
    ],
)
def test_exception_without_frames(line):
    assert first(line)["exception"] == "ModuleNotFoundError"


@pytest.mark.parametrize(
    "line", ["Error: ", "no Error: here.", "SomethingError", "see KeyError: in the manual of x, line 3"]
)
def test_prose_does_not_crash(line):
    facts(line)


def test_older_servers_import_the_script_while_they_boot():
    text = (
        "Traceback (most recent call last):\n"
        '  File "/env/lib/python3.6/site-packages/gunicorn/workers/base.py", line 129, in init_process\n    self.load_wsgi()\n'
        '  File "/var/azureml-server/wsgi.py", line 1, in <module>\n    import create_app\n'
        '  File "/var/azureml-app/score.py", line 22, in <module>\n    x = y\n'
        "NameError: name 'y' is not defined\n"
    )
    assert first(text)["phase"] == "import"
    assert (first(text)["file"], first(text)["line"]) == ("score.py", "22")
