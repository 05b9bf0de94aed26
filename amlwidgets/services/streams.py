"""Text from the SDK into our logs: captured per thread, masked per line."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from amlwidgets.core.redact import mask

Write = Callable[[str], None]


class MaskedWriter:
    """Passes complete lines on, with secrets masked; a line is never passed in two halves.

    Args:
        sink: Receives masked text that ends with a line break (the last piece at ``flush`` may not).
    """

    def __init__(self, sink: Write) -> None:
        self._sink = sink
        self._rest = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Take ``text``; returns its length, as a text stream does."""
        with self._lock:
            head, found, tail = (self._rest + text).rpartition("\n")
            self._rest = tail
        if found:
            self._sink(mask(head + "\n"))
        return len(text)

    def flush(self) -> None:
        """Nothing: an unfinished line waits for its end, or for ``close``."""

    def close(self) -> None:
        """Pass on what is left, as a line."""
        with self._lock:
            rest, self._rest = self._rest, ""
        if rest:
            self._sink(mask(rest + "\n"))


class _Router:
    """Stands in for a standard stream: text of captured threads goes to their writer, all else passes through."""

    def __init__(self, original: TextIO) -> None:
        self.original = original
        self.writers: dict[int, MaskedWriter] = {}

    def write(self, text: str) -> int:
        writer = self.writers.get(threading.get_ident())
        return writer.write(text) if writer else self.original.write(text)

    def flush(self) -> None:
        if threading.get_ident() not in self.writers:
            self.original.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


_lock = threading.Lock()


def _routers() -> tuple[_Router, _Router]:
    """Return the routers of standard output and error, put in place when they are not (or no longer) there."""
    if not isinstance(sys.stdout, _Router):
        sys.stdout = _Router(sys.stdout)
    if not isinstance(sys.stderr, _Router):
        sys.stderr = _Router(sys.stderr)
    return sys.stdout, sys.stderr


@contextmanager
def capture(sink: Write) -> Iterator[None]:
    """Send what this thread prints to ``sink``; other threads, such as the user's own cells, are not touched."""
    writer, me = MaskedWriter(sink), threading.get_ident()
    with _lock:
        routers = _routers()
        for router in routers:
            router.writers[me] = writer
    try:
        yield
    finally:
        writer.close()
        with _lock:
            for router in routers:
                router.writers.pop(me, None)
            # Put the originals back only where nobody replaced the stream in the meantime.
            if sys.stdout is routers[0] and not routers[0].writers:
                sys.stdout = routers[0].original
            if sys.stderr is routers[1] and not routers[1].writers:
                sys.stderr = routers[1].original
