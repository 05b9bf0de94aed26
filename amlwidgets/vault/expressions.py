"""Expressions as text: putting them together, and finding calls in them with their places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amlwidgets.arm.expressions import is_expression, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Call:
    """A call within an expression's text.

    Attributes:
        name: Function, in lower case.
        start: Its first character.
        end: One past its closing bracket.
        arguments: The texts of its arguments.
    """

    name: str
    start: int
    end: int
    arguments: tuple[str, ...]


def inside(raw: object) -> str:
    """Return a value as a part of an expression: without its brackets, or as a quoted text."""
    text = str(raw)
    if is_expression(raw):
        return text[1:-1].strip()
    return "'" + plain_text(text).replace("'", "''") + "'"


def calls_of(text: str, *names: str) -> Iterator[Call]:
    """Yield the calls of functions (names in lower case) in an expression, outer ones before those within them."""
    at = 0
    while at < len(text):
        if text[at] == "'":
            at = _past_text(text, at)
        elif match := _WORD.match(text, at):
            call = _call(text, match) if match[0].lower() in names else None
            if call is not None:
                yield call
            at = match.end()
        else:
            at += 1


def _past_text(text: str, at: int) -> int:
    end = at + 1
    while end < len(text):
        if text[end] == "'":
            if text[end + 1 : end + 2] != "'":
                return end + 1
            end += 1
        end += 1
    return end


def _call(text: str, name: re.Match[str]) -> Call | None:
    at = name.end()
    while text[at : at + 1].isspace():
        at += 1
    if text[at : at + 1] != "(":
        return None
    arguments: list[str] = []
    depth, begin, at = 1, at + 1, at + 1
    while at < len(text):
        sign = text[at]
        if sign == "'":
            at = _past_text(text, at)
            continue
        depth += (sign in "([") - (sign in ")]")
        if depth == 0:
            last = text[begin:at].strip()
            return Call(name[0].lower(), name.start(), at + 1, tuple([*arguments, last] if last else arguments))
        if sign == "," and depth == 1:
            arguments.append(text[begin:at].strip())
            begin = at + 1
        at += 1
    return None
