"""What all tests share: their own data folder, and the rule that CI skips no browser or Docker test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Reference material beside the checkout, where there is some."""

_skipped_in_ci: list[str] = []


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """No test touches the user's journal or sandbox."""
    monkeypatch.setenv("AMLWIDGETS_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    needs = {"browser", "docker"} & {mark.name for mark in item.iter_markers()}
    if report.skipped and needs and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {report.longrepr}"


@pytest.fixture(scope="session")
def _test_sandbox():
    """One sandbox for the session; its built environments are kept between runs, because they take minutes."""
    from amlwidgets.sandbox import client

    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    home = Path(__file__).resolve().parents[1] / ".cache" / f"sandbox{worker}"
    sandbox = client.start(home)
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox_home(_test_sandbox):
    """The state folder of a running sandbox that knows no models and no services yet."""
    from amlwidgets.sandbox import client

    running = client.start(_test_sandbox.home)  # a test may have killed it
    running.reset()
    return running.home
