"""Many changes, few messages: a view is told at most ten times a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

INTERVAL = 0.1
"""Seconds between two messages to a view."""


class Coalescer(Generic[T]):
    """Collects what changed and tells it together.

    The first change is told at once; further ones after ``interval`` seconds, together. A change is never lost.

    Args:
        flush: Called with the set of changes, on a thread of its own or on the caller's.
        interval: Seconds between two calls.
    """

    def __init__(self, flush: Callable[[set[T]], None], interval: float = INTERVAL) -> None:
        self._flush, self._interval = flush, interval
        self._changes: set[T] = set()
        self._lock = threading.Lock()
        self._telling = threading.RLock()
        self._timer: threading.Timer | None = None
        self._closed = False

    def add(self, change: T) -> None:
        """Note a change; returns at once."""
        with self._lock:
            self._changes.add(change)
            if self._timer is not None or self._closed:
                return
            self._arm(0.0)

    def _arm(self, delay: float) -> None:
        self._timer = threading.Timer(delay, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def tell(self) -> bool:
        """Tell at once what was noted before, and be done with it on return; returns whether there was anything."""
        with self._telling:
            with self._lock:
                changes, self._changes = self._changes, set()
                closed = self._closed
            if changes and not closed:
                self._flush(changes)
            return bool(changes)

    def _fire(self) -> None:
        changes = True
        try:
            changes = self.tell()
        finally:
            with self._lock:
                self._timer = None
                # Something came while the view was told, or just before: look again after the pause.
                if (changes or self._changes) and not self._closed:
                    self._arm(self._interval)

    def close(self) -> None:
        """Tell nothing any more."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
