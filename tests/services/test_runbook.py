"""Runbooks: of a real failed run, run again after the fix; of a diagnosis; what they hold and what they do not."""

import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import papermill
import pytest
from IPython.core.interactiveshell import InteractiveShell
from markdown_it import MarkdownIt

from amlwidgets import diagnose
from amlwidgets.cli import main
from amlwidgets.core.findings import Evidence, Finding, Fix, Report
from amlwidgets.core.report_text import markdown
from amlwidgets.core.stages import Stage
from amlwidgets.errors import BadInput
from amlwidgets.sandbox.gallery import find
from amlwidgets.services import runbook, runbook_command, runbook_run
from amlwidgets.services.runbook import KEY
from amlwidgets.services.runbook_script import of_script

FAILURE = "pip-no-such-version"
SECRET = "sig=abcdefghijklmnop"
BAD = "def init():\n    raise ValueError('threshold is None')\n\n\ndef run(data):\n    return 1\n"


def texts(book):
    return "\n".join(cell.source for cell in book.cells)


@pytest.mark.sandbox
@pytest.mark.network
@pytest.mark.timeout(400)
def test_a_failed_run_becomes_a_runbook_that_runs_again(deploy, tmp_path, sandbox_home, monkeypatch):
    monkeypatch.setenv("AMLWIDGETS_SANDBOX_HOME", str(sandbox_home))
    good = (tmp_path / "score.py").read_text()
    (tmp_path / "score.py").write_text(BAD)
    run = deploy(sample=json.dumps({"data": [[1, 2]], "link": f"https://x.blob.core.windows.net/a?{SECRET}"}))
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(350)
    assert run.failed_stage == Stage.START
    done = subprocess.run(
        [sys.executable, "-m", "amlwidgets.cli", "runbook", "-o", "run.ipynb"], cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    book = nbformat.read(tmp_path / "run.ipynb", as_version=4)
    nbformat.validate(book)
    said = texts(book)
    assert "failed at Start" in said
    assert "threshold is None" in said
    assert "init-exception" in said
    assert SECRET not in said
    assert (tmp_path / "run.ipynb").stat().st_size < 30_000
    assert next(c.metadata["tags"] for c in book.cells if "tags" in c.metadata) == ["parameters"]
    assert "Model.register(workspace=ws, model_path=model_path, model_name=model_name)" in said

    results = {r.stage: r for r in runbook_run.run_again(book, tmp_path)}
    assert [r.now for r in results.values()] == ["done", "done", "done", "failed", "not reached"]
    assert not any(r.differs for r in results.values())
    assert "polling reached non-successful terminal state" in results["start"].error

    (tmp_path / "score.py").write_text(good)
    again = subprocess.run(
        [sys.executable, "-m", "amlwidgets.cli", "runbook", "--run", "run.ipynb"], cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 1, again.stdout + again.stderr
    assert "start     failed   done  differs:" in again.stdout


@pytest.mark.sandbox
def test_a_failure_of_the_gallery_becomes_a_runbook_that_provokes_it_again(sandbox_home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AMLWIDGETS_SANDBOX_HOME", str(sandbox_home))
    monkeypatch.chdir(tmp_path)
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "amlwidgets")
    shell.run_line_magic("aml", f"gallery {FAILURE}")
    shell.run_line_magic("aml", "runbook")
    capsys.readouterr()
    path = tmp_path / f"runbook-{FAILURE}.ipynb"
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert book.cells[1].metadata["tags"] == ["parameters"]
    assert path.stat().st_size < 15_000
    assert find(FAILURE).cause in texts(book)
    (stage,) = runbook_run.run_again(book, tmp_path)
    assert (stage.before, stage.now, stage.differs) == ("failed", "failed", False)
    mended = copy.deepcopy(book)
    next(c for c in mended.cells if KEY in c.metadata).source = "print('mended')"
    (stage,) = runbook_run.run_again(mended, tmp_path)
    assert stage.differs


def test_papermill_finds_the_parameters_and_sets_them(tmp_path):
    book = of_script(diagnose("x"), "1 / 0", {"a b/ä.txt": "%x\n"}, title="t", story="s", stage="start", seconds=1)
    runbook.save(book, tmp_path / "in.ipynb")
    assert list(papermill.inspect_notebook(tmp_path / "in.ipynb")) == ["folder"]
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(
        tmp_path / "in.ipynb", out, parameters={"folder": "/mine"}, prepare_only=True, progress_bar=False
    )
    cells = nbformat.read(out, as_version=4).cells
    injected = next(n for n, cell in enumerate(cells) if "injected-parameters" in cell.metadata.get("tags", []))
    assert 'folder = "/mine"' in cells[injected].source
    assert "parameters" in cells[injected - 1].metadata["tags"]


def test_a_diagnosis_becomes_a_runbook(tmp_path):
    report = diagnose("ModuleNotFoundError: No module named 'tabulate_me'\n")
    path = runbook.save(runbook.of_report(report, "A <b>title</b>"), tmp_path / "d.ipynb")
    assert "missing-python-module" in texts(nbformat.read(path, as_version=4))
    assert "No known cause of a failure was found" in texts(runbook.of_report(diagnose("all is well"), "Nothing"))


def test_an_exception_without_a_known_cause_is_in_the_runbook_of_its_log():
    log = "Traceback (most recent call last):\n  File \"/var/azureml-app/score.py\", line 3, in <module>\n    import evil\nModuleNotFoundError: No module named '<b>7'\n"
    said = texts(runbook.of_report(diagnose(log)))
    assert (
        "The last exception is ModuleNotFoundError: No module named '&lt;b>7'. It arose in line 3 of score.py." in said
    )
    assert "may read the forum" in said


def test_somebodys_own_notebook_is_not_replaced(tmp_path):
    mine, book = tmp_path / "mine.ipynb", runbook.of_report(diagnose("x"))
    nbformat.write(nbformat.v4.new_notebook(), mine)
    before = mine.read_bytes()
    with pytest.raises(BadInput, match="is there already"):
        runbook.save(book, mine)
    assert mine.read_bytes() == before
    runbook.save(book, tmp_path / "ours.ipynb")
    assert runbook.save(book, tmp_path / "ours.ipynb").is_file()


def test_what_cannot_be_made_or_run_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AMLWIDGETS_HOME", str(tmp_path / "home"))
    with pytest.raises(BadInput, match=r"There is no file absent\.log"):
        runbook_command.write("absent.log")
    path = runbook.save(runbook.of_report(diagnose("x")), tmp_path / "d.ipynb")
    assert main(["runbook", "--run", str(path)]) == 2
    assert "nothing in it runs" in capsys.readouterr().err


def test_nothing_is_fetched_where_a_text_of_a_service_is_shown():
    """A picture would tell its owner who opened the runbook."""
    picture = "![x](https://evil.example/x.png) <img src=x> ````"
    fix = Fix(picture, steps=(picture,), code=picture)
    evidence = Evidence(picture, 1, 1, picture)
    report = Report((Finding("slug", "start", picture, 0.9, (evidence,), picture, (fix,), do_not=picture),), (picture,))
    shown = [markdown(report), *(cell.source for cell in runbook.of_report(report, picture).cells)]
    for text in shown:
        tokens = [t for token in MarkdownIt().parse(text) for t in (token, *(token.children or ()))]
        assert not {"image", "link_open", "html_inline", "html_block"} & {token.type for token in tokens}


def test_nothing_of_a_log_steers_a_terminal_or_reverses_a_line(tmp_path):
    hostile = "ValueError: bad\rgood \x9b2J\u202egnp\x08 \x1bPq"
    report = diagnose(f'Traceback (most recent call last):\n  File "score.py", line 2, in init\n    x\n{hostile}\n')
    assert report.top is not None
    path = runbook.save(runbook.of_report(report), tmp_path / "r.ipynb")
    for said in (str(report), markdown(report), texts(nbformat.read(path, as_version=4))):
        assert "bad" in said
        assert not set("\r\x9b\u202e\x08\x1b") & set(said)


@pytest.mark.parametrize(
    "mark", ["x", {"stage": "start"}, {"stage": "\x1b]0;x", "state": "done", "seconds": 1}, {"stage": ["a"]}]
)
def test_a_runbook_that_somebody_spoiled_is_refused(tmp_path, mark):
    book = of_script(diagnose("x"), "1 / 0", {}, title="t", story="s", stage="start", seconds=1)
    next(cell for cell in book.cells if KEY in cell.metadata).metadata[KEY] = mark
    nbformat.write(book, tmp_path / "r.ipynb")
    with pytest.raises(BadInput, match="what no runbook says"):
        runbook_run.load(tmp_path / "r.ipynb")


def test_texts_of_services_stay_texts():
    hostile = "ValueError: ``` </code> <script>alert(1)</script> | x\n"
    book = runbook.of_report(
        diagnose(f'Traceback (most recent call last):\n  File "score.py", line 2, in init\n{hostile}')
    )
    for cell in book.cells:
        outside = list(cell.source.split("````")[::2])
        assert all("<script>" not in part for part in outside)


def test_bad_input(tmp_path):
    with pytest.raises(BadInput, match="is no notebook"):
        runbook.save(runbook.of_report(diagnose("x")), tmp_path / "x.txt")
    (tmp_path / "x.ipynb").write_text("{}")
    with pytest.raises(BadInput, match="no notebook that can be read|no runbook of amlwidgets"):
        runbook_run.load(tmp_path / "x.ipynb")
    with pytest.raises(BadInput, match="cannot be written"):
        runbook.save(runbook.of_report(diagnose("x")), tmp_path / "absent" / "x.ipynb")


LOOK = """
import json
from pathlib import Path
from ipykernel.connect import get_connection_info
info = get_connection_info(unpack=True)
folder = Path(info["ip"]).parent
mode = folder.stat().st_mode & 0o777 if folder.is_absolute() else None
Path("seen.json").write_text(json.dumps([info["transport"], str(folder), mode]))
"""


def test_nobody_else_of_this_machine_reaches_the_kernel_of_a_runbook_and_it_warns_of_nothing(tmp_path, capfd):
    cell = nbformat.v4.new_code_cell(LOOK)
    cell.metadata[KEY] = {"stage": "preflight", "state": "done", "seconds": 1.0}
    book = nbformat.v4.new_notebook(cells=[cell], metadata={KEY: {}})
    (result,) = runbook_run.run_again(book, tmp_path)
    assert result.now == "done", result.error
    transport, folder, mode = json.loads((tmp_path / "seen.json").read_text())
    assert (transport, mode) == ("ipc", 0o700)
    assert not Path(folder).exists(), "its sockets are removed"
    assert "TCP" not in capfd.readouterr().err


@pytest.mark.parametrize(("short", "transport"), [("/tmp", "ipc"), ("/absent", "tcp")])
def test_where_the_name_of_a_socket_would_be_too_long_another_place_is_taken_or_it_is_said(
    tmp_path, monkeypatch, capfd, short, transport
):
    with tempfile.TemporaryDirectory(dir="/tmp") as top, monkeypatch.context() as patched:
        deep = Path(top, "ü" * 35)  # 70 bytes
        deep.mkdir()
        patched.setattr(tempfile, "tempdir", str(deep))
        patched.setattr(runbook_run, "_SHORT_PLACE", short)
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LOOK)], metadata={KEY: {}})
        assert runbook_run.run_again(book, tmp_path) == []
    assert json.loads((tmp_path / "seen.json").read_text())[0] == transport
    assert ("ports of this machine" in capfd.readouterr().err) == (transport == "tcp")
