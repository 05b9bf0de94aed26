"""Files that are replaced at one stroke."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str, *, rights: int = 0o600) -> None:
    """Replace a file at one stroke, so that a full disk leaves the old one.

    Args:
        path: The file.
        text: Its new text; line ends are written as they are.
        rights: Of a file that was not there; one that was keeps its own.

    Raises:
        OSError: It cannot be written; what was there is as it was.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        _set_rights(Path(temporary), path.stat().st_mode & 0o777 if path.exists() else rights)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _set_rights(path: Path, rights: int) -> None:
    if path.stat().st_mode & 0o777 != rights:
        with contextlib.suppress(PermissionError):  # some file systems know no rights
            path.chmod(rights)
