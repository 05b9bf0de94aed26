"""The text under examination: found literals, the regions around them, and their logical lines.

A big healthy log is never split into lines. Literals are searched in the bytes; only around the hits is text decoded,
stripped of terminal colours and of one to three levels of string escaping, and cut into *logical* lines that remember
the number of the line they came from. A traceback inside a JSON string is then as readable as one in a plain log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

WHOLE_BELOW = 400_000
"""Texts up to this many bytes are read whole once anything was found in them."""
BEFORE, AFTER = 12_000, 20_000
"""Bytes of context kept before and after a hit in a bigger text."""
REGION_BUDGET = 6_000_000
"""Bytes of regions looked at in all; beyond it the middle hits are left out."""
HITS_KEPT = 400
"""Hits kept per literal, half from the start and half from the end."""
LINE_LIMIT = 6_000
"""Longest logical line; longer ones are cut into pieces."""

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]{0,40}[A-Za-z]|\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)?|[()][A-Z0-9])")
_NEWLINE_ESCAPE = re.compile(r"\\{1,8}r?(?:\\{1,8})?n")
_DRIVE = re.compile(r"(?<![A-Za-z])[A-Za-z]:\\(?!\\)(?=[^\s\"'\\])")
_QUOTE_ESCAPE = re.compile(r"\\{1,8}([\"'])")


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: its readable text and the number, from 1, of the line of the text that holds it."""

    text: str
    number: int


@dataclass
class Document:
    """A text with what was found in it.

    Attributes:
        data: The text in UTF-8.
        hits: Byte positions of every literal that was found.
    """

    data: bytes
    hits: dict[str, list[int]] = field(default_factory=dict)
    _more: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def scan(cls, text: str, literals: Iterable[str]) -> Document:
        """Find the literals in the text."""
        data = text.encode("utf-8", "replace")
        hits: dict[str, list[int]] = {}
        for literal in literals:
            positions = find_positions(data, literal.encode())
            if positions:
                hits[literal] = positions
        return cls(data, hits)

    def has(self, literal: str) -> bool:
        """Whether the literal occurs anywhere; asked for literals beyond those that were scanned, once each."""
        if literal not in self._more:
            self._more[literal] = literal in self.hits or literal.encode() in self.data
        return self._more[literal]

    @cached_property
    def lines(self) -> list[Line]:
        """Logical lines of all regions, in order."""
        lines: list[Line] = []
        number, counted = 1, 0
        for start, end in regions(self.data, self.hits):
            number += self.data.count(b"\n", counted, start)
            counted = start
            lines += logical_lines(self.data[start:end].decode("utf-8", "replace"), number)
        return lines

    @cached_property
    def raw(self) -> list[tuple[int, str]]:
        """The regions as they are: number of the first line, and text."""
        return [
            (1 + self.data.count(b"\n", 0, start), self.data[start:end].decode("utf-8", "replace"))
            for start, end in regions(self.data, self.hits)
        ]

    def where(self, literal: str) -> list[int]:
        """Indices of the logical lines that hold the literal."""
        return [i for i, line in enumerate(self.lines) if literal in line.text]


def find_positions(data: bytes, literal: bytes) -> list[int]:
    """Positions of a literal: all of them, or the first and the last ``HITS_KEPT`` / 2."""
    half = HITS_KEPT // 2
    positions: list[int] = []
    at = data.find(literal)
    while at >= 0 and len(positions) < half:
        positions.append(at)
        at = data.find(literal, at + len(literal))
    tail: list[int] = []
    end = len(data)
    while at >= 0 and len(tail) < half:
        last = data.rfind(literal, at, end)
        if last < 0:
            break
        tail.append(last)
        end = last
    return positions + tail[::-1]


def regions(data: bytes, hits: dict[str, list[int]]) -> list[tuple[int, int]]:
    """Stretches of the text around the hits, merged, within the budget."""
    if not hits:
        return []
    if len(data) <= WHOLE_BELOW:
        return [(0, len(data))]
    merged: list[list[int]] = []
    for position in sorted({p for found in hits.values() for p in found}):
        start, end = _snap(data, position)
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([start, end])
    return _within_budget([(start, end) for start, end in merged])


def _snap(data: bytes, position: int) -> tuple[int, int]:
    low, high = max(0, position - BEFORE), min(len(data), position + AFTER)
    start = data.find(b"\n", low, position) + 1 if low else 0
    end = data.rfind(b"\n", position, high) if high < len(data) else high
    return (start or low), (end if end > position else high)


def _within_budget(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if sum(end - start for start, end in spans) <= REGION_BUDGET:
        return spans
    head: list[tuple[int, int]] = []
    tail: list[tuple[int, int]] = []
    left, right, used = 0, len(spans) - 1, 0
    while left <= right and used < REGION_BUDGET:
        start, end = spans[left]
        end = min(end, start + REGION_BUDGET - used)
        head.append((start, end))
        used += end - start
        left += 1
        if left <= right and used < REGION_BUDGET:
            start, end = spans[right]
            start = max(start, end - (REGION_BUDGET - used))
            tail.append((start, end))
            used += end - start
            right -= 1
    return head + tail[::-1]


def logical_lines(text: str, number: int) -> list[Line]:
    """Cut a text into readable lines; ``number`` is that of its first line."""
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    lines: list[Line] = []
    for offset, physical in enumerate(text.split("\n")):
        for part in _parts(physical.rstrip("\r")):
            lines.extend(Line(piece, number + offset) for piece in _pieces(part))
    return lines


def _parts(line: str) -> list[str]:
    """Undo escaping: one logical line per escaped line break."""
    if "\\" not in line:
        return [line]
    if "\\n" in line:
        parts = _split_escaped(line)
    elif '\\"' in line or "\\'" in line:
        parts = [line]
    else:
        return [line]
    if len(parts) == 1 and "\\'" not in line and '\\"' not in line:
        return parts
    return [_QUOTE_ESCAPE.sub(r"\1", part).replace("\\\\", "\\").replace("\\t", " ") for part in parts]


def _split_escaped(line: str) -> list[str]:
    r"""Split at escaped line breaks, but not inside a Windows path such as ``C:\notebooks``."""
    windows = _DRIVE.search(line) is not None
    parts: list[str] = []
    start = 0
    for match in _NEWLINE_ESCAPE.finditer(line):
        follows = line[match.end() : match.end() + 1]
        if windows and match[0] == r"\n" and follows.islower():
            continue
        parts.append(line[start : match.start()])
        start = match.end()
    parts.append(line[start:])
    return parts


def _pieces(line: str) -> list[str]:
    if len(line) <= LINE_LIMIT:
        return [line]
    return [line[i : i + LINE_LIMIT] for i in range(0, len(line), LINE_LIMIT)]
