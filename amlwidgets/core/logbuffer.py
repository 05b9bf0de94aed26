"""A growing log that is read in windows."""

from __future__ import annotations

import threading


class LogBuffer:
    """Lines of text that arrive in pieces; safe to use from several threads.

    The last line may be incomplete: it is shown, and completed by the next piece.

    Args:
        name: Name of the source, shown to people, such as ``"container log"``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lines: list[str] = []
        self._open = False
        self._lock = threading.Lock()

    def append(self, text: str) -> None:
        """Add ``text``; it may hold many lines or a part of one."""
        if not text:
            return
        pieces = text.replace("\r\n", "\n").split("\n")
        with self._lock:
            if self._open:
                self._lines[-1] += pieces[0]
                pieces = pieces[1:]
            self._open = text[-1] != "\n"
            self._lines.extend(pieces if self._open else pieces[:-1])

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._lines, self._open = [], False

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self._lines)

    def window(self, start: int, count: int) -> list[str]:
        """Return up to ``count`` lines from index ``start`` (0-based)."""
        with self._lock:
            return self._lines[max(start, 0) : max(start, 0) + max(count, 0)]

    def text(self) -> str:
        """Return the whole text."""
        with self._lock:
            body = "\n".join(self._lines)
            return body if self._open or not body else body + "\n"

    def find(self, query: str, *, limit: int = 5_000) -> list[int]:
        """Return the indices of lines that contain ``query``, case ignored; at most ``limit``."""
        needle = query.casefold()
        hits: list[int] = []
        if not needle:
            return hits
        with self._lock:
            for index, line in enumerate(self._lines):
                if needle in line.casefold():
                    hits.append(index)
                    if len(hits) >= limit:
                        break
        return hits
