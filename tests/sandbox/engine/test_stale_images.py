"""Images of sandboxes that are gone: which they are, and that nothing else is ever removed; on a real engine."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import uuid

import pytest
from docker_support import needs_engine
from run.conftest import definition

from amlwidgets.cli import main
from amlwidgets.docker_engine import engine
from amlwidgets.sandbox.engine import cleaning, ownership, stale
from amlwidgets.sandbox.engine.builder import DockerBuilder, image_of
from amlwidgets.sandbox.engine.client import LABEL, REPOSITORY, STORE

pytestmark = [*needs_engine, pytest.mark.timeout(300)]


@pytest.fixture
def client():
    with engine(timeout=120) as client:
        yield client


@pytest.fixture
def me(tmp_path, monkeypatch):
    """A user with a data folder of their own: nothing else in the engine is theirs."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return ownership.owner()


@pytest.fixture
def build(client):
    """Build a tiny image from steps; all of them are removed in the end."""
    ids = []

    def make(name, *steps):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            text = "\n".join(steps).encode()
            entry = tarfile.TarInfo("Dockerfile")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
        packed.seek(0)
        image, _ = client.images.build(fileobj=packed, custom_context=True, tag=name, rm=True)
        ids.append(image.id)
        return image

    yield make
    for identifier in reversed(ids):
        for container in client.containers.list(all=True, filters={"ancestor": identifier}):
            container.remove(force=True)
        if client.api.images(filters={"label": "amlwidgets.test"}) and _there(client, identifier):
            client.images.remove(identifier, force=True)


def _there(client, name):
    return any(name in (image["Id"], *(image["RepoTags"] or ())) for image in client.api.images())


def _tagged(image, name):
    image.tag(name, "latest")
    return image


def ours(home):
    """The steps of an image as the sandbox in ``home`` makes it; never the same as another's."""
    unique = f"LABEL amlwidgets.test={uuid.uuid4().hex}"
    return ["FROM scratch", ownership.first_step(home), unique, "ENV A=1", ownership.last_step()]


def tag(*, suffix=""):
    return f"{REPOSITORY}/test-{uuid.uuid4().hex[:12]}:latest{suffix}"


def prune(capsys, *options):
    code = main(["sandbox", "prune", *options])
    return code, capsys.readouterr().out


@pytest.mark.usefixtures("me")
def test_exactly_the_images_of_the_sandboxes_that_are_gone_are_listed_and_removed(client, build, tmp_path, capsys):
    gone, alive = tmp_path / "gone", tmp_path / "alive"
    alive.mkdir()
    first, second = tag(), tag()
    store = f"127.0.0.1:1/{second}"
    stale_one, stale_two = build(first, *ours(gone)), build(second, *ours(gone))
    stale_two.tag(store.rpartition(":")[0], "latest")
    named = f"{uuid.uuid4().hex[:12]}/package:7"
    packed = build(f"127.0.0.1:1/{named}", *ours(gone))
    packed.tag(f"{STORE}/0123456789ab/{named.rpartition(':')[0]}", "7")
    dangling_name = tag()
    dangling = build(dangling_name, *ours(gone))
    build(dangling_name, *ours(alive))
    service = f"svc{uuid.uuid4().hex[:8]}"
    build(f"{service}:latest", *ours(gone))
    kept = {
        "of a living sandbox": build(tag(), *ours(alive)),
        "built upon one of ours": build(tag(), f"FROM {first}", "ENV MINE=1"),
        "given a name by the user": build(f"example.com/company/{uuid.uuid4().hex}:v1", *ours(gone)),
        "in a registry of the user": build(f"localhost:5000/{uuid.uuid4().hex}/model:v2", *ours(gone)),
        "in another registry here": build(f"127.0.0.1:5000/{uuid.uuid4().hex}:v1", *ours(gone)),
        "given a word by the user": build(f"my-{uuid.uuid4().hex}:v1", *ours(gone)),
        "given a word beside ours": _tagged(build(tag(), *ours(gone)), f"my-{uuid.uuid4().hex}"),
        "used by a container": build(tag(), *ours(gone)),
        "of another user": build(tag(), *(s.replace(ownership.owner(), "other@host") for s in ours(gone))),
        "without an owner": build(tag(), "FROM scratch", f"LABEL {LABEL}={gone}", "LABEL amlwidgets.test=1", ownership.last_step()),
        "of a folder without a place": build(tag(), *(s.replace(str(gone), "gone") for s in ours(gone))),
    }  # fmt: skip
    container = client.api.create_container(kept["used by a container"].id, "/nothing")
    expected = {stale_two.id, packed.id, dangling.id, client.images.get(service).id}

    code, said = prune(capsys)
    assert code == 0
    assert f"Of the sandbox in {gone}, which is gone: 5 images, up to 1 MB" in said
    assert {first, second, store} <= {word.strip(" ,") for word in said.split()}
    assert "\nNothing was changed. With --yes they are removed unasked.\n" in said
    assert all(_there(client, image) for image in (*expected, stale_one.id))

    code, said = prune(capsys, "--yes", "--format", "json")
    removed = {row["id"] for row in json.loads(said)["images"] if row["removed"]}
    assert removed == expected | {stale_one.id}
    assert not any(_there(client, image) for image in expected)
    assert not _there(client, first)
    for what, image in kept.items():
        assert _there(client, image.id), what
    client.api.remove_container(container["Id"])
    assert prune(capsys, "--yes")[1].count("\n  ") == 1, "now that no container uses it"
    code, said = prune(capsys, "--yes")
    assert (code, said.splitlines()[0]) == (0, "No image is proved to be yours and of a sandbox that is gone.")
    assert "more do not say whose they are" in said


