"""Read a text of any size once, in chunks, and keep only the neighbourhoods of what was found in it.

Memory stays flat: what is kept is bounded, the rest is forgotten. A hit counts when a sign that it starts could hold
on its line; so a healthy log full of sizes, times and ids leaves nothing behind.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlwidgets.causes.engines import Engine
    from amlwidgets.causes.plan import Plan

WHOLE_BELOW = 400_000
"""Texts up to this many bytes are kept whole once anything was found in them."""
BEFORE, AFTER = 12_000, 20_000
"""Bytes of context kept before and after a hit in a bigger text."""
HEAD_BUDGET, TAIL_BUDGET = 4_000_000, 2_000_000
"""Bytes kept of the first neighbourhoods, and of the last ones."""
HITS_KEPT = 24
"""Hits of one literal that open neighbourhoods from the start of the text; later ones count for its end only."""
CHUNK = 1 << 19
"""Bytes looked at together; they stay in the processor's cache during the passes of the plain engine."""


@dataclass(slots=True)
class Region:
    """A stretch of the text: where it starts, its bytes, and the number of its first line (0: not counted yet)."""

    start: int
    data: bytearray | bytes
    number: int = 0


@dataclass
class Kept:
    """What is left of a text: the literals that were found, and their neighbourhoods in order."""

    hits: set[str] = field(default_factory=set)
    regions: list[Region] = field(default_factory=list)


def keep(data: bytes, plan: Plan, engine: Engine) -> Kept:
    """Keep a small text whole if anything in it counts."""
    seen = data if not data[:1].isdigit() else b"\n" + data  # something stands before a status
    hits = engine.scan(seen)
    if not any(plan.counts(i, seen, at) for i, positions in hits.items() for at in positions):
        return Kept()
    return Kept({plan.owners[i] for i in hits}, [Region(0, data, 1)])


class Collector:
    """Takes chunks of bytes in order; ``kept`` is what is left of them at the end."""

    def __init__(self, plan: Plan, engine: Engine, *, count_lines: bool) -> None:
        self._plan, self._engine, self._count = plan, engine, count_lines
        self._base = 0
        self._lines = 1
        self._before = b""
        self._seen = [0] * len(plan.literals)
        self._hits: set[str] = set()
        self._head: list[Region] = []
        self._tail: deque[Region] = deque()
        self._used = [0, 0]
        self._open: Region | None = None
        self._end = 0
        self._late = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; any length."""
        for at in range(0, len(chunk), CHUNK):
            self._feed(chunk[at : at + CHUNK] if len(chunk) > CHUNK else chunk)

    def _feed(self, chunk: bytes) -> None:
        if self._open:
            self._open.data += chunk[: max(0, self._end - self._base)]
        found = self._find(chunk)
        if found:
            around = self._before + chunk
            for position, i, late in found:
                self._note(around, self._base - len(self._before), position, i, late=late)
        if self._open and self._end <= self._base + len(chunk):
            self._close()
        if self._count:
            self._lines += chunk.count(b"\n")
        self._before = (self._before + chunk)[-BEFORE:] if len(chunk) < BEFORE else chunk[-BEFORE:]
        self._base += len(chunk)

    def _find(self, chunk: bytes) -> list[tuple[int, int, bool]]:
        """Hits that count, in order: position in the whole text, literal, and whether only the text's end wants it."""
        found: list[tuple[int, int, bool]] = []
        base, seam = self._base, self._plan.longest - 1
        joint = self._before[-seam:]
        if joint:
            crossing = joint + chunk[:seam]
            for i, positions in self._engine.scan(crossing).items():
                size = len(self._plan.literals[i])
                over = [p for p in positions if p < len(joint) < p + size]
                self._choose(i, crossing, over, base - len(joint), found)
        for i, positions in self._engine.scan(chunk).items():
            self._choose(i, chunk, positions, base, found)
        return sorted(found)

    def _choose(self, i: int, data: bytes, positions: list[int], base: int, found: list[tuple[int, int, bool]]) -> None:
        counts, seen = self._plan.counts, self._seen
        for n, at in enumerate(positions):
            if seen[i] >= HITS_KEPT:
                last = next((p for p in reversed(positions[n:][-HITS_KEPT:]) if counts(i, data, p)), None)
                if last is not None:
                    found.append((base + last, i, True))
                return
            if counts(i, data, at):
                seen[i] += 1
                found.append((base + at, i, False))

    def _note(self, around: bytes, origin: int, position: int, i: int, *, late: bool) -> None:
        self._hits.add(self._plan.owners[i])
        at = position - origin
        if self._open is None or position - BEFORE > self._end:
            if self._open:
                self._close()
            low = max(0, at - BEFORE)
            start = (around.find(b"\n", low, at) + 1 or low) if origin + low else 0
            newlines = around.count(b"\n", 0, start) - around.count(b"\n", 0, self._base - origin)
            self._open = Region(origin + start, bytearray(), self._lines + newlines if self._count else 0)
            self._late = late
        self._end = max(self._end, position + AFTER)
        have = self._open.start + len(self._open.data) - origin
        self._open.data += around[have : self._end - origin]

    def _close(self) -> None:
        region, self._open = self._open, None
        if region is None:
            return
        if len(region.data) > HEAD_BUDGET:
            region.data = region.data[:HEAD_BUDGET]
        if not self._late and self._used[0] + len(region.data) <= HEAD_BUDGET:
            self._head.append(region)
            self._used[0] += len(region.data)
            return
        self._tail.append(region)
        self._used[1] += len(region.data)
        while self._used[1] > TAIL_BUDGET and len(self._tail) > 1:
            self._used[1] -= len(self._tail.popleft().data)

    def kept(self) -> Kept:
        """Return what is left; call it once, after the last chunk."""
        self._close()
        regions = sorted([*self._head, *self._tail], key=lambda r: r.start)
        return Kept(self._hits, [Region(r.start, _whole_lines(r.data), r.number) for r in regions])


def _whole_lines(data: bytearray | bytes) -> bytes:
    """Leave out a line that was cut at the end, unless it is all there is."""
    end = data.rfind(b"\n", max(0, len(data) - BEFORE))
    return bytes(data if end < 0 else data[:end])


def number_regions(regions: list[Region], chunks: Iterable[bytes]) -> None:
    """Count the lines before each region by going through the text once more."""
    waiting: Iterator[Region] = iter(regions)
    region = next(waiting, None)
    base, lines = 0, 1
    for chunk in chunks:
        done = 0
        while region and region.start <= base + len(chunk):
            lines += chunk.count(b"\n", done, region.start - base)
            done = region.start - base
            region.number = lines
            region = next(waiting, None)
        if region is None:
            return
        lines += chunk.count(b"\n", done)
        base += len(chunk)
