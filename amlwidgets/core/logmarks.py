"""What a line says of itself: its level, its time; and which lines only repeat the one before."""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import UTC, datetime
from enum import IntEnum
from itertools import accumulate

from amlwidgets.core.ansi import plain_bytes
from amlwidgets.core.bytefind import holds


class Level(IntEnum):
    """How grave a line is."""

    NONE = 0
    DEBUG = 1
    INFO = 2
    WARNING = 3
    ERROR = 4


_SIGNS = (
    (Level.DEBUG, (b"DEBUG", b" D [", b"[debug]", b'"debug"')),
    (Level.INFO, (b"INFO", b" I [", b"[info]", b'"info"')),
    (Level.WARNING, (b"WARN", b" W [", b"Warning", b"warning:", b"[warn", b'"warn')),
    (
        Level.ERROR,
        (
            b"ERROR", b" E [", b"CRITICAL", b"FATAL",
            b"Traceback (most", b"Error:", b"error:", b"Exception:", b"Exception in",
            b"[error]", b'"error"', b"exited with code", b"was sent SIG", b"BackOff", b"WORKER TIMEOUT",
        ),
    ),
)  # fmt: skip
_FRONT = 100
"""Bytes at the front of a line in which a low level is looked for."""
_TRACEBACK = b"Traceback (most"
FEWEST_REPEATS = 3
"""Repeated lines are folded when there are more than this many."""
_DIGITS = b"0123456789"


def levels_of(block: bytes, *, inside: bool = False) -> bytearray:
    """Return the level of each line of a block; the lines of a traceback have that of an error.

    Args:
        block: Lines.
        inside: The lines begin in a traceback.
    """
    lengths = [len(line) + 1 for line in block.split(b"\n")]
    starts = [0, *accumulate(lengths)][:-1]
    levels = bytearray(block.count(b"\n") + (not block.endswith(b"\n") and bool(block)))
    if inside:
        _extend(block, starts, levels, -1)
    for level, literals in _SIGNS:
        for literal in literals:
            at = block.find(literal) if holds(block, literal) else -1
            line = 0
            while at >= 0:
                line = bisect_right(starts, at, line) - 1
                # "set the logging level to DEBUG" at the end of a message is no level.
                if level > Level.INFO or at - starts[line] < _FRONT:
                    levels[line] = level
                if literal is _TRACEBACK:
                    _extend(block, starts, levels, line)
                if line + 1 >= len(starts):
                    break
                at = block.find(literal, starts[line + 1])
    return levels


def _extend(block: bytes, starts: list[int], levels: bytearray, line: int) -> None:
    """Give a traceback's indented lines its level."""
    for follower in range(line + 1, min(line + 200, len(levels))):
        levels[follower] = Level.ERROR
        if block[starts[follower] : starts[follower] + 1] not in (b" ", b"\t"):
            return


def ends_in_traceback(block: bytes, *, inside: bool = False) -> bool:
    """Whether the next line belongs to a traceback that these lines have begun."""
    last = block.rfind(b"\n", 0, len(block) - 1) + 1
    if block.startswith(_TRACEBACK, last):
        return True
    begun = block.rfind(_TRACEBACK)
    follows = block[block.find(b"\n", begun) + 1 :] if begun >= 0 else block if inside else b""
    return bool(follows) and all(line[:1] in (b" ", b"\t") for line in follows.rstrip(b"\n").split(b"\n"))


_PASSING = re.compile(
    rb"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d[.,\d]*(?:Z| ?[+-]\d\d:?\d\d)?"
    rb"|\d\d:\d\d:\d\d[.,\d]*|\bpid[:= ]{1,3}\d+|\[\d+\]"
)


class Repeats:
    """Runs of lines that are alike but for their time and process, such as ``Booting worker with pid: 14``."""

    def __init__(self) -> None:
        self.first: list[int] = []
        self.count: list[int] = []
        self._first = self._rough = self._exact = b""
        self._start = self._line = 0

    def feed(self, block: bytes) -> None:
        """Look at the next lines."""
        text = plain_bytes(block)
        lines = text.split(b"\n")
        if not lines[-1]:
            lines.pop()
        # Without any digits the lines are compared roughly first: that costs least.
        for line, rough in zip(lines, text.translate(None, _DIGITS).split(b"\n"), strict=False):
            if rough != self._rough or not rough.strip():
                self._begin(line, rough)
            elif not self._exact or self._exact != _PASSING.sub(b"", line):
                self._exact = self._exact or _PASSING.sub(b"", self._first)
                if self._exact != _PASSING.sub(b"", line):
                    self._begin(line, rough)
            self._count()
            self._line += 1

    def _begin(self, line: bytes, rough: bytes) -> None:
        self._first, self._rough, self._exact, self._start = line, rough, b"", self._line

    def _count(self) -> None:
        behind = self._line - self._start
        if behind == FEWEST_REPEATS:
            self.first.append(self._start)
            self.count.append(behind)
        elif behind > FEWEST_REPEATS:
            self.count[-1] = behind


_ISO = re.compile(rb"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?\d{0,3} ?(Z|[+-]\d\d:?\d\d)?")


def time_of(line: bytes) -> float | None:
    """Return the first time stamp of a line in seconds since 1970; UTC where it names no zone."""
    match = _ISO.search(line, 0, 200)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None
    zone = match[8]
    if zone and zone != b"Z":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        at -= offset if zone[:1] == b"+" else -offset
    return at + float(b"0." + match[7] if match[7] else 0)
