"""What is new in a log that can only be read whole, as ``get_logs`` gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class LogFollower:
    """Passes on what is new in a log that can only be read whole.

    Args:
        write: Receives new text.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last = ""

    def update(self, text: str) -> None:
        """Take the log as it is now; where its beginning was dropped, the overlap is looked for."""
        if not text:
            return  # no container answers now; what it wrote stays
        if text.startswith(self._last):
            new = text[len(self._last) :]
        else:
            kept = _overlap(self._last, text)
            new = text[kept:] if kept else f"(lines may be missing here)\n{text}"
        if new:
            self._write(new)
        self._last = text


def _overlap(old: str, new: str) -> int:
    """Return how many characters at the end of ``old`` are the beginning of ``new``; the most, from line to line."""
    head = new[:200]
    at = old.find(head)
    while at >= 0:
        if new.startswith(old[at:]):
            return len(old) - at
        at = old.find(head, at + 1)
    # What is left of the old text is shorter than what was looked for.
    at = max(0, len(old) - len(head))
    while 0 <= at < len(old):
        if new.startswith(old[at:]) and old[at - 1 : at] in ("", "\n"):
            return len(old) - at
        at = old.find("\n", at) + 1 or -1
    return 0
