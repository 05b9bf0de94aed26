"""Search in a log: in steps of a few milliseconds, so that the kernel stays free; hits are counted, not listed."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from amlwidgets.core.ansi import plain_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.core.logbuffer import LogBuffer, Piece


class Hit(NamedTuple):
    """A place of a hit; columns and lengths in UTF-16 units of the line without escape sequences, as a page counts."""

    line: int
    column: int
    length: int


class Query:
    """What is looked for: a plain text. ``services.log_expressions`` has one for expressions.

    Args:
        text: Plain text.
        case: Upper and lower case differ.
    """

    def __init__(self, text: str, *, case: bool = False) -> None:
        self._needle = text.encode("utf-8", "surrogatepass")
        self._lower = not case and text.isascii()
        self._either = None if case or text.isascii() else re.compile(_either_case(text))
        if self._lower:
            self._needle = self._needle.lower()

    def count(self, text: bytes) -> int:
        """Return the number of hits in a block."""
        text = plain_bytes(text)
        if self._either is None:
            return (text.lower() if self._lower else text).count(self._needle)
        return sum(1 for _ in self.matches(text))

    def matches(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield start and end of each hit in a block without escape sequences."""
        if self._either is not None:
            yield from (match.span() for match in self._either.finditer(text))
            return
        hay = text.lower() if self._lower else text
        at = hay.find(self._needle)
        while at >= 0:
            yield at, at + len(self._needle)
            at = hay.find(self._needle, at + len(self._needle))

    def hits(self, piece: Piece) -> Iterator[Hit]:
        """Yield the hits in a block, in order."""
        text = plain_bytes(piece.text)
        starts = [0, *accumulate(len(line) + 1 for line in text.split(b"\n"))]
        for start, end in self.matches(text):
            line = bisect_right(starts, start) - 1
            yield Hit(piece.first + line, _units(text[starts[line] : start]), _units(text[start:end]))

    def lines(self, piece: Piece) -> Iterator[int]:
        """Yield the numbers of the lines of a block that have a hit, in order."""
        text = plain_bytes(piece.text)
        starts: list[int] = []
        last = -1
        for start, _ in self.matches(text):
            starts = starts or [0, *accumulate(len(line) + 1 for line in text.split(b"\n"))]
            line = bisect_right(starts, start, max(last, 0)) - 1
            if line != last:
                last = line
                yield piece.first + line


def _either_case(text: str) -> bytes:
    """Return an expression for a text in any case, also beyond ASCII."""
    forms = ({c, c.lower(), c.upper()} for c in text)
    return b"".join(b"(?:" + b"|".join(re.escape(f.encode()) for f in sorted(form)) + b")" for form in forms)


def _units(text: bytes) -> int:
    return len(text.decode("utf-8", "replace").encode("utf-16-le")) // 2


class Search:
    """One search in one log; it goes on where it was when the log grows.

    Args:
        log: Where to look.
        query: What to look for.
    """

    def __init__(self, log: LogBuffer, query: Query) -> None:
        self._log, self.query = log, query
        self._generation = log.generation
        self._counts: list[int] = []
        self._sums: list[int] = [0]
        self._end = (-1, 0)

    def advance(self, seconds: float) -> bool:
        """Go on for about so long; return whether the whole log was looked at."""
        deadline = time.monotonic() + seconds
        if self._generation != self._log.generation:
            self._generation, self._counts, self._sums, self._end = self._log.generation, [], [0], (-1, 0)
        while len(self._counts) < self._log.block_count:
            if time.monotonic() > deadline:
                return False
            self._counts.append(self.query.count(self._log.block(len(self._counts)).text))
            self._sums.append(self._sums[-1] + self._counts[-1])
        piece = self._log.block(len(self._counts))
        if not piece.closed:
            self._end = (piece.first, self.query.count(piece.text))
        return not piece.closed

    @property
    def total(self) -> int:
        """Hits counted so far."""
        return self._sums[-1] + self._end[1]

    def hit(self, number: int) -> Hit | None:
        """Return a hit by its number from 0; None where there is none (any more)."""
        index = bisect_right(self._sums, number) - 1
        return next(
            (hit for k, hit in enumerate(self.query.hits(self._log.block(index))) if k == number - self._sums[index]),
            None,
        )

    def number_from(self, line: int) -> int:
        """Return the number of the first hit at or after a line; ``total`` where there is none."""
        index = min(self._log.block_of(line), len(self._counts))
        before = sum(1 for hit in self.query.hits(self._log.block(index)) if hit.line < line)
        return self._sums[index] + before

    def first_from(self, line: int, seconds: float) -> Hit | None:
        """Return the first hit at or after a line, whether or not the hits before it are counted."""
        deadline = time.monotonic() + seconds
        index = self._log.block_of(line)
        while index <= self._log.block_count and time.monotonic() < deadline:
            piece = self._log.block(index)
            if self.query.count(piece.text):
                found = next((hit for hit in self.query.hits(piece) if hit.line >= line), None)
                if found is not None:
                    return found
            index += 1
        return None
