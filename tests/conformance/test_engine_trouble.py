"""An engine that stops in the middle, a full disk, a registry that refuses: a clear state, nothing stuck, nothing left."""

import os
import shutil
import threading

import pytest
import requests
from private_engine import PrivateEngine, missing
from sandbox_support import until

from amlwidgets.core.checks import CheckState
from amlwidgets.errors import BadInput, NotAllowed, NotConnected, ServiceFailed
from amlwidgets.sandbox.engine.building import CANCELLED, build
from amlwidgets.services.local.container import LocalContainer
from amlwidgets.services.local.engine import check_engine
from amlwidgets.services.local.images import Location, pull
from amlwidgets.services.local.ours import clean
from amlwidgets.services.local.targets import ContainerTarget
from amlwidgets.widgets.container_panel import ContainerPanel

pytestmark = [pytest.mark.docker, pytest.mark.sandbox, pytest.mark.skipif(bool(missing()), reason=missing())]
SECONDS = 30
SLEEPS = b'FROM sleeper\nCMD ["%s", "600"]\n' % shutil.which("sleep").encode()
SLOW_STEP = b'FROM sleeper\nRUN ["%s", "600"]\n' % shutil.which("sleep").encode()


@pytest.fixture
def private(monkeypatch):
    engine = PrivateEngine()
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    engine.load(shutil.which("sleep"), "sleeper")
    yield engine
    engine.close()


@pytest.fixture
def small(monkeypatch):
    """An engine with 24 MB of disk."""
    engine = PrivateEngine(disk_mb=24)
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    engine.load(shutil.which("sleep"), "sleeper")
    yield engine
    engine.close()


def on_a_thread(work):
    """Run ``work``; give a function that waits for its end and returns its result, or its error."""
    ended = []

    def run():
        try:
            ended.append(work())
        except Exception as error:  # noqa: BLE001 - returned
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def end():
        thread.join(SECONDS)
        assert not thread.is_alive(), "it is stuck"
        return ended[0]

    return end


def fill(disk):
    """Write until the disk is full; the file is in the way until it is removed."""
    path = disk / "ballast"
    with pytest.raises(OSError, match="No space left"), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    return path


# -- the engine stops


def test_an_engine_that_is_killed_during_a_pull(private, registry):
    held = registry(mb=8, held=threading.Event())
    end = on_a_thread(lambda: pull(private.client(), Location(f"{held.host}/thing:1")))
    assert held.half_sent.wait(SECONDS)
    private.kill()
    error = end()
    assert isinstance(error, NotConnected)
    assert error.message == "The Docker engine stopped answering while pulling the image."
    held.held.set()
    private.start()
    assert pull(private.client(), Location(f"{held.host}/thing:1")).tags == [f"{held.host}/thing:1"]


def test_an_engine_that_is_killed_during_a_build(private):
    said = []
    end = on_a_thread(lambda: build(private.client(), {"Dockerfile": SLOW_STEP}, "slow:1", said.append))
    until(lambda: any("Running in" in line for line in said))
    private.kill()
    assert end().startswith("The Docker engine stopped answering while building the image.")


def test_an_engine_that_is_killed_while_a_container_is_looked_at(private):
    assert build(private.client(), {"Dockerfile": SLEEPS}, "service:1", str) == ""
    local = LocalContainer.start("service:1")
    panel = ContainerPanel(ContainerTarget(local))
    panel.seen("a view")
    assert panel.head["state"]["status"] == "running"
    private.kill()
    until(lambda: panel.head["state"]["status"] == "unreachable")
    assert "does not answer any more" in panel.head["state"]["words"]
    panel.act("reload")
    until(lambda: panel.problem.get("code") == "engine-stopped")
    for act in (local.usage, lambda: local.read("score.py"), lambda: local.write("score.py", ""), lambda: local.inside):
        with pytest.raises(NotConnected, match="Docker engine"):
            act()
    with pytest.raises(NotConnected):
        LocalContainer.start("service:1")
    # The watch goes on: an engine that comes back is seen.
    private.start()
    until(lambda: panel.head["state"]["status"] == "exited")
    private.kill()
    panel.close()  # raises nothing, and cannot remove anything
    private.start()
    assert clean(private.client()) == [local.name]
    assert private.docker("ps", "-aq").stdout == b""


