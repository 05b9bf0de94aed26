"""Opening a container while the cell has ended: progress, cancel, a login that nobody keeps, another try."""

import json
import os
import shutil
import socket
import threading
from functools import partial
from pathlib import Path

import pytest
from private_engine import PrivateEngine, missing
from sandbox_support import until
from test_engine_trouble import SECONDS

from amlwidgets.errors import AmlWidgetsError, BadInput
from amlwidgets.local_magic import panel as panel_of
from amlwidgets.services.local import images
from amlwidgets.services.local.opening import open_target
from amlwidgets.services.local.pending import Opening
from amlwidgets.widgets.container_panel import ContainerPanel, close_earlier

pytestmark = [pytest.mark.docker, pytest.mark.sandbox, pytest.mark.skipif(bool(missing()), reason=missing())]
SLEEP = shutil.which("sleep")
PASSWORD = "Pa55-of-nobody"


@pytest.fixture(scope="module")
def private_host():
    engine = PrivateEngine()
    yield engine
    engine.close()


@pytest.fixture
def private(private_host, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", private_host.host)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    yield private_host
    assert private_host.docker("ps", "-aq").stdout == b"", "nothing is left"


@pytest.fixture
def opened():
    begun = []

    def open_(reference):
        begun.append(ContainerPanel(Opening(reference, partial(open_target, reference))))
        return begun[-1]

    yield open_
    for panel in begun:
        panel.close()


def ended(panel):
    until(lambda: panel.opening.get("state") != "working")
    return panel.opening


def test_an_image_is_pulled_and_run_while_the_cell_has_ended(private, registry, opened):
    held = registry(mb=8, held=threading.Event(), program=SLEEP)
    panel = opened(f"{held.host}/thing:1")
    assert panel.opening["state"] == "working", "the constructor has returned"
    assert held.half_sent.wait(SECONDS)
    until(lambda: 0 < (panel.opening["part"] or 0) < 1)
    assert any("free" in line for line in panel.opening["lines"]), "the disk is told before"
    with pytest.raises(AmlWidgetsError, match="not there yet"):
        panel.act("look", {"probe": "where"})
    held.held.set()
    until(lambda: panel.opening == {})
    assert panel.head["name"] == f"{held.host}/thing:1"
    assert panel.head["image"].startswith(f"Image {held.host}/thing:1, ")
    assert panel.head["state"]["status"] == "running"
    assert len(private.docker("ps", "-q").stdout.split()) == 1


def test_opening_is_cancelled_and_tried_again(private, registry, opened):
    held = registry(mb=8, held=threading.Event(), program=SLEEP)
    panel = opened(f"{held.host}/thing:1")
    assert held.half_sent.wait(SECONDS)
    panel.cancel_opening()
    assert ended(panel)["state"] == "cancelled"
    with pytest.raises(AmlWidgetsError, match="cancelled"):
        panel.session  # noqa: B018 - waits
    held.held.set()
    panel.open_again()
    until(lambda: panel.opening == {})


def test_a_panel_that_is_closed_meanwhile_leaves_nothing(private, registry, opened):
    held = registry(mb=8, held=threading.Event(), program=SLEEP)
    panel = opened(f"{held.host}/thing:1")
    assert held.half_sent.wait(SECONDS)
    panel.close()
    held.held.set()
    with pytest.raises(AmlWidgetsError):
        panel.session  # noqa: B018 - waits
    assert held.host.encode() not in private.docker("images").stdout


def test_a_login_is_used_once_and_kept_nowhere(private, registry, opened, tmp_path):
    one = registry(program=SLEEP, login=("me", PASSWORD))
    panel = opened(f"{one.host}/thing:1")
    failed = ended(panel)
    assert (failed["state"], failed["login"]) == ("failed", {"registry": one.host, "az": ""})
    assert "does not let you pull" in failed["problem"]["message"]
    panel.open_again("me", "wrong")
    assert ended(panel)["state"] == "failed"
    panel.open_again("me", PASSWORD)
    until(lambda: panel.opening == {})
    assert any(authorization for _path, authorization in one.asked)
    shown = f"{panel.get_state()} {panel.to_html()} {panel.head} {vars(panel)} {vars(panel._opening)}"
    assert PASSWORD not in shown
    homes = (tmp_path, Path(os.environ["AMLWIDGETS_HOME"]))
    written = [path.read_bytes() for home in homes for path in home.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in content for content in written)
    assert not (tmp_path / "docker").exists(), "docker login was not called"


def test_az_logs_in_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert images.az_command("mine.azurecr.io") == []
    az = tmp_path / "az"
    az.write_text(f"#!/bin/sh\necho \"$@\" >{tmp_path}/said; echo 'ERROR: run az login'; exit 1\n")
    az.chmod(0o755)
    assert images.az_command("other.example.com") == [], "not a registry of Azure"
    with pytest.raises(images.Denied, match="run az login"):
        images.az_login("mine.azurecr.io", threading.Event())
    assert (tmp_path / "said").read_text() == "acr login -n mine\n"
    az.write_text("#!/bin/sh\nexec /bin/sleep 600\n")
    stop = threading.Event()
    stop.set()
    with pytest.raises(AmlWidgetsError, match="cancelled"):
        images.az_login("mine.azurecr.io", stop)


def test_the_magic_takes_images_that_are_not_here_and_closes_its_earlier_panel(
    private, registry, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    name = f"{registry(program=SLEEP).host}/thing:1"
    first = panel_of(name, None, {}, port="0")
    until(lambda: first.opening == {})
    second = panel_of(name, None, {}, port="0")
    until(lambda: second.opening == {})
    assert len(private.docker("ps", "-aq").stdout.split()) == 1, "a cell that runs again leaves no container behind"
    assert json.dumps(second.get_state(), default=str)
    close_earlier(name)
    with pytest.raises(BadInput, match="is no port"):
        panel_of(name, None, {}, port="http")


def test_an_engine_that_hangs_is_not_waited_for(monkeypatch, tmp_path, opened):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
        panel = opened("127.0.0.1:1/thing:1")
        asked, _ = silent.accept()
        panel.cancel_opening()
        assert ended(panel)["state"] == "cancelled"
        with pytest.raises(AmlWidgetsError, match="cancelled"):
            panel.session  # noqa: B018 - waits
        panel.open_again()
        assert panel.opening["state"] == "working"
        again, _ = silent.accept()
        asked.close()
        assert panel.opening["state"] == "working", "the end of the first try is not that of the second"
        again.close()
