"""An environment with the real server, built by the engine, and containers of both runtimes."""

from __future__ import annotations

import threading

import pytest
from docker_support import left_of, missing
from run.conftest import CACHE, Host, definition

from amlwidgets.sandbox.build import UvBuilder
from amlwidgets.sandbox.engine import cleaning
from amlwidgets.sandbox.engine.builder import DockerBuilder
from amlwidgets.sandbox.engine.runtime import DockerRuntime
from amlwidgets.sandbox.run import Backoff, ProcessRuntime

SERVER = definition("azureml-inference-server-http")


@pytest.fixture(scope="session")
def engine_home(tmp_path_factory):
    """State folder of the Docker tests; nothing that carries its label is left after them."""
    home = tmp_path_factory.mktemp("engine")
    yield home
    cleaning.containers(home)
    cleaning.images(home, 0)
    assert left_of(home) == []


@pytest.fixture(scope="session")
def server_image(engine_home):
    lines: list[str] = []
    result = DockerBuilder(engine_home).build(SERVER, lines.append, threading.Event())
    assert result.ok, "".join(lines)
    return result.prefix


@pytest.fixture(
    params=[
        "process",
        pytest.param(
            "docker",
            marks=[pytest.mark.docker, pytest.mark.skipif(bool(missing()), reason=missing())],
        ),
    ]
)
def host(request, tmp_path):
    """Makes containers of either runtime and ends them all."""
    backoff = Backoff(0.05, 0.2, 60)
    if request.param == "docker":
        made = Host(tmp_path, request.getfixturevalue("server_image"))
        made.runtime = DockerRuntime(request.getfixturevalue("engine_home"), backoff=backoff)
    else:
        lines: list[str] = []
        result = UvBuilder(CACHE).build(SERVER, lines.append, threading.Event())
        assert result.ok, "".join(lines)
        made = Host(tmp_path, result.prefix)
        made.runtime = ProcessRuntime(backoff=backoff)
    yield made
    for container in made.containers:
        container.stop()