# -- cancelled while nobody says anything


def test_a_silent_pull_and_a_silent_build_are_cancelled_at_once(private, registry):
    held, stop, client = registry(mb=8, held=threading.Event()), threading.Event(), private.client()
    end = on_a_thread(lambda: pull(client, Location(f"{held.host}/thing:1"), cancelled=stop))
    assert held.half_sent.wait(SECONDS)
    stop.set()
    assert end().code == "cancelled"
    assert not held.held.is_set(), "the registry has not gone on"

    said, stop = [], threading.Event()
    end = on_a_thread(lambda: build(client, {"Dockerfile": SLOW_STEP}, "slow:1", said.append, stop))
    until(lambda: any("Running in" in line for line in said))
    stop.set()
    assert end() == CANCELLED
    until(lambda: private.docker("ps", "-aq").stdout == b"")
    assert b"slow" not in private.docker("images").stdout
    assert client.ping(), "the client goes on"


# -- the disk is full


def test_a_full_disk_during_pull_build_and_run(small, registry):
    client = small.client()
    with pytest.raises(ServiceFailed, match="disk is full") as full:
        pull(client, Location(f"{registry(mb=40).host}/thing:1"))
    assert "docker image prune" in full.value.todo
    for content in (bytes(30 << 20), os.urandom(9 << 20)):  # in the context; in the layers
        steps = {"Dockerfile": b"FROM scratch\nCOPY x /\nCOPY x /y\n", "x": content}
        assert "disk is full" in build(client, steps, "large:1", str)
    assert b"thing" not in small.docker("images").stdout
    assert b"large" not in small.docker("images").stdout

    assert build(client, {"Dockerfile": SLEEPS}, "service:1", str) == ""
    ballast = fill(small.data)
    with pytest.raises(ServiceFailed, match="disk is full"):
        LocalContainer.start("service:1")
    assert small.docker("ps", "-aq").stdout == b""
    checks = {check.id: check for check in check_engine()}
    assert [checks[name].state for name in ("run", "disk")] == [CheckState.FAIL, CheckState.FAIL]
    assert checks["disk"].detail == "0 B free."
    ballast.unlink()
    local = LocalContainer.start("service:1")
    assert local.state().status == "running"
    ballast = fill(small.data)
    with pytest.raises(ServiceFailed, match="disk is full"):
        local.write("/score.py", "x" * (1 << 20))
    ballast.unlink()
    local.close()
    assert small.docker("ps", "-aq").stdout == b""


# -- the registry refuses


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, NotAllowed, "does not let you pull"),
        (403, NotAllowed, "does not let you pull"),
        (404, BadInput, "There is no image"),
        (429, ServiceFailed, "toomanyrequests"),
        (500, ServiceFailed, "500 Internal Server Error"),
        (503, ServiceFailed, "503 Service Unavailable"),
    ],
)
@pytest.mark.parametrize("password", ["", "a-password-of-mine"])
def test_a_registry_that_refuses(docker_client, registry, status, kind, words, password):
    host = registry(status=status).host
    with pytest.raises(kind, match=words) as refused:
        pull(docker_client, Location(f"{host}/thing:1", "me" if password else "", password))
    assert "a-password-of-mine" not in f"{refused.value} {refused.value.__cause__}"
    assert refused.value.todo


def test_an_image_is_pulled_by_its_digest_and_removed_again(docker_client, registry):
    one = registry()
    told = []
    image = pull(docker_client, Location(f"{one.host}/thing@{one.digest}"), tell=lambda p: told.append(p.done))
    assert one.digest in image.attrs["RepoDigests"][0]
    assert told[-1] > 1 << 20
    docker_client.images.remove(image.id, force=True)
    assert requests.get(f"http://{one.host}/v2/", timeout=5).ok
    with pytest.raises(BadInput, match="is no name of an image"):
        pull(docker_client, Location(f"{one.host}/Thing:1"))


@pytest.fixture(scope="module")
def docker_client():
    engine = PrivateEngine()
    client = engine.client()
    yield client
    client.close()
    engine.close()
