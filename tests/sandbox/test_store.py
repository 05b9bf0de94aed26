"""Documents and blobs: all or nothing, also when the power goes or the disk is full."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from amlwidgets.sandbox import blobs as blobs_module
from amlwidgets.sandbox.api import storage_error
from amlwidgets.sandbox.blobs import Blobs
from amlwidgets.sandbox.identity import ensure_identity
from amlwidgets.sandbox.store import Store
from amlwidgets.sandbox.tail import tail


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path)
    yield found
    found.close()


@pytest.fixture
def blobs(tmp_path, store):
    return Blobs(tmp_path, store, ensure_identity(tmp_path))


def test_a_transaction_is_all_or_nothing(store):
    store.put("k", "s", "a", {"v": 1})
    with pytest.raises(RuntimeError), store.transaction():
        store.put("k", "s", "a", {"v": 2})
        with store.transaction():
            store.put("k", "s", "b", {"v": 3})
        raise RuntimeError
    assert store.get("k", "s", "a") == {"v": 1}
    assert store.get("k", "s", "b") is None


def test_numbers_are_given_once(store):
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.extend(store.next_number("m", "s", "x") for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 81))


def test_what_is_confirmed_survives_a_kill(tmp_path):
    code = """
        import os, sys
        from pathlib import Path
        from amlwidgets.sandbox.store import Store
        store = Store(Path(sys.argv[1]))
        for number in range(50):
            store.put("k", "s", "n", {"v": number}, number)
        print("done", flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "done\n"
    store = Store(tmp_path)
    assert [d["v"] for d in store.all("k", "s")] == list(range(50))
    assert store.latest("k", "s", "n") == {"v": 49}
    store.close()


def test_clear_keeps_one_kind(store):
    store.put("workspace", "", "w", {"n": 1})
    store.put("model", "w", "m", {"n": 2})
    store.clear(keep="workspace")
    assert store.all("workspace") == [{"n": 1}]
    assert store.all("model") == []


def test_blob_is_replaced_whole(blobs):
    first = blobs.put("c", "a/b", [b"one"])
    second = blobs.put("c", "a/b", [b"tw", b"o!"])
    assert b"".join(second.read()) == b"two!"
    assert b"".join(second.read(1, 2)) == b"wo"
    assert first.etag != second.etag
    assert not first.path.exists()


def test_an_upload_that_breaks_leaves_nothing(blobs, tmp_path):
    def parts():
        yield b"half"
        raise OSError(errno.ENOSPC, "No space left on device")

    blobs.put("c", "kept", [b"kept"])
    for name in ("new", "kept"):
        with pytest.raises(OSError, match="No space"):
            blobs.put("c", name, parts())
    assert blobs.get("c", "new") is None
    assert b"".join(blobs.get("c", "kept").read()) == b"kept"
    assert len(list((tmp_path / "blobs").iterdir())) == 1
    assert list((tmp_path / "blobs-staged").iterdir()) == []


@pytest.mark.parametrize("step", ["stage", "commit"])
def test_a_full_disk_takes_the_blocks_of_a_failed_upload_away(blobs, tmp_path, monkeypatch, step):
    def full(*_arguments, **_named):
        raise OSError(errno.ENOSPC, "No space left on device")

    blobs.stage("c", "n", "a", [b"one"])
    blobs.stage("c", "other", "a", [b"other"])
    with monkeypatch.context() as patch:
        patch.setattr(blobs_module, "write_parts", full)
        with pytest.raises(OSError, match="No space"):
            blobs.stage("c", "n", "b", [b"two"]) if step == "stage" else blobs.commit("c", "n", ["a"])
    assert len(list((tmp_path / "blobs-staged").iterdir())) == 1
    assert blobs.commit("c", "n", ["a"]) is None
    assert blobs.commit("c", "other", ["a"]) is not None


def test_a_connection_that_breaks_keeps_the_earlier_blocks(blobs):
    def broken():
        yield b"tw"
        raise ConnectionResetError

    blobs.stage("c", "n", "a", [b"one"])
    with pytest.raises(ConnectionResetError):
        blobs.stage("c", "n", "b", broken())
    blobs.stage("c", "n", "b", [b"two"])
    assert b"".join(blobs.commit("c", "n", ["a", "b"]).read()) == b"onetwo"


def test_blocks_of_an_upload_that_was_given_up_go_after_an_hour(blobs, tmp_path):
    blobs.stage("c", "old", "a", [b"old"])
    blobs.stage("c", "young", "a", [b"young"])
    (old,) = set((tmp_path / "blobs-staged").iterdir()) - {blobs._stage_folder("c", "young")}
    os.utime(old, (0, time.time() - 3700))
    blobs.stage("c", "next", "a", [b"next"])
    assert not old.exists()
    assert blobs.commit("c", "young", ["a"]) is not None


def test_blocks_become_a_blob_in_the_order_of_the_list(blobs):
    for block, content in (("b", b"2"), ("a", b"1"), ("unused", b"x")):
        blobs.stage("c", "n", block, [content])
    assert blobs.commit("c", "n", ["a", "missing"]) is None
    assert b"".join(blobs.commit("c", "n", ["a", "b", "a"]).read()) == b"121"


def test_links_are_for_one_blob_one_right_and_a_time(blobs, monkeypatch):
    def query(link: str) -> dict[str, str]:
        from urllib.parse import parse_qsl

        return dict(parse_qsl(link.partition("?")[2]))

    good = query(blobs.link("c", "n", "r"))
    assert blobs.allows("c", "n", good, "r")
    assert not blobs.allows("c", "n", good, "w")
    assert not blobs.allows("c", "other", good, "r")
    assert not blobs.allows("c", "n", good | {"sp": "rcw"}, "w")
    assert not blobs.allows("c", "n", good | {"se": "2999-01-01T00:00:00Z"}, "r")
    monkeypatch.setattr(blobs_module, "SAS_SECONDS", -1)
    assert not blobs.allows("c", "n", query(blobs.link("c", "n", "r")), "r")


def test_a_growing_file_reads_as_a_blob(blobs, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("one\n")
    blobs.publish("logs", "l", log)
    first = blobs.get("logs", "l")
    log.write_text("one\ntwo\n")
    second = blobs.get("logs", "l")
    assert (first.length, second.length) == (4, 8)
    assert first.etag != second.etag


def test_only_a_full_disk_is_called_full():
    full = storage_error(OSError(errno.ENOSPC, "x"), "/somewhere")
    assert full.status == 507
    assert "/somewhere" in full.message
    assert storage_error(OSError(errno.EACCES, "x"), "/somewhere") is None
    assert storage_error(ValueError(), "/somewhere") is None


@pytest.mark.parametrize("ending", ["", "\n"])
def test_tail(tmp_path, ending):
    path = tmp_path / "log"
    path.write_text("\n".join(f"line {n} {'x' * 50}" for n in range(20_000)) + ending)
    found = tail(path, 3).splitlines()
    assert [line.split()[1] for line in found] == ["19997", "19998", "19999"]
    assert len(tail(path, 50_000).splitlines()) == 20_000
    assert tail(path, 0) == ""
    assert tail(tmp_path / "none", 5) == ""


def test_a_damaged_store_is_told_and_kept(tmp_path):
    from amlwidgets.sandbox.identity import Damaged

    path = tmp_path / "sandbox.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(Damaged, match=r"sandbox.sqlite is damaged or missing. Put it back from a copy, or move"):
        Store(tmp_path)
    assert path.read_bytes() == b"this is no database" * 1000
