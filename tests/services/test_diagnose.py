"""diagnose() takes whatever a user has at hand."""

import gzip
import json
from pathlib import Path

import pytest

import amlwidgets
from amlwidgets.errors import BadInput
from amlwidgets.services.diagnose import diagnose

MISSING = "ModuleNotFoundError: No module named 'flask'\n"
CRASH = '{"code": "AciDeploymentFailed", "message": "Your container application crashed."}'
MODEL = (
    'Traceback (most recent call last):\n  File "/var/azureml-app/score.py", line 5, in init\n'
    '    model = joblib.load(Model.get_model_path(model_name="my-best-model"))\n'
    "azureml.exceptions._azureml_exception.ModelNotFoundException: ModelNotFoundException:\n"
    "\tMessage: Model my-best-model not found in cache at azureml-models or in current working directory /app.\n"
)


class Webservice:
    name = "mysvc"
    state = "Failed"
    error = {"code": "AciDeploymentFailed", "message": "Your container application crashed."}  # noqa: RUF012

    def get_logs(self, num_lines=5000, init=False):
        return MISSING


class BrokenWebservice(Webservice):
    @property
    def error(self):
        raise ConnectionError("down")

    def get_logs(self, num_lines=5000, init=False):
        raise RuntimeError("no log")


class Image:
    name = "myimg"
    creation_state = "Failed"
    image_build_log_uri = "ERROR: No matching distribution found for idna==99.9"


def cause(source, **more):
    report = diagnose(source, **more)
    return report.top.cause if report.top else None


def test_text():
    assert cause(MISSING) == "missing-python-module"
    assert amlwidgets.diagnose(MISSING).to_dict()["schema"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_files_in_every_encoding(tmp_path, encoding):
    path = tmp_path / "log.txt"
    path.write_bytes(("Größe geändert\n" + MISSING).encode(encoding))
    report = diagnose(path)
    assert report.top.cause == "missing-python-module"
    assert report.top.evidence[0].source == "log.txt"
    assert report.top.evidence[0].first_line == 2


def test_gzip(tmp_path):
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(MISSING.encode()))
    assert cause(path) == "missing-python-module"


def test_damaged_gzip(tmp_path):
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(MISSING.encode())[:20])
    with pytest.raises(BadInput, match="damaged"):
        diagnose(path)


