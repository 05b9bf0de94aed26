"""Regular expressions that users type: matched within lines, and given up when they take too long."""

from __future__ import annotations

import re
import time
from math import prod
from typing import TYPE_CHECKING, Any

from amlwidgets.core.ansi import plain_bytes
from amlwidgets.core.logsearch import Query
from amlwidgets.errors import BadExpression

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 0.3
"""Seconds that an expression may take for one block of a log (256 kB, or one longer line)."""
MOST_REPEATS = 20_000
_REPEATED = re.compile(r"\{(\d{1,9})[,}]")


def query_of(text: str, *, regex: bool = False, case: bool = False) -> Query:
    """Return what is looked for.

    Args:
        text: Plain text, or a regular expression.
        regex: ``text`` is a regular expression.
        case: Upper and lower case differ.

    Raises:
        BadExpression: the expression cannot be read.
    """
    return Expression(text, case=case) if regex else Query(text, case=case)


class Expression(Query):
    """A regular expression; ``regex`` reads what ``re`` reads and can be told when to give up.

    Args:
        text: The expression.
        case: Upper and lower case differ.

    Raises:
        BadExpression: it cannot be read (``bad-expression``), or, from every method that looks into a log, it takes
            too long (``slow-expression``).
    """

    def __init__(self, text: str, *, case: bool = False) -> None:
        super().__init__(text, case=case)
        self.folds = self.sees_raw = False
        self._patterns = _compiled(text, case=case)

    def count(self, text: bytes) -> int:
        """Return the number of hits in a block."""
        return sum(1 for _ in self.matches(plain_bytes(text)))

    def matches(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield start and end of each hit in a block without escape sequences."""
        yield from _expression_matches(self._patterns, text)


def _compiled(text: str, *, case: bool) -> tuple[Any, Any]:
    """Return an expression for bytes and for text."""
    import regex

    flags = regex.MULTILINE if case else regex.MULTILINE | regex.IGNORECASE
    # {1000} in {1000} in {1000} would be written out when it is compiled.
    if prod(int(number) for number in _REPEATED.findall(text)) > MOST_REPEATS:
        raise BadExpression("This expression repeats too much.", todo="Use smaller numbers in {…}.")
    try:
        return regex.compile(text.encode("utf-8", "surrogatepass"), flags), regex.compile(text, flags)
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise BadExpression(f"This expression cannot be read: {error}.") from error


def _expression_matches(patterns: tuple[Any, Any], text: bytes) -> Iterator[tuple[int, int]]:
    """Yield where an expression matches within lines."""
    if text.isascii():
        yield from _within_lines(patterns[0], text, b"\n")
        return
    # A byte is no character here.
    decoded = text.decode("utf-8", "surrogateescape")
    chars = at = 0
    for start, end in _within_lines(patterns[1], decoded, "\n"):
        at += len(decoded[chars:start].encode("utf-8", "surrogateescape"))
        size = len(decoded[start:end].encode("utf-8", "surrogateescape"))
        yield at, at + size
        at, chars = at + size, end


def _within_lines(pattern: Any, text: Any, newline: Any) -> Iterator[tuple[int, int]]:
    deadline = time.monotonic() + PATIENCE

    def found(start: int, end: int) -> Iterator[Any]:
        # Without the lock of the interpreter, so that other threads go on.
        left = max(deadline - time.monotonic(), 0.001)
        return (m for m in pattern.finditer(text, start, end, timeout=left, concurrent=True) if m.end() > m.start())

    try:
        for match in found(0, len(text)):
            if newline in match[0]:
                break
            yield match.span()
        else:
            return
        # It reaches over ends of lines, as [^x]+ does: from here on line by line.
        at = match.start()
        while at < len(text):
            end = text.find(newline, at)
            end = len(text) if end < 0 else end
            yield from (match.span() for match in found(at, end))
            at = end + 1
    except TimeoutError as error:
        raise BadExpression(
            "This expression takes too long.",
            code="slow-expression",
            todo="Repetitions within repetitions, such as (a+)+, and many “.*” cost most: make it simpler.",
        ) from error
