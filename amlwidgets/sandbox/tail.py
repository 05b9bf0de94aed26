"""The last lines of a file, without reading the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 256 * 1024


def tail(path: Path, lines: int) -> str:
    """Return the last ``lines`` lines of a text file; empty when there is no such file."""
    if lines <= 0:
        return ""
    try:
        with path.open("rb") as file:
            position = file.seek(0, 2)
            blocks: list[bytes] = []
            found = 0
            # One line end more than lines: the one in front of the first wanted line.
            while position > 0 and found <= lines:
                size = min(_BLOCK, position)
                position -= size
                file.seek(position)
                blocks.append(file.read(size))
                found += blocks[-1].count(b"\n")
    except FileNotFoundError:
        return ""
    text = b"".join(reversed(blocks))
    return b"".join(text.splitlines(keepends=True)[-lines:]).decode("utf-8", "replace")
