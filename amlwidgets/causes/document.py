"""The text under examination: found literals, the regions around them, and their logical lines.

A big healthy log is never split into lines. Literals are searched in the bytes; only around the hits is text decoded,
stripped of terminal colours and of one to three levels of string escaping, and cut into *logical* lines that remember
the number of the line they came from. A traceback inside a JSON string is then as readable as one in a plain log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from amlwidgets.causes.collect import WHOLE_BELOW, Collector, Kept, Region, keep, number_regions
from amlwidgets.causes.lines import Line, logical_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from amlwidgets.causes.engines import Engine
    from amlwidgets.causes.plan import Plan


@dataclass
class Document:
    """What is left of a text after the search.

    Attributes:
        hits: Literals that were found.
        regions: The neighbourhoods that were kept; a small text is one region.
        clean: Applied to the text of each region before anything reads it (masking of secrets).
    """

    hits: set[str]
    regions: list[Region]
    clean: Callable[[str], str] | None = None
    _again: Iterable[bytes] | None = None
    _more: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def of_text(cls, text: str) -> Document:
        """Return a text as it is, for the parsers of facts."""
        return cls(set(), [Region(0, text.encode("utf-8", "replace"), 1)])

    @classmethod
    def scan(cls, text: str | Iterable[bytes], plan: Plan, clean: Callable[[str], str] | None = None) -> Document:
        """Search a text, or the chunks of one in UTF-8.

        The lines of chunks that can be gone through again (no iterator, not ``once``) are counted only when needed.
        """
        if isinstance(text, str):
            text = (text.encode("utf-8", "replace"),)
        chunks = iter(text)
        again = None if text is chunks or getattr(text, "once", False) else text
        first, ended = _first(chunks)
        found = keep(first, plan, plan.plain) if ended else _collect(first, chunks, plan, plan.engine, again)
        return cls(found.hits, found.regions, clean, None if ended else again)

    def look_up(self, words: Iterable[str]) -> None:
        """Look for words that what was kept does not have in the rest of a big text, by going through it once more.

        A text that can be read only once (a pipe) is known by what was kept.
        """
        sought = {word.encode(): word for word in words if not self.has(word)}
        if self._again is None or not sought:
            return
        longest, before = max(map(len, sought)) - 1, b""
        for chunk in self._again:
            seen = before + chunk
            for found in [word for word in sought if word in seen]:
                self._more[sought.pop(found)] = True
            before = seen[-longest:]

    def has(self, literal: str) -> bool:
        """Whether the literal occurs in what was kept, or was looked up and occurs."""
        if literal not in self._more:
            sought = literal.encode()
            self._more[literal] = literal in self.hits or any(sought in r.data for r in self.regions)
        return self._more[literal]

    @cached_property
    def lines(self) -> list[Line]:
        """Logical lines of all regions, in order."""
        return [line for number, text in self.raw for line in logical_lines(text, number)]

    @cached_property
    def raw(self) -> list[tuple[int, str]]:
        """The regions as they are: number of the first line, and text."""
        texts = [(region.number, region.data.decode("utf-8", "replace")) for region in self.regions]
        return [(number, self.clean(text)) for number, text in texts] if self.clean else texts

    def where(self, literal: str) -> list[int]:
        """Indices of the logical lines that hold the literal."""
        return [i for i, line in enumerate(self.lines) if literal in line.text]


def _first(chunks: Iterator[bytes]) -> tuple[bytes, bool]:
    """Read until the text ended or is a big one."""
    read: list[bytes] = []
    size = 0
    for chunk in chunks:
        read.append(chunk)
        size += len(chunk)
        if size > WHOLE_BELOW:
            return (read[0] if len(read) == 1 else b"".join(read)), False
    return b"".join(read), True


def _collect(first: bytes, rest: Iterator[bytes], plan: Plan, engine: Engine, again: Iterable[bytes] | None) -> Kept:
    collector = Collector(plan, engine, count_lines=again is None)
    collector.feed(first)
    for chunk in rest:
        collector.feed(chunk)
    found = collector.kept()
    if again is not None and found.regions:
        number_regions(found.regions, again)
    return found
