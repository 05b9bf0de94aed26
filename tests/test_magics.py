import subprocess
import sys
import textwrap

import pytest


def ipython(code, cwd, **env):
    """Run cells in a fresh IPython; returns what it printed."""
    import os

    program = "from IPython.core.interactiveshell import InteractiveShell\nip = InteractiveShell.instance()\n"
    for cell in code:
        program += f"ip.run_cell({textwrap.dedent(cell)!r})\n"
    clean = {k: v for k, v in os.environ.items() if k != "AMLWIDGETS_SANDBOX"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env=clean | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_help_and_unknown_words(tmp_path):
    out = ipython(["%load_ext amlwidgets", "%aml help", "%aml fly"], tmp_path)
    assert "%aml explain [NAME]" in out
    assert "There is no “%aml fly”. %aml help lists what there is. [unknown-command]" in out
    assert "Traceback" not in out


def test_an_apostrophe_and_no_run_yet(tmp_path):
    out = ipython(["%load_ext amlwidgets", "%aml explain it's", "%aml runbook", "%aml?"], tmp_path)
    assert "Traceback" not in out
    assert "There is no variable and no file “it's”." in out
    assert "The journal has no run yet." in out
    assert "why the last cell failed" in out, "%aml? is the help"


def test_the_replica_calculator(tmp_path):
    cells = ["%load_ext amlwidgets", "found = %aml replicas rps=20 seconds=10 traffic=steady max_replicas=290", "print(found.to_text())",
             "%aml replicas rps=-3", "%aml replicas nothing"]  # fmt: skip
    out = ipython(cells, tmp_path)
    assert "286  replicas by the guides' formula" in out
    assert "Requests (rps) has to be a number from 0.01 to 20,000, not -3." in out
    assert "Traceback" not in out


def test_explain_of_nothing_and_of_a_text(tmp_path):
    cells = [
        "%load_ext amlwidgets",
        "%aml explain",
        "log = \"ModuleNotFoundError: No module named 'flask'\"",
        "%aml explain log",
    ]
    out = ipython(cells, tmp_path)
    assert "No cell has failed in this kernel yet." in out


@pytest.mark.parametrize(("auto", "shown"), [("on", True), ("off", False)])
def test_the_finding_below_the_traceback_of_an_azureml_cell(tmp_path, auto, shown):
    cells = [
        "%load_ext amlwidgets",
        f"%aml auto {auto}",
        "from azureml.core import Workspace\nWorkspace.from_config()",
        "1 / 0",
    ]
    out = ipython(cells, tmp_path, AZUREML_CURRENT_CLOUD="AzureCloud")
    assert "UserErrorException" in out, "the traceback is shown as usual"
    assert ("workspace-config-missing" in out) == shown
    assert out.count("FindingsView") <= 1, "a cell that has nothing to do with Azure ML is left alone"


def test_unload_takes_everything_away(tmp_path):
    out = ipython(["%load_ext amlwidgets", "%unload_ext amlwidgets", "%aml help"], tmp_path)
    assert "UsageError: Line magic function `%aml` not found." in out


def test_without_azureml_core_the_wizard_says_how_to_get_it(tmp_path):
    cells = [
        "import sys\nfor name in ('azureml', 'azureml.core'): sys.modules[name] = None  # as if it were not installed",
        "%load_ext amlwidgets",
        "w = get_ipython().run_line_magic('aml', 'wizard model_path=x')",
        "w.deployment.start(*['preflight'] * 2) if False else None",
        "from amlwidgets.core.stages import Stage\nw.deployment.start(Stage.PREFLIGHT, Stage.PREFLIGHT)\nw.deployment.wait(30)",
        "print(w.deployment.records[Stage.PREFLIGHT].checks[-1])",
    ]
    out = ipython(cells, tmp_path, AMLWIDGETS_HOME=str(tmp_path))
    assert "azureml-core cannot be imported in this kernel" in out
    assert "%pip install azureml-core" in out


@pytest.mark.sandbox
def test_the_sandbox_is_switched_on_and_off_and_never_mixed(tmp_path, sandbox_home):
    cells = [
        "import os, pathlib\nbefore = dict(os.environ)",
        "%load_ext amlwidgets",
        "%aml sandbox on",
        "from azureml.core import Workspace\nprint('inside:', Workspace.from_config().name)",
        "%aml sandbox off",
        "print('undone:', dict(os.environ) == before, list(pathlib.Path('.').iterdir()))",
        "%aml sandbox status",
    ]
    out = ipython(cells, tmp_path, AMLWIDGETS_SANDBOX_HOME=str(sandbox_home))
    assert "inside: sandbox" in out
    assert "undone: True []" in out
    assert "this kernel is not in it" in out


@pytest.mark.sandbox
def test_a_sandbox_that_is_gone_is_said_and_nothing_is_lost(tmp_path, sandbox_home):
    (tmp_path / "score.py").write_text("def init(): pass\ndef run(data): return 1\n")
    (tmp_path / "env.yml").write_text("dependencies:\n  - pip:\n      - azureml-defaults\n")
    (tmp_path / "m.pkl").write_text("x")
    cells = [
        "%load_ext amlwidgets",
        "%aml sandbox on",
        "from amlwidgets import sandbox, DeployWizard\nfrom amlwidgets.core.stages import Stage\nw = DeployWizard(service_name='svc')",
        "w.deployment.start(Stage.PREFLIGHT, Stage.REGISTER); w.deployment.wait(60)",
        f"sandbox.stop({str(sandbox_home)!r})",
        "w.deployment.start(Stage.REGISTER, Stage.REGISTER); w.deployment.wait(120)",
        "print('said:', w.deployment.records[Stage.REGISTER].error[:300])",
        "w2 = DeployWizard(); w2.deployment.start(Stage.PREFLIGHT, Stage.PREFLIGHT); w2.deployment.wait(120)",
        "print('checked:', w2.deployment.records[Stage.PREFLIGHT].checks[-1])",
        "%aml sandbox on",
        f"sandbox.start({str(sandbox_home)!r})\nw.deployment.start(Stage.REGISTER, Stage.REGISTER); w.deployment.wait(60)",
        "print('again:', w.deployment.records[Stage.REGISTER].note)",
    ]
    out = ipython(cells, tmp_path, AMLWIDGETS_SANDBOX_HOME=str(sandbox_home), AMLWIDGETS_HOME=str(tmp_path / "j"))
    assert "again: m:2" in out, out
    assert "sandbox does not answer" in out, out
    assert "%aml sandbox on" in out
