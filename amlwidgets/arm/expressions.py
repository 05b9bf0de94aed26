"""The expression language of ARM templates: ``[function('text', 1).property[0]]`` to a tree.

Source: "Syntax and expressions in ARM templates".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from amlwidgets.arm.reader import TemplateError

MAX_LENGTH = 24_576
"""Longest expression that Azure takes."""

MAX_DEPTH = 100

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w]*)|(?P<sign>[().,\[\]?]))",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A text or a number."""

    value: str | int | float


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """``name(arguments)``; the name is in lower case, with its namespace in front if it has one."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """``target.name`` or ``target[index]``; ``safe`` with a question mark before it."""

    target: Expression
    index: Expression
    safe: bool = False


Expression = Literal | FunctionCall | Member


def is_expression(value: object) -> bool:
    """Whether a string of a template is an expression, not plain text."""
    return isinstance(value, str) and value.startswith("[") and value.endswith("]") and not value.startswith("[[")


def plain_text(value: str) -> str:
    """Return what a plain string means: two brackets at its start stand for one."""
    return value[1:] if value.startswith("[[") else value


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Parse an expression, brackets included.

    Raises:
        TemplateError: It does not follow the syntax.
    """
    if len(text) > MAX_LENGTH:
        raise TemplateError(f"An expression has more than {MAX_LENGTH:,} characters.")
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at, self._depth = 0, 0

    def whole(self) -> Expression:
        found = self._expression()
        if self._at < len(self._tokens):
            raise self._error(f"“{self._tokens[self._at][1]}” is not expected in it")
        return found

    def _error(self, what: str) -> TemplateError:
        return TemplateError(f"The expression {shortened(self._text)} cannot be read: {what}.")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, sign: str) -> None:
        if self._peek() != sign:
            raise self._error(f"“{sign}” is missing")
        self._at += 1

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error("it is nested too deep")
        found = self._primary()
        while self._peek() in (".", "["):
            found = self._member(found)
        self._depth -= 1
        return found

    def _member(self, target: Expression) -> Expression:
        dotted = self._next()[1] == "."
        safe = self._peek() == "?"
        self._at += safe
        if dotted:
            kind, name = self._next()
            if kind != "name":
                raise self._error("a name is missing after “.”")
            return Member(target, Literal(name), safe)
        index = self._expression()
        self._take("]")
        return Member(target, index, safe)

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self._error("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _primary(self) -> Expression:
        kind, word = self._next()
        if kind == "text":
            return Literal(word[1:-1].replace("''", "'"))
        if kind == "number":
            return Literal(float(word) if "." in word else int(word))
        if kind != "name":
            raise self._error(f"“{word}” is not expected in it")
        return self._call(word)

    def _call(self, name: str) -> Expression:
        while self._peek() == ".":
            self._at += 1
            name += "." + self._next()[1]
        self._take("(")
        arguments: list[Expression] = []
        while self._peek() != ")":
            arguments.append(self._expression())
            if self._peek() != ")":
                self._take(",")
        self._at += 1
        return FunctionCall(name.lower(), tuple(arguments))


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at, end = [], 1, len(text) - 1
    while at < end:
        match = _TOKEN.match(text, at, end)
        if match is None:
            if not text[at:end].strip():
                break
            raise TemplateError(f"The expression {shortened(text)} cannot be read at “{text[at:end].strip()[:20]}”.")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found


def shortened(text: str) -> str:
    """Return a text short enough for a message."""
    return text if len(text) <= 80 else f"{text[:76]}…"  # noqa: PLR2004 - a line
