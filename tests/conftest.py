"""What all tests share: their own data folder, their order, and the rule that CI skips no browser or Docker test."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
"""Reference material beside the checkout, where there is some."""

# Container images often set this. Hundreds of processes import azureml-core here: compiled anew in each, that takes four
# times as long as read from where the first has put it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@functools.cache
def _waits_for_docker(file):
    return "docker_sandbox" in (ROOT / file).read_text(encoding="utf-8")


def pytest_collection_modifyitems(items):
    """What starts other programs comes first: a long file that began last would keep one of two workers alone."""
    others = {"docker", "browser", "sandbox", "network"}
    first = {item.path for item in items if not others.isdisjoint(mark.name for mark in item.iter_markers())}
    items.sort(key=lambda item: (not _waits_for_docker(item.path), item.path not in first))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Files that share the sandbox with Docker go to one worker, so that each of its images is built once."""
    from xdist.scheduler import LoadFileScheduling

    class OneDocker(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "docker" if _waits_for_docker(file) else file

    return OneDocker(config, log) if config.getvalue("dist") == "loadfile" else None


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
    home = ROOT / ".cache" / f"sandbox{worker}"
    sandbox = client.start(home)
    yield sandbox
    sandbox.stop()
    if (home / "engine").exists():
        _take_from_engine(sandbox)


def _take_from_engine(sandbox):
    """Remove the images of a sandbox that has ended; the environments beside its state stay for the next run."""
    from docker_support import left_of

    from amlwidgets.sandbox.engine import cleaning

    cleaning.containers(sandbox.home)
    cleaning.images(sandbox.home, sandbox.identity.port)
    assert left_of(sandbox.home) == []


@pytest.fixture
def sandbox_home(_test_sandbox):
    """The state folder of a running sandbox that knows no models and no services yet."""
    from amlwidgets.sandbox import client

    running = client.start(_test_sandbox.home)  # a test may have killed it
    running.reset()
    return running.home
