"""What to look for in the bytes: every literal of the catalogue, and when a hit of it counts."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from amlwidgets.causes.engines import Engine, PlainEngine, fast_engine
from amlwidgets.causes.facts import http
from amlwidgets.causes.lines import LINE_LIMIT, logical_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from amlwidgets.causes.model import Cause, Sign

_STATUS = re.compile(r"[1-5]\d\d")
_BEFORE_STATUS = (*" \t\n\"':[(>`n", "us=", "de=", "\uff1a", "\uff08")
"""What stands before a status in a sentence or a header."""
_OF_A_NUMBER = frozenset(bytes([byte]) for byte in b"0123456789abcdefABCDEF_")
_DECIMALS = frozenset(b".%d" % digit for digit in range(10))
_SECOND_NUMBER = frozenset(b"%d " % digit for digit in range(10))


def triggers(literal: str) -> tuple[str, ...]:
    """What is searched for a literal: a bare HTTP status only where something stands before it, as in a sentence."""
    return tuple(before + literal for before in _BEFORE_STATUS) if _STATUS.fullmatch(literal) else (literal,)


def scanned(causes: Iterable[Cause]) -> dict[str, str]:
    """Everything that is searched, each with the literal that it stands for."""
    return {t: word for cause in causes for sign in cause.signs for word in sign.literals for t in triggers(word)}


class Plan:
    """What is searched for a catalogue, and with which engine.

    Attributes:
        literals: What is searched, in UTF-8.
        owners: The sign's literal that each of them stands for.
        longest: Length of the longest.
    """

    def __init__(self, causes: Iterable[Cause], fragments: Iterable[str] = ()) -> None:
        causes = tuple(causes)
        words = scanned(causes)
        self.literals = [word.encode() for word in words]
        self.owners = list(words.values())
        self.longest = max(map(len, self.literals), default=1)
        self._fragments = tuple(fragment.encode() for fragment in fragments)
        checks = {word: _check(word, causes) for word in dict.fromkeys(self.owners)}
        self._checks = [checks[word] for word in self.owners]
        self._status = [bool(_STATUS.fullmatch(word)) for word in self.owners]

    @cached_property
    def plain(self) -> PlainEngine:
        """The engine of the standard library."""
        return PlainEngine(self.literals, self._fragments)

    @cached_property
    def fast(self) -> Engine | None:
        """hyperscan, where it is installed."""
        from amlwidgets.causes.healthy import HEALTHY

        return fast_engine(self.literals, HEALTHY.encode())

    @property
    def engine(self) -> Engine:
        """The engine for a big text; a small one is searched sooner than hyperscan is loaded."""
        return self.fast or self.plain

    def counts(self, i: int, data: bytes, at: int) -> bool:
        """Whether the hit of literal ``i`` at ``at`` may start a sign, as far as its line tells."""
        end = at + len(self.literals[i])
        if self._status[i] and not _is_status(data, at, end):
            return False
        check = self._checks[i]
        if check is None:
            return True
        first = data.rfind(b"\n", max(0, end - 1 - LINE_LIMIT), end - 1) + 1
        last = data.find(b"\n", end, end + LINE_LIMIT)
        if (not first and end > LINE_LIMIT) or (last < 0 and len(data) > end + LINE_LIMIT):
            return True
        return check(data[first : last if last >= 0 else len(data)].decode("utf-8", "replace"))


def _is_status(data: bytes, at: int, end: int) -> bool:
    """Whether three digits may be a status: not part of a longer number, and no second number beside a first."""
    if data[end : end + 1] in _OF_A_NUMBER or data[end : end + 2] in _DECIMALS:
        return False
    beside = data[at - 1 : at + 1] in _SECOND_NUMBER
    return not beside or b"HTTP" in data[max(0, at - len("HTTP/1.1")) : at]


def _check(word: str, causes: Iterable[Cause]) -> Callable[[str], bool] | None:
    """How a line that holds the literal is judged; None when only its surroundings can tell."""
    signs = [sign for cause in causes for sign in cause.signs if word in sign.literals and not sign.detail]
    if any(sign.fact not in ("", "http") or sign.lines > 1 for sign in signs):
        return None

    def check(raw: str) -> bool:
        texts = [line.text for line in logical_lines(raw, 1) if word in line.text]
        return not texts or any(_may_hold(sign, text) for sign in signs for text in texts)

    return check


def _may_hold(sign: Sign, text: str) -> bool:
    if sign.fact:
        return http.status_of(text) is not None
    return sign.pattern_re.search(text) is not None
