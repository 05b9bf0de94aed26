"""One sandbox for all tests with the real client; every test has a folder of its own."""

from __future__ import annotations

import pytest
import sandbox_support as support
from docker_support import left_of


@pytest.fixture(scope="session")
def one_sandbox(tmp_path_factory):
    """The sandbox of all files: what one has built, the next need not."""
    found = support.start_sandbox(tmp_path_factory.mktemp("conformance") / "home")
    yield found
    uses_docker = (found.home / "engine").exists()
    if uses_docker:
        found.reset(images=True)  # what local web services have left in the Docker engine
    found.stop()
    assert not uses_docker or left_of(found.home) == []


@pytest.fixture(scope="module")
def sandbox(one_sandbox):
    """That sandbox, empty but for its images: files run in any order."""
    one_sandbox.reset()
    return one_sandbox


@pytest.fixture(scope="session")
def docker_home(tmp_path_factory):
    """State folder of the one sandbox of all tests with Docker: what one has built, the next need not."""
    home = tmp_path_factory.mktemp("docker") / "home"
    yield home
    last = support.start_sandbox(home, runtime="docker")
    last.reset(images=True)
    last.stop()
    assert left_of(home) == []


@pytest.fixture(scope="module")
def docker_sandbox(docker_home):
    """That sandbox, empty but for its images."""
    found = support.start_sandbox(docker_home, runtime="docker")
    found.reset()
    return found


@pytest.fixture
def run(sandbox, tmp_path):
    (tmp_path / "myenv.yml").write_text(support.CONDA)
    (tmp_path / "score.py").write_text(support.GOOD_SCORE)
    (tmp_path / "m.txt").write_text("forty-two")

    def run_code(code: str, **options):
        return support.run_client(code, tmp_path, sandbox, **options)

    return run_code


@pytest.fixture
def registry():
    """Begin registries on loopback, which refuse, hang or want a login as the test says."""
    from loopback_registry import Registry

    begun = []

    def begin(**options):
        begun.append(Registry(**options))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()
