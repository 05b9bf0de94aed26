"""What fixes have kept of the files that they changed. The journal names it, and a doctored journal leads nowhere else.

A backup is looked for in the folder of backups alone, a file below the working folder alone; links out of them are not
followed, and the text has to be the one whose digest was kept.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_text(path: Path) -> str:
    """Return a file's text with its own line ends.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is no text.
    """
    # newline="" keeps them
    with path.open(encoding="utf-8", newline="") as stream:
        return stream.read()


def backup_text(entry: Mapping[str, Any], backups: Path) -> str:
    """Return what a file held before a fix.

    Args:
        entry: What the journal says of the file: ``backup`` (its path) and ``before`` (the SHA-256 of its text).
        backups: The folder in which every backup lies.

    Raises:
        BadInput: There is no such backup in that folder, or it is not the one that was kept.
    """
    name = Path(str(entry.get("backup") or "")).name
    path = backups / name
    if not name or path.is_symlink() or not path.is_file():
        raise refused(f"{name or 'no backup'} is not among the backups")
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise refused(f"the backup {name} cannot be read") from error
    if digest(text) != entry.get("before"):
        raise refused(f"the backup {name} is not what was kept")
    return text


def project_file(entry: Mapping[str, Any], folder: Path) -> Path:
    """Return the file that a fix has changed.

    Args:
        entry: What the journal says of it: ``file``, relative to the working folder.
        folder: The working folder.

    Raises:
        BadInput: It is not there, or lies outside of the working folder.
    """
    name = str(entry.get("file") or "")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise refused(f"{name} lies outside of the working folder")
    if not path.is_file():
        raise refused(f"{name or 'the file'} is not there any more")
    return path


def refused(what: str) -> BadInput:
    """Return the error that says why the journal is not followed."""
    return BadInput(f"The fix cannot be taken back: {what}.", code="undo-refused", todo="Nothing was changed.")
