"""``amlwidgets diagnose`` in terminals and pipelines."""

import gzip
import json
import subprocess
import sys

import pytest

from amlwidgets.cli import main

MISSING = "ModuleNotFoundError: No module named 'flask'\n"
HINT = "Container has crashed. Did your init method fail?\n"


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.log"
    path.write_text(MISSING)
    return path


def test_text(log, capsys):
    assert main(["diagnose", str(log)]) == 1
    assert "flask" in capsys.readouterr().out


def test_json_has_the_agreed_shape(log, capsys):
    assert main(["diagnose", "--format", "json", str(log)]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == 1
    (item,) = data["inputs"]
    assert item["source"] == str(log)
    finding = item["findings"][0]
    assert finding.keys() >= {
        "cause", "stage", "confidence", "title", "evidence", "why", "fixes", "do_not", "explains",
    }  # fmt: skip
    assert finding["evidence"][0].keys() == {"source", "first_line", "last_line", "text"}
    assert finding["fixes"][0].keys() == {"title", "steps", "code", "automatic"}


def test_nothing_found(log, capsys):
    log.write_text("all is well\n")
    assert main(["diagnose", str(log)]) == 0


@pytest.mark.parametrize(("limit", "code"), [("0.99", 0), ("0.5", 1), ("0", 1)])
def test_fail_on(log, limit, code, capsys):
    assert main(["diagnose", "--fail-on", limit, str(log)]) == code


def test_usage_errors(log, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["diagnose", "--fail-on", "2", str(log)])
    assert stopped.value.code == 2
    assert main(["diagnose", "nosuchfile"]) == 2


@pytest.mark.parametrize("style", ["text", "json", "sarif"])
def test_what_cannot_be_read_does_not_hide_the_rest(log, style, capsys):
    damaged = log.with_name("b.log.gz")
    damaged.write_bytes(gzip.compress(MISSING.encode() * 900)[:60])
    assert main(["diagnose", "--format", style, "nosuchfile", str(damaged), str(log)]) == 2
    told = capsys.readouterr()
    assert "flask" in told.out
    assert "nosuchfile cannot be read" in told.err
    assert f"{damaged} is a damaged gzip file" in told.err


def test_table_shows_what_cannot_be_read(log, capsys):
    log.with_name("b.log.gz").write_bytes(gzip.compress(MISSING.encode() * 900)[:60])
    assert main(["diagnose", str(log.parent)]) == 2
    assert "b.log.gz  (unreadable)" in capsys.readouterr().out


def test_mistyped_slug_is_told(log, capsys):
    assert main(["diagnose", "--ignore", "missing-python-modul", str(log)]) == 2
    assert "Did you mean missing-python-module?" in capsys.readouterr().err


def test_ignore_and_configuration(log, capsys):
    assert main(["diagnose", "--ignore", "missing-python-module", str(log)]) == 0
    assert "1 silenced" in capsys.readouterr().out
    (log.parent / "pyproject.toml").write_text('[tool.amlwidgets]\nignore = ["missing-python-module"]\n')
    assert main(["diagnose", str(log)]) == 0
    (log.parent / "pyproject.toml").write_text("[tool.amlwidgets]\nignore = 3\n")
    assert main(["diagnose", str(log)]) == 2


def test_folder_with_a_table(log, capsys):
    (log.parent / "b.log.gz").write_bytes(gzip.compress(b"all is well\n"))
    assert main(["diagnose", str(log.parent)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert any(line.startswith(str(log)) and "missing-python-module" in line for line in out)
    assert any("b.log.gz" in line and line.endswith("-") for line in out)


def test_several_inputs(log, capsys):
    assert main(["diagnose", "--format", "json", str(log), str(log)]) == 1
    assert len(json.loads(capsys.readouterr().out)["inputs"]) == 2


def test_sarif(log, capsys):
    assert main(["diagnose", "--format", "sarif", str(log)]) == 1
    run = json.loads(capsys.readouterr().out)["runs"][0]
    assert run["results"][0]["ruleId"] == "missing-python-module"
    assert run["tool"]["driver"]["rules"][0]["id"] == "missing-python-module"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == 1


def test_standard_input_and_light_start(tmp_path):
    code = (
        "import sys; from amlwidgets.cli import main; rc = main(['diagnose', '--format', 'json', '-']); "
        "names = 'azureml numpy ipywidgets IPython docker plotly tomllib'.split(); "
        "heavy = [m for m in names if m in sys.modules]; "
        "print(heavy, file=sys.stderr); sys.exit(rc)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=MISSING, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["inputs"][0]["source"] == "standard input"
    assert done.stderr.strip() == "[]"
