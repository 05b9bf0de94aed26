"""The container panel as a person uses it: look, edit and reload, send, a command, the terminal."""

import json
import shutil

import pytest
from axe import grave_in_both_themes
from docker_support import missing
from lab import save_with_widgets
from loopback_registry import Registry
from private_engine import PrivateEngine
from private_engine import missing as no_private_engine
from test_resume import SETUP, write_deployment, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
DEPLOY = """\
from azureml.core import Environment, Model, Workspace
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice
ws = Workspace.from_config()
model = Model.register(ws, model_path="model.pkl", model_name="m")
env = Environment.from_conda_specification("env", "env.yml")
service = Model.deploy(ws, "debugged", [model], InferenceConfig(entry_script="score.py", environment=env),
                       AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=0.5))
service.wait_for_deployment()
"""
PASSWORD = "Pa55-of-nobody"
NO_ENGINE = "import os; os.environ['DOCKER_HOST'] = 'unix:///absent.sock'\n"
WITH_SUM = """\
import json


def init():
    pass


def run(data):
    return {"sum": sum(json.loads(data)["data"][0])}
"""


def tab(book, name):
    book.page.locator(".aml-container").get_by_role("tab", name=name, exact=True).click()


def opened(book):
    for cell in range(3):
        book.run_cell(cell)
    panel = book.page.locator(".aml-container")
    panel.locator(".aml-c-state.aml-ok").wait_for(timeout=120_000)
    return panel


def walk(book, panel, name):
    """What works with and without an engine."""
    panel.get_by_role("button", name="Folder and user").click()
    panel.locator(".aml-c-answer.aml-ok", has_text="/var/azureml-app").wait_for()
    panel.get_by_role("button", name="Compare packages").click()
    panel.locator(".aml-c-answer", has_text="this notebook has").first.wait_for()
    panel.get_by_label("Name of a model").fill("absent-model")
    panel.get_by_role("button", name="Model.get_model_path").click()
    panel.locator(".aml-c-answer.aml-fail", has_text="absent-model").wait_for()
    book.shots(f"{name}-look", ".aml-container")
    assert grave_in_both_themes(book, ".aml-container") == []

    tab(book, "Send data")
    panel.get_by_label("Body of the request").fill('{"data": [[1, 2]]}')
    panel.get_by_role("button", name="Send", exact=True).click()
    panel.locator("pre", has_text="from the service").wait_for()
    tab(book, "Edit and reload")
    panel.get_by_label("Entry script").fill(WITH_SUM)
    panel.get_by_role("button", name="Save and reload").click()
    panel.locator(".aml-c-state.aml-ok").wait_for(timeout=60_000)
    panel.get_by_role("button", name="Undo all edits").and_(book.page.locator(":enabled")).wait_for(timeout=60_000)
    book.shots(f"{name}-edit", ".aml-container")
    assert grave_in_both_themes(book, ".aml-container") == []
    tab(book, "Send data")
    panel.get_by_role("button", name="Send", exact=True).click()
    panel.locator("pre", has_text='"sum": 3').wait_for(timeout=60_000)
    assert panel.locator(".aml-c-two pre").count() == 2, "the old and the new answer stand side by side"
    panel.get_by_label("Body of the request").fill('{"other": 1}')
    panel.get_by_role("button", name="Send", exact=True).click()
    panel.locator("h4", has_text="500").wait_for()
    panel.locator(".aml-card").first.wait_for()
    panel.get_by_label("Files to send").fill("*.json")
    panel.get_by_role("button", name="Send each").click()
    panel.locator("td", has_text="one.json").wait_for()
    book.shots(f"{name}-send", ".aml-container")
    assert grave_in_both_themes(book, ".aml-container") == []

    tab(book, "Edit and reload")
    panel.get_by_role("button", name="Catch errors in run()").click()
    panel.locator("p", has_text="Take it out before production").wait_for(timeout=60_000)
    tab(book, "Send data")
    panel.get_by_role("button", name="Send", exact=True).click()
    panel.locator("pre", has_text="KeyError").first.wait_for(timeout=60_000)
    tab(book, "Terminal")
    panel.get_by_label("Command").fill("echo $AZUREML_ENTRY_SCRIPT; ls")
    panel.get_by_label("Command").press("Enter")
    panel.locator("pre", has_text="score.py").wait_for()
    book.shots(f"{name}-terminal", ".aml-container")
    assert grave_in_both_themes(book, ".aml-container") == []
    tab(book, "Log")
    panel.locator(".aml-line, .aml-log-line", has_text="azmlinfsrv").first.wait_for()
    assert book.cell_errors() == []
    assert book.problems == []


