"""An exception that the catalogue does not know still yields its name, the stage and the user's own line."""

import pytest

from amlwidgets import diagnose
from amlwidgets.causes import examine


def frames(*frames):
    lines = [f'  File "{path}", line {number}, in {function}\n    pass' for path, number, function in frames]
    return "Traceback (most recent call last):\n" + "\n".join(lines) + "\nfoo.OddError: the flux is inverted\n"


CORE = "/env/lib/python3.9/site-packages/azureml/core/"
NOTEBOOK = ("C:\\work\\deploy.py", 12, "<module>")


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        (frames(NOTEBOOK, (CORE + "model.py", 300, "register")), "register"),
        (frames(NOTEBOOK, (CORE + "webservice/aks.py", 9, "wait_for_deployment")), "start"),
        (
            frames(NOTEBOOK, (CORE + "webservice/aks.py", 9, "run"), ("/env/lib/python3.9/site-packages/x.py", 1, "f")),
            "score",
        ),
        (frames(NOTEBOOK), ""),
    ],
)
def test_stage_exception_and_own_line(text, stage):
    findings, last = examine([("log", "all is well\n" + text + "more\n")])
    assert not findings
    assert (last.exception, last.message, last.stage) == ("OddError", "the flux is inverted", stage)
    assert (last.file, last.line) == ("deploy.py", "12")
    assert last.evidence.first_line == 3


def test_report_says_it_in_every_form():
    try:
        {}["churn"]
    except KeyError as error:
        report = diagnose(error, stage="register")
    assert not report.findings
    for shown in (str(report), report._repr_markdown_(), report._repr_html_()):
        assert "The last exception is KeyError" in shown
        assert "test_unexplained.py" in shown
    assert report.to_dict()["unexplained"]["stage"] == "register"


def test_a_known_cause_needs_no_more():
    found = "ModuleNotFoundError: No module named 'flask'\n"
    assert diagnose(frames(NOTEBOOK) + found).unexplained is None


def test_healthy_text_has_none():
    assert diagnose("all is well\n").unexplained is None
