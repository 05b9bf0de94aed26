"""The log of a Docker container: its newest lines first, then what it writes; no gaps or duplicates over pauses."""

from __future__ import annotations

import threading
from collections import Counter, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlwidgets.core.logbuffer import LogBuffer

_OVERLAP = 2
"""Seconds of the log that are asked for again after a pause."""


class ContainerSource:
    """The log of a Docker container: its newest lines first, then what it writes.

    Args:
        container: A container of the ``docker`` package.
        tail: Lines from before now; a whole long log would take minutes.
    """

    quick = False
    live = True

    def __init__(self, container: Any, tail: int = 5000) -> None:
        self.name = f"log of {container.name}"
        self.stamps = False
        self._container, self._tail = container, tail
        self._first = self._last = b""
        self._recent: deque[bytes] = deque()

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Follow until the container ends or ``stop`` is set."""
        stream = self._asked(follow=True)
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.1):
                if stop.is_set():
                    stream.close()
                    return

        threading.Thread(target=watch, daemon=True, name="amlwidgets-container-log").start()
        try:
            self._pass_on(stream, log, stop)
        finally:
            ended.set()
        if stop.is_set():
            return ""
        # An engine may end the stream of a container that ends before its last line.
        self._pass_on(self._asked(follow=False), log, stop)
        return "The container has ended."

    def _asked(self, *, follow: bool) -> Any:
        """Ask for what is new, and again for the last seconds before it."""
        part = {"since": _seconds(self._last) - _OVERLAP} if self._last else {"tail": self._tail}
        return self._container.logs(stream=True, follow=follow, timestamps=True, **part)

    def _pass_on(self, stream: Any, log: LogBuffer, stop: threading.Event) -> None:
        rest = b""
        known = Counter(self._recent)
        for chunk in stream:
            *lines, rest = (rest + chunk).split(b"\n")
            self._write(lines, known, log)
        if rest and not stop.is_set():
            self._write([rest], known, log)

    def _write(self, lines: list[bytes], known: Counter[bytes], log: LogBuffer) -> None:
        fresh = [line for line in lines if not known or not self._was_there(line, known)]
        log.append(b"".join((line if self.stamps else line.partition(b" ")[2]) + b"\n" for line in fresh))
        self._remember(fresh)

    def _was_there(self, line: bytes, known: Counter[bytes]) -> bool:
        known[line] -= 1
        return known[line] >= 0 or line < self._first

    def _remember(self, lines: list[bytes]) -> None:
        """Keep the lines of the last seconds; output and errors may be out of order within these."""
        self._recent += lines
        self._first = self._first or (lines[0] if lines else b"")
        newest = max((line.partition(b" ")[0] for line in lines), default=b"")
        if newest[:19] > self._last[:19]:
            cut = datetime.fromtimestamp(_seconds(newest) - _OVERLAP - 1, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
            while self._recent and self._recent[0] < cut:
                self._recent.popleft()
        self._last = max(self._last, newest)


def _seconds(stamp: bytes) -> int:
    return int(datetime.fromisoformat(stamp.decode()[:19] + "+00:00").timestamp())
