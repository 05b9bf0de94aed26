"""Unpacking archives into a container's folder: never more than there is room for, and damage is named."""

from __future__ import annotations

import io
import tarfile

import pytest

from amlwidgets.sandbox import container_files
from amlwidgets.sandbox.api import ApiError


def archive(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_an_archive_is_unpacked_and_removed(tmp_path):
    archive(tmp_path / "a.tar.gz", {"x/y.txt": b"y"})
    container_files._unpack_all(tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()] == ["x/y.txt"]


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MAX_MEMBERS", 2, "more than 2 files"),
        ("MAX_BYTES", 2500, "room for"),
        ("KEEP_FREE_BYTES", 1 << 62, "room for"),
    ],
)
def test_too_much_is_refused_before_anything_is_written(tmp_path, monkeypatch, limit, value, words):
    monkeypatch.setattr(container_files, limit, value)
    path = archive(tmp_path / "bomb.tar.gz", {f"f{n}": bytes(1000) for n in range(3)})
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(ApiError, match=f"bomb.tar.gz is not unpacked: .*{words}"):
        container_files._unpack(path, target)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_cut_archive_is_named(tmp_path, mode):
    import random

    content = random.Random(1).randbytes(300_000)
    path = archive(tmp_path / "cut.tar", {"f": content, "g": content}, mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(ApiError, match="cut.tar cannot be unpacked: "):
        container_files._unpack_all(tmp_path)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_damaged_archive_is_named(tmp_path, mode):
    import random

    path = archive(tmp_path / "bad.tar", {"f": random.Random(1).randbytes(300_000)}, mode)
    data = bytearray(path.read_bytes())
    data[100_000:100_400] = bytes(400)
    path.write_bytes(data)
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(ApiError, match="bad.tar cannot be unpacked: "):
        container_files._unpack(path, target)