def test_a_sandbox_that_runs_is_living_also_where_its_folder_was_deleted(me, client, build, tmp_path):
    image = build(tag(), *ours(tmp_path / "home"))
    at_work = subprocess.Popen(
        [sys.executable, "-c", "input()", "--home", str(tmp_path / "home")], stdin=subprocess.PIPE
    )  # fmt: skip
    try:
        assert me
        assert stale.find(client) == []
    finally:
        at_work.communicate(b"\n")
    assert [found.id for found in stale.find(client)] == [image.id]


@pytest.mark.usefixtures("me")
def test_a_folder_that_cannot_be_looked_at_is_there(client, build, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    build(tag(), *ours(loop / "home"))
    build(tag(), *ours(tmp_path / ("x" * 300)))
    assert stale.find(client) == []


@pytest.mark.usefixtures("me")
def test_what_a_sandbox_builds_is_found_after_its_folder_was_deleted_and_the_doctor_counts_it(client, tmp_path, capsys):
    home = tmp_path / "home"
    home.mkdir()
    lines = []
    result = DockerBuilder(home).build(definition(), lines.append, threading.Event())
    assert result.ok, "".join(lines)
    try:
        assert stale.find(client) == []
        assert not doctors_word(tmp_path)
        shutil.rmtree(home)
        (found,) = stale.find(client)
        assert found.names == (image_of(result.prefix),)
        assert "! Images: 1 image, up to " in doctors_word(tmp_path)
        assert "amlwidgets sandbox prune" in doctors_word(tmp_path)
        code, said = prune(capsys, "--yes")
        assert (code, "Removed: 1 of 1." in said) == (0, True)
        assert not doctors_word(tmp_path)
    finally:
        home.mkdir(exist_ok=True)
        cleaning.remember(home)
        cleaning.images(home, 0)


def doctors_word(folder):
    command = [sys.executable, "-m", "amlwidgets.cli", "doctor"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=dict(os.environ))
    return "".join(line for line in done.stdout.splitlines() if "Images" in line)


def test_the_owner_is_chosen_once_and_nothing_is_proved_without_a_data_folder(me, tmp_path, monkeypatch):
    assert ownership.owner() == me
    file = tmp_path / "data" / "amlwidgets"
    assert [path.name for path in file.iterdir()] == ["engine-owner"]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    assert ownership.owner() == ""
    assert ownership.first_step(tmp_path) == f'LABEL {LABEL}="{tmp_path}"'
    assert stale.find(None) == []
    for spoiled in (b"", b"short", b"\xff" * 32):
        (file / "engine-owner").write_bytes(spoiled)
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        assert ownership.owner() == ""
