"""Who looks: work for a view goes on while one is open, and ends with the last, however that happens."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FORGOTTEN = 90.0
"""Seconds without a sign of life after which a view counts as closed; a view gives one every 10 s, and where the
browser holds back the clocks of a page that nobody sees, every 60 s."""


class Presence:
    """Counts open views.

    Args:
        begin: Called when a view is open; may be called again while one is.
        end: Called when none is open any more.
    """

    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._begin, self._end = begin, end
        self._views: dict[str, float] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def seen(self, view: str, *, closed: bool = False) -> None:
        """Note that a view is open, or that it was closed."""
        now = time.monotonic()
        with self._lock:
            self._views = {v: at for v, at in self._views.items() if now - at < FORGOTTEN and v != view}
            if not closed:
                self._views[view] = now
            anyone = bool(self._views)
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._started() if anyone else None
        if anyone:
            self._begin()
        else:
            self._end()

    def _started(self) -> threading.Timer:
        timer = threading.Timer(FORGOTTEN, self._expire)
        timer.daemon = True
        timer.start()
        return timer

    def _expire(self) -> None:
        with self._lock:
            # A sign may have come while this waited.
            if any(time.monotonic() - at < FORGOTTEN - 1 for at in self._views.values()):
                return
            self._views = {}
        self._end()
