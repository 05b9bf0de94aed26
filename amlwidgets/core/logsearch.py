"""Search in a log: in steps of a few milliseconds, so that the kernel stays free; hits are counted, not listed."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from amlwidgets.core.ansi import plain_bytes
from amlwidgets.core.bytefind import holds
from amlwidgets.core.masking import can_be_in_a_mask

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
        self._lower = not case and text.isascii() and text.lower() != text.upper()
        self._either = None if case or text.isascii() else re.compile(_either_case(text))
        if self._lower:
            self._needle = self._needle.lower()

        self.sees_raw = self._either is None and not can_be_in_a_mask(text)
        """What does not hold it before its secrets are masked does not hold it afterwards."""

        self.folds = self._either is None and not case
        """Small letters and the absence of escape sequences make no difference."""

    def count(self, text: bytes) -> int:
        """Return the number of hits in a block."""
        text = plain_bytes(text)
        if self._either is not None:
            return sum(1 for _ in self.matches(text))
        return self.count_folded(text.lower() if self._lower else text)

    def count_folded(self, text: bytes) -> int:
        """Return the number of hits in a block as ``Blocks.folded`` has it; only if the query ``folds``."""
        return text.count(self._needle) if holds(text, self._needle) else 0

    def matches(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield start and end of each hit in a block without escape sequences."""
        if self._either is not None:
            yield from (match.span() for match in self._either.finditer(text))
            return
        hay = text.lower() if self._lower else text
        at = hay.find(self._needle) if holds(hay, self._needle) else -1
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


class Seek(NamedTuple):
    """Where the hunt for the first hit goes on: from the block with that index, towards the end or the start."""

    block: int
    back: bool = False


class Search:
    """One search in one log; it goes on where it was when the log grows.

    Args:
        log: Where to look.
        query: What to look for.
    """

    def __init__(self, log: LogBuffer, query: Query) -> None:
        self._log, self.query = log, query
        self._start()

    def _start(self) -> None:
        self._generation = self._log.generation
        self._counts: list[int] = []
        self._sums: list[int] = [0]
        self._known: dict[int, int] = {}
        self._end = (-1, 0)

    def advance(self, seconds: float) -> bool:
        """Go on for about so long; return whether the whole log was looked at."""
        deadline = time.monotonic() + seconds
        if self._generation != self._log.generation:
            self._start()
        while len(self._counts) < self._log.block_count:
            if time.monotonic() > deadline:
                return False
            self._counts.append(self._count(len(self._counts)))
            self._sums.append(self._sums[-1] + self._counts[-1])
        piece = self._log.block(len(self._counts))
        if not piece.closed:
            self._end = (piece.first, self.query.count(piece.text))
        return not piece.closed

    def _count(self, index: int) -> int:
        """Return the number of hits in a block, which is counted once if it is closed."""
        if index >= self._log.block_count:
            return self.query.count(self._log.block(index).text)
        if index < len(self._counts):
            return self._counts[index]
        if index not in self._known:
            self._known[index] = self._look_at(index)
        return self._known[index]

    def _look_at(self, index: int) -> int:
        folded = self._log.folded_block(index) if self.query.folds else None
        if folded is not None:
            return self.query.count_folded(folded)
        # Masking costs more than looking: a block that cannot hold it is left for later.
        raw = self._log.raw_block(index) if self.query.sees_raw else None
        return self.query.count(self._log.block(index).text) if raw is None or self.query.count(raw) else 0

    @property
    def total(self) -> int:
        """Hits counted so far."""
        return self._sums[-1] + self._end[1]

    @property
    def left(self) -> int:
        """Blocks that are not counted yet."""
        return self._log.block_count - len(self._counts)

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

    def number_of(self, hit: Hit) -> int:
        """Return the number of a hit, told by its line and column."""
        index = min(self._log.block_of(hit.line), len(self._counts))
        return self._sums[index] + sum(1 for other in self.query.hits(self._log.block(index)) if other[:2] < hit[:2])

    def hunt(self, line: int, seconds: float, seek: Seek | None = None) -> tuple[Hit | None, Seek | None]:
        """Look for the first hit at or after a line, and from there to the start for the last one before it.

        Args:
            line: Where to begin.
            seconds: The hunt lasts about so long.
            seek: Where an earlier hunt for the same line stopped.

        Returns:
            The hit, or where to go on; neither where there is no hit.
        """
        deadline = time.monotonic() + seconds
        seek = seek or Seek(self._log.block_of(line))
        while True:
            if seek.block > self._log.block_count:
                seek = Seek(self._log.block_of(line), back=True)
            if seek.block < 0:
                return None, None
            found = self._nearest(line, seek)
            if found is not None:
                return found, None
            seek = seek._replace(block=seek.block + (-1 if seek.back else 1))
            if time.monotonic() > deadline:
                return None, seek

    def _nearest(self, line: int, seek: Seek) -> Hit | None:
        if not self._count(seek.block):
            return None
        hits = self.query.hits(self._log.block(seek.block))
        if not seek.back:
            return next((hit for hit in hits if hit.line >= line), None)
        last = None
        for hit in hits:
            if hit.line >= line:
                break
            last = hit
        return last
