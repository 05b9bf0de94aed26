"""Fixtures: a JupyterLab, a Chromium, a notebook open in it."""

from __future__ import annotations

import pytest
from lab import CHROMIUM, FLAGS, Lab, Notebook


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
