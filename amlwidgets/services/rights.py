"""Rights of what amlwidgets keeps on this machine: its files and folders are the user's alone.

What is made is made closed. What was there is closed where that can be done: some file systems (CIFS, vfat) know no
rights, and a folder may belong to another account of the same person. The doctor tells of a folder that stays open.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITE = stat.S_IWOTH | stat.S_IXOTH
_READ = stat.S_IROTH | stat.S_IXOTH
_EVERYBODY, _GROUP = "Others of this machine", "Your group"


def own_folder(folder: Path) -> None:
    """Make a folder of ours, or close the one that is there to others.

    Raises:
        OSError: It cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _close(folder, 0o700)


def own_file(path: Path) -> None:
    """Make an empty file of ours, or close the one that is there to others.

    Raises:
        OSError: It cannot be made, is a link to another place, or belongs to somebody who does not own its folder.
    """
    with contextlib.suppress(FileExistsError):
        # Only a new file is opened: SQLite's locks end with any handle on its file that is closed.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    close_file(path)
    if path.lstat().st_uid not in {os.geteuid(), 0, path.parent.stat().st_uid}:
        raise OSError(f"{path.name} belongs to somebody else")


def close_file(path: Path) -> None:
    """Close a file to others where it is there, is the user's own, and can be closed.

    Raises:
        OSError: It is a link to another place.
    """
    if path.is_symlink():
        raise OSError(f"{path.name} is a link to another place")
    _close(path, 0o600)


def _close(path: Path, rights: int) -> None:
    with contextlib.suppress(OSError):
        found = path.lstat()
        if found.st_mode & _OTHERS and found.st_uid == os.geteuid():
            _change(path, rights)


def _change(path: Path, rights: int) -> None:
    """Change the rights of what lies there, never of what a link put in its place meanwhile leads to."""
    if sys.platform != "linux":
        path.chmod(rights, follow_symlinks=False)
        return
    # Such a handle opens nothing: closing it ends no lock of SQLite's.
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        if not stat.S_ISLNK(os.fstat(handle).st_mode):
            os.chmod(f"/proc/self/fd/{handle}", rights)  # noqa: PTH101 - by its handle
    finally:
        os.close(handle)


def open_to(folder: Path) -> tuple[str, str]:
    """Return who else can open a folder and what they may do there, as the folders above it let them.

    Returns:
        Who, and ``"write"`` or ``"read"``; two empty texts where nobody can, or there is no such folder.
    """
    try:
        place = folder.resolve(strict=True)
        mode, reach = place.stat().st_mode, _reach(place)
    except (OSError, RuntimeError):
        return "", ""
    may = {_EVERYBODY: mode if _EVERYBODY in reach else 0, _GROUP: (mode >> 3 | mode) if _GROUP in reach else 0}
    for what, bits in (("write", _WRITE), ("read", _READ)):
        for who, rights in may.items():
            if rights & bits == bits:
                return who, what
    return "", ""


def _reach(place: Path) -> set[str]:
    """Return who gets as far as a folder: all folders above it let them pass."""
    above = [parent.stat().st_mode for parent in place.parents]
    passing = {_EVERYBODY: stat.S_IXOTH, _GROUP: stat.S_IXOTH | stat.S_IXGRP}
    return {who for who, bits in passing.items() if all(mode & bits for mode in above)}
