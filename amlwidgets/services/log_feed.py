"""Brings a log from its source and has it diagnosed, on a thread that runs while somebody looks."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from amlwidgets.core.findings import Report
from amlwidgets.core.redact import mask
from amlwidgets.services.log_files import LogChunks

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from amlwidgets.core.logbuffer import LogBuffer
    from amlwidgets.services.log_sources import LogSource

_TICK = 0.1
_HEAD_START = 0.6
"""Seconds for which the catalogue of causes, which is loaded once, waits for the first view to ask for its lines."""
_PATIENCE = 10
"""A growing log is diagnosed again after a pause of so many times what the last diagnosis took."""


_DIAGNOSIS = "amlwidgets.services.diagnose"


class LogFeed:
    """Fills a log, and keeps its diagnosis current.

    Args:
        log: Where lines go.
        source: Where they are from.
        changed: Called from a thread with what changed: ``"log"``, ``"report"`` or ``"status"``.
    """

    def __init__(self, log: LogBuffer, source: LogSource, changed: Callable[[str], None]) -> None:
        self.log, self.source, self._changed = log, source, changed
        self.report = Report()
        self.ended = ""
        self.running = False
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def start(self) -> None:
        """Begin, or go on after ``stop``; does nothing while it runs."""
        with self._lock:
            if self.running or self._done.is_set():
                return
            self.running, self._stop = True, threading.Event()
            self._threads = [
                threading.Thread(target=work, args=(self._stop,), daemon=True, name=f"amlwidgets-log-{work.__name__}")
                for work in (self._fill, self._watch)
            ]
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """End the work; what is there stays."""
        with self._lock:
            self._stop.set()
            self.running = False

    def wait(self, seconds: float) -> bool:
        """Wait until the source has ended and all is diagnosed; return whether that is so."""
        return self._done.wait(seconds)

    def _fill(self, stop: threading.Event) -> None:
        # One that was stopped may still wait for a line: the next goes on after it.
        while not self._turn.acquire(timeout=_TICK):
            if stop.is_set():
                return
        try:
            self.ended = mask(self.source.run(self.log, stop))
        except Exception as error:  # noqa: BLE001 - said in the view
            self.ended = mask(f"The log cannot be read any further: {type(error).__name__}: {error}")
        finally:
            self._turn.release()
        if not stop.is_set():
            stop.source_ended = True  # type: ignore[attr-defined]

    def _watch(self, stop: threading.Event) -> None:
        """Settle what came, tell it, diagnose it when it pauses."""
        seen = (-1, -1)
        examined, due = -1, 0.0
        while not stop.is_set():
            finished = getattr(stop, "source_ended", False)
            now = (len(self.log), self.log.settled_lines)
            self.log.give_way()
            settled = self.log.settle(_TICK / 2, patient=True)
            if now != seen:
                seen = now
                self._changed("log")
            if settled and examined != len(self.log) and (finished or time.monotonic() >= due):
                begun = time.monotonic()
                examined = len(self.log)
                self._diagnose(stop)
                due = time.monotonic() + max(1.0, _PATIENCE * (time.monotonic() - begun))
            if finished and settled and examined == len(self.log):
                self._finish(stop)
                return
            stop.wait(_TICK if settled else 0)

    def _finish(self, stop: threading.Event) -> None:
        # Before it is done: who has waited for that finds that the changes were told.
        self._changed("log")
        self._changed("status")
        with self._lock:
            if self._stop is stop:
                self.running = False
            self._done.set()

    def _diagnose(self, stop: threading.Event) -> None:
        if _DIAGNOSIS not in sys.modules:
            self._let_the_view_begin(stop)
        from amlwidgets.services.diagnose import diagnose

        log = self.log
        report = diagnose([(log.name, LogChunks(lambda: cast("IO[bytes]", _Reader(log)), log.name))])
        if report.to_dict() != self.report.to_dict():
            self.report = report
            self._changed("report")

    def _let_the_view_begin(self, stop: threading.Event) -> None:
        end = time.monotonic() + _HEAD_START
        while not self.log.was_asked and time.monotonic() < end and not stop.wait(_TICK / 4):
            pass
        self.log.give_way()


class _Reader:
    """A log as a file."""

    def __init__(self, log: LogBuffer) -> None:
        self._log = log
        self._pieces = log.pieces()
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            self._log.give_way()
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece.text
        out, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return out

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_error: object) -> None:
        self._rest = b""
