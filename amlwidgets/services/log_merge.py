"""Several logs as one, in the order of time; every line knows where it is from."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.core.logmarks import time_of
from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlwidgets.services.log_sources import LogSource

HOLD = 1.0
"""Seconds that a line waits for earlier ones of quiet sources."""
MOST = 250
_BATCH = 2_000
_PAUSE = 0.05


class MergedSource:
    """Sources whose lines are merged by their time stamps.

    A line without one, such as those of a traceback, stays behind the line before it of the same source. A line of a
    source that gives no times at all counts from when it came. Of live sources a line waits a second for earlier ones;
    what comes later still is put where it comes.

    Args:
        sources: By the name that is shown beside their lines; at most 250.

    Raises:
        BadInput: there are none, or too many.
    """

    def __init__(self, sources: Mapping[str, LogSource]) -> None:
        if not 0 < len(sources) <= MOST:
            raise BadInput(f"{len(sources)} logs cannot be merged; give 1 to {MOST}.", code="log-merge")
        self.names = tuple(sources)
        self.name = " + ".join(self.names[:3]) + (" …" if len(self.names) > 3 else "")  # noqa: PLR2004 - fits the head
        self.quick = all(source.quick and not source.live for source in sources.values())
        self.live = any(source.live for source in sources.values())
        self._parts = [_Part(number, source) for number, source in enumerate(sources.values())]
        self._last = 0

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Merge until all sources have ended or ``stop`` is set."""
        if self.quick:
            for part in self._parts:
                part.fill(stop)
            while self._step(log):
                pass
            return ""
        name = "amlwidgets-log-part"
        threads = [threading.Thread(target=p.fill, args=(stop,), daemon=True, name=name) for p in self._parts]
        for thread in threads:
            thread.start()
        while not stop.is_set():
            ended = not any(thread.is_alive() for thread in threads)
            if not self._step(log):
                if ended:
                    break
                stop.wait(_PAUSE)
        said = [f"{name}: {part.said}" for name, part in zip(self.names, self._parts, strict=True) if part.said]
        return " ".join(said)

    def _step(self, log: LogBuffer) -> bool:
        """Write lines whose turn it is; return whether there were any."""
        origins = bytearray()
        lines: list[bytes] = []
        while len(lines) < _BATCH:
            taken = self._next()
            if not taken:
                break
            lines += taken
            origins += bytes([self._last]) * len(taken)
        if lines:
            log.append_from(bytes(origins), b"".join(lines))
        return bool(lines)

    def _next(self) -> list[bytes]:
        """Return the next lines of the source whose turn it is; none while one may still come before them."""
        for part in self._parts:
            part.look()
        ready = [part for part in self._parts if part.lines]
        if not ready:
            return []
        first = min(ready, key=lambda part: (part.lines[0].at, part.number != self._last, part.number))
        until = min((part.lines[0].at for part in ready if part is not first), default=float("inf"))
        waits = any(not part.lines and not part.ended for part in self._parts)
        due = time.monotonic() - HOLD if waits else float("inf")
        taken = []
        while first.lines and first.lines[0].at <= until and first.lines[0].came <= due:
            taken.append(first.lines.popleft().text)
        self._last = first.number
        return taken


class _Line(NamedTuple):
    """A line that is not merged yet: its time stamp, when it came, its text."""

    at: float
    came: float
    text: bytes


class _Part:
    """One source, and its lines that are not merged yet."""

    def __init__(self, number: int, source: LogSource) -> None:
        self.number, self.source = number, source
        self.said = ""
        self._turn = threading.Lock()
        self.lines: deque[_Line] = deque()
        self._log = LogBuffer(source.name)
        self._at = 0
        self._time = float("-inf")
        self.ended = False
        self._stamped = hasattr(source, "stamps")
        if self._stamped:
            source.stamps = True  # type: ignore[attr-defined]

    def fill(self, stop: threading.Event) -> None:
        """Bring the source's lines, on a thread."""
        self.ended = False
        # One that was stopped may still wait for a line: the next goes on after it.
        while not self._turn.acquire(timeout=0.2):
            if stop.is_set():
                return
        try:
            self.said = self.source.run(self._log, stop)
        except Exception as error:  # noqa: BLE001 - said in the view
            self.said = f"cannot be read any further: {type(error).__name__}: {error}"
        finally:
            self._turn.release()
        self.ended = not stop.is_set() or not self.source.live

    def look(self) -> None:
        """Take up lines that have come, masked, as far as they are whole."""
        if self.lines:
            return
        there = len(self._log) if self.ended else self._log.whole_lines
        found = self._log.raw_window(self._at, min(there - self._at, _BATCH))
        now = time.monotonic()
        for line in found:
            self._note(line, now)
        self._at += len(found)

    def _note(self, line: bytes, now: float) -> None:
        at = time_of(line)
        if self._stamped:
            line = line.partition(b" ")[2]
        if at is None and self._time == float("-inf") and self.source.live:
            at = time.time()
        if at is not None:
            self._time = max(self._time, at)
        self.lines.append(_Line(self._time, now, line + b"\n"))
