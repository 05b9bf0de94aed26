"""Thirty kinds of secrets through every path: nothing that is written, shown or sent holds one."""

import io
import json
import os
import sqlite3
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest

import amlwidgets
from amlwidgets import diagnose, errors
from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.core.stages import Stage
from amlwidgets.errors import AmlWidgetsError
from amlwidgets.services import runbook
from amlwidgets.services.defaults import guess_spec
from amlwidgets.services.deploy_run import DeployRun
from amlwidgets.services.journal import Journal
from amlwidgets.services.local import request
from amlwidgets.services.log_pick import source_of
from amlwidgets.widgets.findings_view import FindingsView

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "core"))
from test_masking import SECRETS

PLANTED = [(text, secret) for text, secret, _ in SECRETS.values()]
LINES = "".join(f"2026-11-21 10:00:00 INFO {text}\n" for text, _ in PLANTED)
CRASH = f"""{LINES}Traceback (most recent call last):
  File "/var/azureml-app/score.py", line 3, in init
    import lightgbm
ModuleNotFoundError: No module named 'lightgbm'
{LINES}"""


def found_in(*texts):
    """Return the secrets that stand in any of the texts."""
    whole = "\n".join(texts)
    return sorted({secret for _, secret in PLANTED if secret in whole})


def files_of(folder):
    return [p.read_bytes().decode("utf-8", "replace") for p in folder.rglob("*") if p.is_file()]


def command(*arguments, text=None, **more):
    done = subprocess.run(
        [sys.executable, "-m", "amlwidgets.cli", *arguments], input=text, capture_output=True, text=True, check=False, **more
    )  # fmt: skip
    return done.stdout + done.stderr


def test_the_planted_ones_are_found_where_they_are():
    assert len(found_in(LINES)) == len({secret for _, secret in PLANTED}) >= 25
    assert len(SECRETS) >= 30


@pytest.mark.parametrize("kind", ["text", "bytes", "file", "gzip", "lines", "merged"])
def test_sources_of_logs(kind, tmp_path):
    import gzip

    (tmp_path / "a.log").write_text(CRASH)
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(CRASH.encode()))
    given = {
        "text": CRASH, "bytes": CRASH.encode(), "file": tmp_path / "a.log", "gzip": tmp_path / "a.log.gz",
        "lines": iter(CRASH.splitlines(keepends=True)), "merged": {"a": CRASH, "b": CRASH},
    }[kind]  # fmt: skip
    source, log, stop = source_of(given), LogBuffer("x"), threading.Event()
    if getattr(source, "live", False):
        timer = threading.Timer(2, stop.set)
        timer.start()
    source.run(log, stop)
    assert "lightgbm" in log.text()
    assert found_in(log.text()) == []


def test_the_log_viewer_and_its_saved_state():
    viewer = amlwidgets.LogViewer(CRASH)
    said = json.dumps(viewer.get_state(), default=str) + json.dumps(viewer._repr_mimebundle_(), default=str)
    assert found_in(said) == []
    viewer.close()


class WithSecrets(Exception):
    """An exception of a service."""


def test_reports_of_every_form(tmp_path):
    (tmp_path / "crash.log").write_text(CRASH)
    for source in (CRASH, tmp_path / "crash.log", WithSecrets(CRASH), [("a", CRASH), ValueError(CRASH)]):
        report = diagnose(source)
        assert report.top is not None
        view = FindingsView(report)
        shown = [
            json.dumps(report.to_dict()),
            str(report),
            repr(report),
            report._repr_html_(),
            json.dumps(view.get_state(), default=str),
        ]
        assert found_in(*shown) == []
        book = runbook.of_report(report, f"Title {PLANTED[0][0]}", code="")
        assert found_in(nbformat.writes(book)) == []


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_the_command_line(form, tmp_path):
    (tmp_path / "crash.log").write_text(CRASH)
    assert "lightgbm" in (said := command("diagnose", "--format", form, "crash.log", cwd=tmp_path))
    assert found_in(said) == []
    assert found_in(command("diagnose", "--format", form, "-", text=CRASH)) == []


def test_the_doctor_tells_nothing_of_the_environment(tmp_path):
    variables = {f"PLANTED_{n}": text.replace("\x00", "") for n, (text, _) in enumerate(PLANTED)}
    said = command(
        "doctor", env={**os.environ, **variables, "DOCKER_HOST": "tcp://user:pa55w0rd@127.0.0.1:9"}, cwd=tmp_path
    )
    assert found_in(said) == []


def test_a_run_its_journal_its_widget_and_its_runbook(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("AMLWIDGETS_HOME", str(home))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    spec = guess_spec(
        str(work), model_path="absent.pkl", model_name="m", service_name="svc", sample=json.dumps({"data": LINES})
    )
    run = DeployRun(spec, workspace=lambda: (_ for _ in ()).throw(WithSecrets(CRASH)))
    run.start(Stage.PREFLIGHT, Stage.REGISTER)
    assert run.wait(60)
    wizard = amlwidgets.DeployWizard(
        model_path="absent.pkl", model_name="m", service_name="svc", sample=json.dumps({"data": LINES})
    )
    wizard._use(run)
    state = json.dumps(wizard.get_state(), default=str) + json.dumps(wizard._repr_mimebundle_(), default=str)
    journal = Journal()
    book = runbook.of_run(journal.load(journal.newest()), journal)
    runbook.save(book, tmp_path / "work" / "run.ipynb")
    assert found_in(state, nbformat.writes(book), *files_of(home), *files_of(work)) == []
    with sqlite3.connect(home / "journal.db") as db:
        assert db.execute("SELECT COUNT(*) FROM runs").fetchone()[0] >= 1
    wizard.close()


class Echo(BaseHTTPRequestHandler):
    """A service that fails and tells everything: what it got, its environment, in headers too."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = CRASH.encode()
        self.send_response(500)
        self.send_header("X-Debug", PLANTED[0][0])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def test_the_request_panels_exchange():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        got = request.send(
            f"http://127.0.0.1:{server.server_port}/score", "{}", headers={"Authorization": "Bearer abcDEF0123456789"}
        )
    finally:
        server.shutdown()
        server.server_close()
    assert got.status == 500
    assert found_in(repr(got), got.as_text(), json.dumps(got.explained())) == []
    assert found_in(*request.exported("http://127.0.0.1/score", "{}", service="s", needs_key=True).values()) == []
    with pytest.raises(AmlWidgetsError) as failed:
        request.send("http://user:pa55w0rd@127.0.0.1:9/score", "{}", seconds=2)
    assert found_in(str(failed.value)) == []


@pytest.mark.parametrize(
    "kind", [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, AmlWidgetsError)]
)
def test_messages_of_errors(kind):
    for text, secret in PLANTED:
        error = kind(f"It cannot be used: {text}", todo=f"Not this: {text}")
        assert secret not in f"{error} {error!r} {error.args} {error.message} {error.todo}"


def test_what_a_magic_prints(tmp_path, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.chdir(tmp_path)
    (tmp_path / "crash.log").write_text(CRASH)
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "amlwidgets")
    said = io.StringIO()
    monkeypatch.setattr(sys, "stdout", said)
    monkeypatch.setattr(sys, "stderr", said)
    shell.run_cell(f"raise ValueError({LINES!r})")
    shell.run_cell("%aml explain")
    shell.run_cell("%aml logs crash.log")
    monkeypatch.undo()
    # IPython's own traceback shows the user's own exception; what we add to it does not repeat its secrets.
    ours = said.getvalue().rpartition("ValueError")[2]
    explained = amlwidgets.explain()
    assert found_in(str(explained)) == []
    assert ours is not None