def test_missing_file(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        diagnose(tmp_path / "none")


def test_unknown_object():
    with pytest.raises(BadInput, match="int cannot be diagnosed"):
        diagnose(3)


def test_exception_with_its_chain():
    error = RuntimeError("deployment failed")
    error.__cause__ = ModuleNotFoundError("No module named 'flask'")
    assert cause(error) == "missing-python-module"


def test_exception_whose_text_fails():
    class Bad(Exception):
        def __str__(self):
            raise ValueError

    assert diagnose(Bad()).findings == ()


def test_webservice():
    report = diagnose(Webservice())
    assert report.top.cause == "missing-python-module"
    assert report.top.explains == ("container-crash-unspecified",)
    assert {e.source for e in report.top.evidence} == {"container log of mysvc", "error of mysvc"}


def test_webservice_that_does_not_answer():
    assert diagnose(BrokenWebservice()).sources[0] == "state of mysvc"


def test_image():
    report = diagnose(Image())
    assert report.top.cause == "pip-package-not-found"
    assert report.top.explains == ("image-build-failed-unspecified",)


def test_several_sources_give_one_report():
    report = diagnose([("error", CRASH), ("log", MISSING), ("log", "fine")])
    assert report.sources == ("error", "log", "log (2)")
    assert [f.cause for f in report.findings] == ["missing-python-module"]
    assert {e.source for e in report.top.evidence} == {"error", "log"}


def test_symptom_alone_says_what_to_fetch():
    report = diagnose(CRASH)
    assert report.top.cause == "container-crash-unspecified"
    assert "get_logs" in report.top.fixes[0].code


def test_context_names_the_model_and_the_replacement():
    top = diagnose(MODEL, context={"models": "diabetes:1"}).top
    assert top.title == "score.py asks for a model named “my-best-model”, but this service has “diabetes”"
    fix = top.fixes[0]
    assert fix.apply == "replace-text"
    assert fix.arguments == {"file": "score.py", "line": "5", "old": "my-best-model", "new": "diabetes"}
    assert any("get_model_path" in e.text for e in top.evidence)


def test_without_context_nothing_is_guessed():
    top = diagnose(MODEL).top
    assert "does not have" in top.title
    assert not any(fix.automatic for fix in top.fixes)


def test_stage_tells_when_the_text_does_not():
    text = 'Traceback (most recent call last):\n  File "/home/me/score.py", line 9, in load\n    x()\nValueError: no\n'
    assert cause(text) is None
    assert cause(text, stage="start") == "init-exception"
    assert cause(text, stage="score") == "run-exception"


def test_secrets_never_reach_a_report():
    text = "FileNotFoundError: [Errno 2] No such file or directory: 'azureml-models/m?sig=abcdef123456'\n"
    assert "abcdef123456" not in str(diagnose(text).to_dict()) + str(diagnose(text))


def test_silenced_causes_are_counted():
    report = diagnose(MISSING, ignore=["missing-python-module"])
    assert report.findings == ()
    assert report.silenced == ("missing-python-module",)
    assert diagnose("# amlwidgets: ignore missing-python-module\n" + MISSING).silenced == ("missing-python-module",)


def test_report_shows_itself():
    report = diagnose(
        "  File \"/x/score.py\", line 2, in init\nModuleNotFoundError: No module named '<script>'\n" + MISSING
    )
    assert "flask" in str(report)
    assert "<script>" not in report._repr_html_()
    assert "```" in report._repr_markdown_()
    assert str(diagnose("all is well")) == "No known cause of a failure was found."


def test_entry_script_silences(tmp_path, monkeypatch):
    (tmp_path / "score.py").write_text("import flask  # amlwidgets: ignore missing-python-module\n")
    monkeypatch.chdir(tmp_path)
    assert diagnose(MISSING, context={"entry_script": "score.py"}).silenced == ("missing-python-module",)
    frame = 'Traceback (most recent call last):\n  File "/var/azureml-app/score.py", line 1, in <module>\n    import flask\n'
    assert diagnose(frame + MISSING).silenced == ("missing-python-module",)
    assert diagnose(MISSING).top.cause == "missing-python-module"


def test_entry_script_of_another_folder_silences(tmp_path):
    (tmp_path / "score.py").write_text("# amlwidgets: ignore worker-timeout, missing-python-module\n")
    context = {"entry_script": "score.py", "folder": str(tmp_path)}
    report = diagnose(MISSING, context=context)
    assert report.findings == ()
    assert "1 silenced: missing-python-module" in str(report)


def test_pyproject_silences(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[tool.amlwidgets]\nignore = ["missing-python-module"]\n')
    monkeypatch.chdir(tmp_path)
    assert diagnose(MISSING).silenced == ("missing-python-module",)


def test_a_big_file_is_masked_and_numbered(tmp_path):
    path = tmp_path / "big.log.gz"
    secret = "password=hunter2secret\n"
    text = "all is well\n" * 100_000 + secret + MISSING + "all is well\n" * 100_000
    path.write_bytes(gzip.compress(text.encode("utf-16")))
    (finding,) = diagnose(path).findings
    assert finding.evidence[0].first_line == 100_002
    secret_log = (
        "FileNotFoundError: [Errno 2] No such file or directory: '/azureml-app/azureml-models/m?sig=abcdef123456'\n"
    )
    path.write_bytes(gzip.compress(("all is well\n" * 100_000 + secret_log).encode()))
    report = diagnose(path)
    assert report.top.cause == "model-path-not-found"
    assert "abcdef123456" not in str(report.to_dict())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_memory_stays_flat(tmp_path):
    """The peak of a whole process, for a file of 200 MB."""
    import subprocess
    import sys

    path = tmp_path / "big.log"
    with path.open("wb") as file:
        for _ in range(200):
            file.write(b"2026-11-21 04:15:46,509 I [1] azmlinfsrv - POST /score 200 0.695ms 4\n" * 14_500)
        file.write(MISSING.encode())
    code = (
        "import re, sys; from pathlib import Path; from amlwidgets.services.diagnose import diagnose; "
        "top = diagnose(Path(sys.argv[1])).top; "
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]; "
        "print(top.cause, top.evidence[0].first_line, int(peak) // 1024)"
    )
    cause, line, peak = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    ).stdout.split()
    assert (cause, int(line)) == ("missing-python-module", 200 * 14_500 + 1)
    assert int(peak) < 120