def test_without_an_engine(work, open_notebook):
    write_deployment(work)
    (work / "one.json").write_text('{"data": [[4, 5]]}')
    book = open_notebook(write_notebook(work, NO_ENGINE + SETUP, DEPLOY, "%aml local debugged"))
    panel = opened(book)
    assert "made of processes" in panel.locator(".aml-c-note").inner_text()
    walk(book, panel, "panel-processes")
    saved = book.save() if hasattr(book, "save") else None
    assert saved is None or len(json.dumps(saved)) < 200_000


@pytest.mark.docker
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_with_an_engine(work, open_notebook):
    write_deployment(work)
    (work / "one.json").write_text('{"data": [[4, 5]]}')
    book = open_notebook(write_notebook(work, SETUP, DEPLOY, "%aml local debugged"))
    panel = opened(book)
    panel.locator("svg.aml-c-chart").first.wait_for()
    walk(book, panel, "panel-engine")
    tab(book, "Terminal")
    tab(book, "Debugger")
    panel.locator("summary", has_text="JupyterLab's own debugger").click()
    panel.get_by_role("button", name="Show the script as a cell").click()
    panel.locator("pre", has_text="print(run(").wait_for()
    book.shots("panel-engine-debugger", ".aml-container")
    tab(book, "Terminal")
    panel.get_by_role("button", name="Open a terminal in it").click()
    panel.locator("p", has_text="The shell runs as terminal").or_(book.page.locator(".jp-Terminal")).first.wait_for()
    terminals = book.page.evaluate("() => fetch('/api/terminals').then((answer) => answer.json())")
    assert len(terminals) == 1


@pytest.fixture
def private_engine():
    engine = PrivateEngine()
    yield engine
    assert engine.docker("ps", "-aq").stdout == b"", "the kernel's end has removed what was ours"
    engine.close()


@pytest.fixture
def refusing():
    registry = Registry(program=shutil.which("sleep"), login=("me", PASSWORD))
    yield registry
    registry.close()


@pytest.mark.docker
@pytest.mark.skipif(bool(no_private_engine()), reason=no_private_engine())
def test_a_registry_wants_a_login(work, private_engine, lab, open_notebook, refusing):
    setup = f"import os; os.environ['DOCKER_HOST'] = '{private_engine.host}'\n%load_ext amlwidgets"
    book = open_notebook(
        write_notebook(work, setup, f"%aml local {refusing.host}/thing:1", "print('the kernel is free')")
    )
    for cell in range(3):
        book.run_cell(cell)
    assert "the kernel is free" in book.output(2)
    panel = book.page.locator(".aml-container")
    panel.get_by_role("alert").filter(has_text="does not let you pull").wait_for()
    panel.get_by_text("neither shown nor kept").wait_for()
    book.shots("panel-login", ".aml-container")
    assert grave_in_both_themes(book, ".aml-container") == []
    panel.get_by_label("User").fill("me")
    panel.get_by_label("Password").fill("wrong")
    panel.get_by_label("Password").press("Enter")
    panel.get_by_role("alert").filter(has_text="does not let you pull").wait_for()
    assert panel.get_by_label("Password").input_value() == ""
    panel.get_by_label("Password").fill(PASSWORD)
    panel.get_by_role("button", name="Log in and pull").click()
    panel.locator(".aml-c-note", has_text=f"Image {refusing.host}/thing:1, ").wait_for(timeout=60_000)
    save_with_widgets(book.page)
    saved = (work / "book.ipynb").read_text()
    assert "aml-container" in saved or "widget-state" in saved
    assert PASSWORD not in saved
    # The engine stops in the middle: the panel says so, and says when it is back.
    private_engine.kill()
    panel.locator(".aml-c-state.aml-bad", has_text="does not answer any more").wait_for(timeout=60_000)
    book.shots("panel-unreachable", ".aml-container")
    private_engine.start()
    panel.locator(".aml-c-state.aml-bad", has_text="exit").wait_for(timeout=60_000)
    assert book.cell_errors() == []
    lab.api(f"kernels/{lab.api('kernels')[0]['id']}", "DELETE")
