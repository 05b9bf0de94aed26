"""Rights of what amlwidgets keeps on this machine: its files and folders are the user's alone."""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITERS = stat.S_IWGRP | stat.S_IWOTH


def own_folder(folder: Path) -> None:
    """Make a folder of ours, or close the one that is there to others.

    Raises:
        OSError: It cannot be made, or belongs to somebody else.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_mode & _OTHERS:
        folder.chmod(0o700)


def own_file(path: Path) -> None:
    """Make an empty file of ours, or close the one that is there to others.

    Raises:
        OSError: It cannot be made, belongs to somebody else, or is a link to another place.
    """
    if path.is_symlink():
        raise OSError("it is a link to another place")
    path.touch(mode=0o600)
    close_file(path)


def close_file(path: Path) -> None:
    """Close a file to others, without opening it: SQLite's locks end with any handle on its file that is closed.

    Raises:
        OSError: It belongs to somebody else.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.lstat().st_mode & _OTHERS:
            path.chmod(0o600)


def open_to_others(folder: Path) -> str:
    """Return what others may do in a folder: ``"write"``, ``"read"``, or nothing (also when it is not there)."""
    try:
        mode = folder.stat().st_mode
    except OSError:
        return ""
    if mode & _WRITERS:
        return "write"
    return "read" if mode & _OTHERS else ""