def test_run_of_the_wizard():
    from types import SimpleNamespace

    from amlwidgets.core.logbuffer import LogBuffer
    from amlwidgets.core.stages import Stage

    log = LogBuffer("container log")
    log.append(MISSING)
    run = SimpleNamespace(logs={Stage.START: log}, records={Stage.START: SimpleNamespace(error=CRASH)})
    report = diagnose(run)
    assert report.top.cause == "missing-python-module"
    assert report.sources == ("container log", "error of start")


INTERNAL = 'Create image "myimage": An internal server error occurred. Please try again. If the problem persists, contact support.\n'
MINE, OTHER = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
SHOWN = '{{"properties": {{"accessPolicies": [{{"objectId": "{}", "permissions": {{}}}}]}}}}'
WORKSPACE = f'{{"identity": {{"principal_id": "{MINE}", "type": "SystemAssigned"}}}}'


@pytest.mark.parametrize(
    ("more", "context", "expected"),
    [
        ([], {}, "service-internal-error"),
        ([("az", SHOWN.format(OTHER)), ("ws", WORKSPACE)], {}, "key-vault-policy-wiped"),
        ([("az", '{"properties": {"accessPolicies": []}}')], {}, "key-vault-policy-wiped"),
        ([("az", SHOWN.format(MINE)), ("ws", WORKSPACE)], {}, "service-internal-error"),
        ([("az", SHOWN.format(OTHER))], {}, "service-internal-error"),
        ([], {"workspace_identity": MINE, "vault_policies": OTHER}, "key-vault-policy-wiped"),
        ([], {"workspace_identity": MINE, "vault_policies": f"{OTHER}, {MINE}"}, "service-internal-error"),
        ([], {"workspace_identity": MINE, "vault_policies": ""}, "key-vault-policy-wiped"),
    ],
)
def test_internal_error_and_what_was_seen_of_the_vault(more, context, expected):
    assert cause([("error", INTERNAL), *more], context=context) == expected


def test_evidence_is_what_the_sdk_says():
    first = diagnose(MODEL).top.evidence[0]
    assert first.text.startswith("\tMessage: Model my-best-model not found") or "Message: Model" in first.text
    assert first.first_line == 5


SYMPTOMS = {
    "container-crash-unspecified": "get_logs", "probe-failed": "get_logs", "deployment-timed-out": "get_logs",
    "bad-gateway-502": "get_logs", "model-error-424": "get_logs", "no-ready-replicas": "get_logs",
    "image-build-failed-unspecified": "image_build_log_uri", "service-internal-error": "az keyvault show",
}  # fmt: skip


@pytest.mark.parametrize(("slug", "code"), SYMPTOMS.items())
def test_a_symptom_says_which_log_to_fetch_next(slug, code):
    from amlwidgets.causes.loader import read_files

    (example,) = (c["example"][0]["text"] for n, c in read_files()["causes"].items() if n.endswith(f"/{slug}"))
    top = diagnose(example).top
    assert top.cause == slug
    assert any(code in fix.code for fix in top.fixes), [fix.code for fix in top.fixes]


def test_a_stage_that_does_not_exist_is_refused():
    with pytest.raises(BadInput, match="no stage 'nonsense'; the stages are preflight, register"):
        diagnose("text", stage="nonsense")


def test_ten_thousand_findings_stay_a_text_that_can_be_kept():
    import dataclasses

    from amlwidgets.core.findings import Report
    from amlwidgets.widgets.findings_view import FindingsView

    top = diagnose(MISSING).top
    report = Report(tuple(dataclasses.replace(top, title=f"number {n} ``` <b>") for n in range(10_000)))
    for text in (str(report), report._repr_html_(), report._repr_markdown_()):
        assert len(text) < 150_000
        assert "And 9,950 more" in text
    assert "<b>number" not in report._repr_html_()
    assert len(report.to_dict()["findings"]) == 10_000, "for programs, all of them"
    assert len(json.dumps(FindingsView(report).get_state(), default=str)) < 50_000
