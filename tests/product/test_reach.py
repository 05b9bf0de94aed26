"""Where it works: a converted notebook says in text what a page would show, and nothing of ours comes from a network."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from sandbox_support import clean_environment

import amlwidgets.widgets
from amlwidgets.widgets.base import AmlWidget

WIDGETS = Path(amlwidgets.widgets.__file__).parent
FETCHES = re.compile(
    r"""import\s*\(\s*["'`]?\s*(?:https?:)?//|from\s*["'`](?:https?:)?//|import\s+["'`]\s*(?:https?:)?//"""
    r"""|@import|url\(\s*["']?(?:https?:)?//|XMLHttpRequest|EventSource|sendBeacon"""
    r"""|\b(?:fetch|WebSocket)\s*\(\s*["'`](?:https?:|wss?:)?//"""
    r"""|\bsrc\s*[:=]\s*["'`](?:https?:)?//|require\.config"""
)
LOG = "Installing pip dependencies\nModuleNotFoundError: No module named 'pandas'\n"
CELLS = {
    "wizard": ("%aml", "Preflight  waiting"),
    "log": ("from amlwidgets import LogViewer\nLogViewer(log)", "No module named 'pandas'"),
    "findings": ("%aml explain log", "missing-python-module"),
    "calculator": ("%aml replicas rps=20 seconds=10 traffic=steady", "286"),
    "checklist": ("%aml vault", "unknown, because no workspace is at hand"),
    "report": ("from amlwidgets import diagnose\ndiagnose(log)", "missing-python-module"),
}


def every_widget():
    for module in pkgutil.iter_modules(amlwidgets.widgets.__path__):
        importlib.import_module(f"amlwidgets.widgets.{module.name}")
    found, waiting = set(), [AmlWidget]
    while waiting:
        waiting += (subs := waiting.pop().__subclasses__())
        found |= set(subs)
    ours = (w for w in found if w.__module__.startswith("amlwidgets.") and hasattr(w, "_esm"))
    return sorted(ours, key=lambda w: w.__name__)


@pytest.mark.parametrize("file", [*WIDGETS.glob("*.js"), *WIDGETS.glob("*.css")], ids=lambda f: f.name)
def test_scripts_and_styles_load_nothing_from_elsewhere(file):
    """VS Code, Colab and a closed network: a widget is made of these files and of what its kernel sends."""
    assert FETCHES.findall(file.read_text("utf-8")) == []


@pytest.mark.parametrize("widget", every_widget(), ids=lambda w: w.__name__)
def test_a_widget_carries_its_script(widget):
    """Not an address: a host that may not fetch shows it all the same."""
    assert "export default" in widget._esm
    assert FETCHES.findall(widget._esm) == []


def test_the_pattern_finds_what_it_looks_for():
    for bad in (
        "fetch('https://a/b')",
        'new WebSocket("wss://a")',
        "fetch(`//a/b`)",
        'import x from "https://esm.sh/x"',
        "await import('//cdn/x.js')",
        "@import 'x.css'",
        "url(http://a/b.png)",
    ):
        assert FETCHES.search(bad), bad


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Every widget in one notebook, executed by nbconvert and printed as Markdown."""
    folder = tmp_path_factory.mktemp("converted")
    sources = ["%load_ext amlwidgets", f"log = {LOG!r}", *(source for source, _said in CELLS.values())]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(book, folder / "all.ipynb")
    homes = {"AMLWIDGETS_HOME": str(folder / "kept"), "AMLWIDGETS_SANDBOX_HOME": str(folder / "sandbox")}
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--output", "done", "all.ipynb"],
        cwd=folder, env=clean_environment(**homes), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return nbformat.read(folder / "done.ipynb", as_version=4)


@pytest.mark.parametrize("name", CELLS)
def test_a_converted_notebook_says_it_in_text(converted, name):
    source, words = CELLS[name]
    cell = next(cell for cell in converted.cells if cell.source == source)
    shown = (output.get("data", {}) for output in cell.outputs)
    texts = [f"{data.get('text/plain', '')}{data.get('text/html', '')}" for data in shown]
    assert any(words in text for text in texts), texts


def test_a_terminal_shows_text():
    """Plain IPython: no front end, no kernel."""
    code = "%load_ext amlwidgets\n%aml replicas rps=20 seconds=10 traffic=steady"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-i"], input=f"{code}\nexit\n",
        capture_output=True, text=True, check=False, env=clean_environment(),
    )  # fmt: skip
    assert "286  replicas by the guides' formula" in done.stdout
