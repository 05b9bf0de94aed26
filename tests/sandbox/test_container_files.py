"""Unpacking archives into a container's folder: never more than there is room for, and damage is named."""

from __future__ import annotations

import io
import pathlib
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


def _link(name, to, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return [(member, b"")]


def _file(name, content=b"owned"):
    member = tarfile.TarInfo(name)
    member.size, member.uid, member.uname, member.mode = len(content), 0, "root", 0o6777
    return [(member, content)]


HOSTILE = {
    "parent": _file("../owned"),
    "parents": _file("a/../../owned"),
    "absolute": _file("/tmp/amlwidgets-owned"),
    "symlink out": _link("s", "../outside", tarfile.SYMTYPE) + _file("s/owned"),
    "absolute symlink": _link("s", "/etc/passwd", tarfile.SYMTYPE),
    "link over a link": _link("a", ".", tarfile.SYMTYPE) + _link("a/b", "../..", tarfile.SYMTYPE) + _file("a/b/owned"),
    "hard link out": _link("h", "../outside/kept", tarfile.LNKTYPE),
    "device": _link("d", "", tarfile.CHRTYPE),
    "pipe": _link("p", "", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("root", [None, "", "/home/someone"])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_member_of_an_archive_leaves_its_folder(tmp_path, name, root):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "kept").write_text("kept")
    with tarfile.open(inside / "a.tar", "w") as tar:
        for member, content in HOSTILE[name]:
            tar.addfile(member, io.BytesIO(content))
    try:
        container_files._unpack(inside / "a.tar", inside, root)
    except ApiError as error:
        assert "a.tar" in error.message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["inside", "outside"]
    assert [(p.name, p.read_text()) for p in outside.iterdir()] == [("kept", "kept")]
    assert (outside / "kept").stat().st_nlink == 1
    assert not pathlib.Path("/tmp/amlwidgets-owned").exists()
    for path in inside.rglob("*"):
        assert path.resolve().is_relative_to(inside.resolve()), path
        assert path.is_dir() or path.is_file() or path.is_symlink()
        assert not path.lstat().st_mode & 0o6000, "no bits that lend somebody's rights"


@pytest.mark.parametrize("name", ["../owned", "/tmp/amlwidgets-owned", "a/../../owned", ""])
def test_no_name_of_an_asset_leaves_the_folder(tmp_path, name):
    (tmp_path / "inside").mkdir()
    with pytest.raises(ApiError):
        container_files.place(tmp_path / "inside", name, [b"owned"])
    assert [p.name for p in tmp_path.rglob("*")] == ["inside"]
