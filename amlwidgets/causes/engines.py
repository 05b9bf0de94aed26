"""Two engines that find all literals in bytes: the standard library alone, and hyperscan where it is installed.

Both return the same positions; a test compares them. The plain engine does not search every literal by itself: it
searches few *fragments* that the literals have in common (chosen when the index is generated) and compares there.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Hits = dict[int, list[int]]
"""Positions of each literal that occurs, ascending, by its number."""


STEM = 8
HIT_COST = 40_000.0
"""What a hit per byte of healthy log adds to the cost of a pass, which is 1."""


class Engine(Protocol):
    """Finds all occurrences, overlapping ones too."""

    name: str

    def scan(self, data: bytes) -> Hits:
        """Return the positions of every literal that occurs in ``data``."""


class PlainEngine:
    """``bytes.find`` for one fragment after another; at each hit the literals that hold the fragment are compared."""

    name = "plain"

    def __init__(self, literals: Sequence[bytes], fragments: Iterable[bytes] = ()) -> None:
        self._by_fragment: dict[bytes, list[tuple[int, bytes, int]]] = {}
        rest = dict(enumerate(literals))
        for fragment in fragments:
            held = {i: at for i, literal in rest.items() if (at := literal.find(fragment)) >= 0}
            if held:
                self._by_fragment[fragment] = [(i, rest.pop(i), at) for i, at in held.items()]
        for i, literal in rest.items():
            self._by_fragment.setdefault(literal, []).append((i, literal, 0))

    @property
    def passes(self) -> int:
        """How often the text is gone through."""
        return len(self._by_fragment)

    def scan(self, data: bytes) -> Hits:
        """Return the positions of every literal that occurs in ``data``."""
        hits: defaultdict[int, list[int]] = defaultdict(list)
        for fragment, held in self._by_fragment.items():
            at = data.find(fragment)
            while at >= 0:
                for i, literal, offset in held:
                    if at >= offset and data.startswith(literal, at - offset):
                        hits[i].append(at - offset)
                at = data.find(fragment, at + 1)
        return dict(hits)


class FastEngine:
    """hyperscan: the stems of all literals in one pass, and at each hit the literals that begin with it.

    Args:
        literals: What to find.
        sample: Healthy log; a stem ends in letters that are rare in it, which hyperscan rejects soonest.
    """

    name = "hyperscan"

    def __init__(self, literals: Sequence[bytes], sample: bytes = b"") -> None:
        import hyperscan

        by_stem: defaultdict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
        pairs = Counter(pairwise(sample))
        for i, literal in enumerate(literals):
            by_stem[stem(literal, pairs)].append((i, literal))
        self._held = [(len(found), held) for found, held in by_stem.items()]
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        count = len(by_stem)
        self._database.compile(
            expressions=list(by_stem), ids=list(range(count)), elements=count, flags=[0] * count, literal=True
        )

    def scan(self, data: bytes) -> Hits:
        """Return the positions of every literal that occurs in ``data``."""
        ends: list[tuple[int, int]] = []

        def note(number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            ends.append((number, end))

        self._database.scan(data, match_event_handler=note)
        hits: defaultdict[int, list[int]] = defaultdict(list)
        for number, end in ends:
            size, held = self._held[number]
            for i, literal in held:
                if data.startswith(literal, end - size):
                    hits[i].append(end - size)
        return dict(hits)


def stem(literal: bytes, pairs: Mapping[tuple[int, int], int]) -> bytes:
    """Return the start of a literal, at least ``STEM`` bytes, that ends in the rarest pairs of letters."""
    ends = range(min(STEM, len(literal)), len(literal) + 1)
    return literal[
        : min(ends, key=lambda end: (sum(pairs.get(p, 0) for p in pairwise(literal[max(0, end - 6) : end])), -end))
    ]


def fast_engine(literals: Sequence[bytes], sample: bytes) -> FastEngine | None:
    """Return hyperscan's engine, or None where the ``fast`` extra is not installed."""
    try:
        return FastEngine(literals, sample)
    except ImportError:
        return None


def choose_fragments(literals: Iterable[bytes], sample: bytes, *, shortest: int = 3, longest: int = 9) -> list[bytes]:
    """Choose few fragments of which every literal holds one, and that are rare in a sample of healthy log.

    A greedy cover: a pass over the text costs the same for every fragment, a hit in the sample adds to it.
    """
    holders: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for literal in set(literals):
        for size in range(min(shortest, len(literal)), min(len(literal), longest) + 1):
            for at in range(len(literal) - size + 1):
                holders[literal[at : at + size]].add(literal)
    rest = set(literals)
    cost = {fragment: 1.0 + HIT_COST * sample.count(fragment) / len(sample) for fragment in holders}
    queue = [(-len(held) / cost[fragment], fragment) for fragment, held in holders.items()]
    heapq.heapify(queue)
    chosen: list[bytes] = []
    while rest:
        value, fragment = heapq.heappop(queue)
        worth = -len(holders[fragment] & rest) / cost[fragment]
        if worth > value:  # what it covered was covered meanwhile by others
            if worth:
                heapq.heappush(queue, (worth, fragment))
            continue
        chosen.append(fragment)
        rest -= holders[fragment]
    return chosen
