"""Which lines of a log are shown, as rows: all, those that pass a filter, or all but repeated ones."""

from __future__ import annotations

import re
import time
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlwidgets.core.logbuffer import LogBuffer, Piece
    from amlwidgets.core.logsearch import Query


class AllRows:
    """Every line is a row."""

    def __init__(self, log: LogBuffer) -> None:
        self._log = log

    def update(self, seconds: float) -> bool:
        """Take up what is new, for about so long; return whether all is taken up."""
        del seconds
        return True

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._log)

    def lines(self, start: int, count: int) -> Sequence[int]:
        """Return the line numbers of rows."""
        return range(max(start, 0), min(start + count, len(self)))

    def row_of(self, line: int) -> int:
        """Return the row of a line, or of the next one that is shown."""
        return min(line, max(len(self) - 1, 0))

    def hidden_after(self, line: int) -> int:
        """Return how many lines like it are folded behind a line."""
        del line
        return 0


class FoldedRows(AllRows):
    """All lines but those that repeat the one before; of each run the first line is shown, with a count.

    Args:
        log: The log.
        opened: First lines of runs that the user has unfolded.
    """

    def __init__(self, log: LogBuffer, opened: set[int]) -> None:
        super().__init__(log)
        self._opened = opened
        self._first: list[int] = []
        self._hidden: list[int] = []
        self._sums: list[int] = [0]

    def update(self, seconds: float) -> bool:
        """Take up the runs known now."""
        del seconds
        repeats = self._log.repeats
        runs = [(a, n) for a, n in zip(repeats.first, repeats.count, strict=False) if a not in self._opened]
        self._first, self._hidden = [a for a, _ in runs], [n for _, n in runs]
        self._sums = [0]
        for hidden in self._hidden:
            self._sums.append(self._sums[-1] + hidden)
        return True

    def __len__(self) -> int:
        """Return the number of rows."""
        return max(len(self._log) - self._sums[-1], 0)

    def lines(self, start: int, count: int) -> Sequence[int]:
        """Return the line numbers of rows."""
        return [self._line(row) for row in range(max(start, 0), min(start + count, len(self)))]

    def _line(self, row: int) -> int:
        # Row of the first line of run k: its line less all that is hidden before it.
        low, high = 0, len(self._first)
        while low < high:
            middle = (low + high) // 2
            if self._first[middle] - self._sums[middle] < row:
                low = middle + 1
            else:
                high = middle
        return row + self._sums[low]

    def row_of(self, line: int) -> int:
        """Return the row of a line, or of the run that it is folded into."""
        index = bisect_right(self._first, line) - 1
        if index >= 0 and line <= self._first[index] + self._hidden[index]:
            return self._first[index] - self._sums[index]
        return min(line, len(self._log) - 1) - self._sums[index + 1]

    def hidden_after(self, line: int) -> int:
        """Return how many lines like it are folded behind a line."""
        index = bisect_left(self._first, line)
        return self._hidden[index] if index < len(self._first) and self._first[index] == line else 0


class FilteredRows(AllRows):
    """The lines of some levels that hold a text.

    Args:
        log: The log.
        query: What a line must hold; None takes every line.
        levels: Levels that are shown; None takes all.
    """

    def __init__(self, log: LogBuffer, query: Query | None, levels: frozenset[int] | None) -> None:
        super().__init__(log)
        self._query = query
        self._levels = levels
        wanted = b"".join(b"\\x%02x" % level for level in sorted(levels or ()))
        self._class = re.compile(b"[" + wanted + b"]") if wanted else None
        self._lines = array("Q")
        self._blocks = 0
        self._end: list[int] = []

    def update(self, seconds: float) -> bool:
        """Take up what is new, for about so long; return whether all is taken up."""
        deadline = time.monotonic() + seconds
        while self._blocks < self._log.block_count:
            if time.monotonic() > deadline:
                self._end = []
                return False
            self._lines.extend(self._passing(self._log.block(self._blocks)))
            self._blocks += 1
        piece = self._log.block(self._blocks)
        self._end = [] if piece.closed else list(self._passing(piece))
        return not piece.closed

    def _passing(self, piece: Piece) -> Iterator[int]:
        if self._levels is None:
            return self._query.lines(piece) if self._query else iter(range(piece.first, len(self._log)))
        levels = self._log.levels_in(piece)
        if self._query is None:
            return (piece.first + m.start() for m in self._class.finditer(bytes(levels))) if self._class else iter(())
        return (line for line in self._query.lines(piece) if levels[line - piece.first] in (self._levels or ()))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._lines) + len(self._end)

    def lines(self, start: int, count: int) -> Sequence[int]:
        """Return the line numbers of rows."""
        start = max(start, 0)
        known = self._lines[start : start + count]
        rest = max(start - len(self._lines), 0)
        return [*known, *self._end[rest : rest + count - len(known)]]

    def row_of(self, line: int) -> int:
        """Return the row of a line, or of the next one that is shown."""
        row = bisect_left(self._lines, line)
        if row == len(self._lines):
            row += bisect_left(self._end, line)
        return min(row, max(len(self) - 1, 0))
