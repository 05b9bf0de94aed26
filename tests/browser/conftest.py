"""Fixtures: a JupyterLab, a Chromium, a notebook open in it."""

from __future__ import annotations

import secrets

import pytest
from lab import CHROMIUM, FLAGS, Lab, Notebook, write_notebook


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def work(tmp_path):
    """The folder that JupyterLab serves."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def lab(work, tmp_path, sandbox_home):
    own = tmp_path / "lab"
    own.mkdir()
    env = {"AMLWIDGETS_HOME": str(tmp_path / "journal"), "AMLWIDGETS_SANDBOX_HOME": str(sandbox_home)}
    lab = Lab(work, own, env)
    yield lab
    lab.close()


@pytest.fixture
def open_notebook(lab, chromium):
    contexts = []

    def open_(name: str, width: int = 1400, height: int = 1000) -> Notebook:
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        return Notebook(context.new_page(), lab, name)

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def log_lab(request, tmp_path_factory):
    """One server for all tests of a file: JupyterLab, or what the file asks for."""
    folder = tmp_path_factory.mktemp("logs")
    for name in ("work", "own"):
        (folder / name).mkdir()
    app = getattr(request, "param", "jupyterlab")
    lab = Lab(folder / "work", folder / "own", {"AMLWIDGETS_HOME": str(folder / "home")}, app=app)
    yield lab
    lab.close()


@pytest.fixture
def log_book(log_lab, chromium):
    """Open a new notebook with these cells; its kernel ends with the test."""
    contexts = []

    def open_(*cells: str, width: int = 1400, height: int = 1000) -> Notebook:
        name = f"{secrets.token_hex(4)}.ipynb"
        write_notebook(log_lab.root / name, *cells)
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        return Notebook(context.new_page(), log_lab, name)

    yield open_
    for context in contexts:
        context.close()
    for kernel in log_lab.api("kernels"):
        log_lab.api(f"kernels/{kernel['id']}", "DELETE")
