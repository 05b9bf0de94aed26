"""What a killed sandbox may leave is gone once the next one answers; what is in use stays."""

from __future__ import annotations

import hashlib
import os

import pytest
import sandbox_support as support

from amlwidgets.sandbox import services
from amlwidgets.sandbox.blobs import Blobs
from amlwidgets.sandbox.identity import ensure_identity
from amlwidgets.sandbox.run import cgroups, records
from amlwidgets.sandbox.store import Store

pytestmark = pytest.mark.sandbox


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def start(home):
    yield lambda: started.append(support.start_sandbox(home))
    for sandbox in started:
        sandbox.stop()
    started.clear()


started: list = []


def test_files_without_a_blob_and_drafts_go(home, start):
    identity, store = ensure_identity(home), Store(home)
    kept = Blobs(home, store, identity).put("c", "n", [b"content"])
    store.close()
    (home / "blobs" / "0123").write_text("written, not yet known")
    (home / f".identity.json.{'0' * 32}").write_text("{}")
    start()
    assert [path.name for path in (home / "blobs").iterdir()] == [kept.path.name]
    assert list(home.glob(".*")) == []


def test_folders_of_nobody_go_and_the_logs_of_services_stay(home, start):
    store = Store(home)
    request = {"name": "mine", "computeType": "ACI", "environmentImageRequest": {}}
    mine = home / "containers" / f"mine-{hashlib.sha256(b's/g/w').hexdigest()[:8]}"
    theirs = home / "containers" / "gone-9b7d6b9a"
    spec = {"root": str(mine / "root-1"), "log": str(mine / "container-1.log")}
    store.put(services.KIND, "s/g/w", "mine", services.new_service(request, None) | {"state": "Failed", "spec": spec})
    store.close()
    for folder in (mine / "root-1", mine / "mine-abc-fghij", theirs / "root-1"):
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    for log in ("container-1.log", "mine-abc-fghij.log"):
        (mine / log).write_text("said")
    start()
    assert [path.name for path in (home / "containers").iterdir()] == [mine.name]
    assert sorted(path.name for path in mine.iterdir()) == ["container-1.log", "root-1"]


def test_a_control_group_that_was_only_announced_goes(home, start):
    group = cgroups.make(f"amlwidgets-announced-{os.getpid()}", 1 << 28)
    if group is None:
        pytest.skip("no control groups can be made here")
    records.announce(home / "containers" / "service" / "root-1", group.memory.name)
    (home / "daemon.log").touch()  # a sandbox was here
    start()
    assert not [folder for folder in group.folders if folder.exists()]
    assert list((home / "containers").iterdir()) == []


@pytest.mark.parametrize("name", ["", "*", "../amlwidgets-x", "amlwidgets-x/../y", "system.slice"])
def test_a_note_that_names_something_else_is_not_followed(name):
    with pytest.raises(ValueError, match="not a container's group"):
        cgroups.remove_by_name(name)
