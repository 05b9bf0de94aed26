"""ARM's dialect of JSON: comments, strings over several lines, a byte order mark; with the position of every node.

The standard library's ``json`` knows neither comments nor positions, and packages that know comments give no positions.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 200
MAX_CHARACTERS = 32_000_000
"""Azure itself takes no template of more than 4 MB."""

_SKIP = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN = re.compile(r'"([^"\\\x00-\x1f]*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"true|false|null")
_LINE_ENDS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class TemplateError(Exception):
    """A template that cannot be read or computed.

    Args:
        message: One sentence.
        line: Line, counted from 1; 0 when it belongs to no line.
        column: Column, counted from 1.
        pointer: JSON pointer of the node.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0, pointer: str = "") -> None:
        super().__init__(f"line {line}, column {column}: {message}" if line else message)
        self.message, self.line, self.column, self.pointer = message, line, column, pointer


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node stands in the text, as offsets of characters.

    Attributes:
        start: First character of the value.
        end: One past its last.
        key: First character of the key in front of it; equal to ``start`` for elements of lists.
    """

    start: int
    end: int
    key: int


@dataclass(slots=True)
class Document:
    """A template that was read.

    Attributes:
        text: The text as it was, without a byte order mark.
        value: Its content as dicts, lists, strings, numbers, booleans and None.
        spans: Where each node stands, by JSON pointer (RFC 6901); ``""`` is the whole.
    """

    text: str
    value: Any
    spans: dict[str, Span]
    _line_starts: list[int] = field(default_factory=list)

    def position(self, pointer: str) -> tuple[int, int]:
        """Return line and column, both from 1, of a node; of the nearest node above it when it is not there."""
        while pointer and pointer not in self.spans:
            pointer = pointer.rpartition("/")[0]
        return self.place(self.spans[pointer].key)

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column, both from 1, of a character."""
        if not self._line_starts:
            self._line_starts = [0, *(match.end() for match in re.finditer(r"\n", self.text))]
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1


def read(text: str) -> Document:
    """Read a template.

    Raises:
        TemplateError: It is no JSON, even in ARM's dialect, or too large or too deep.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_CHARACTERS:
        raise TemplateError(f"The template has more than {MAX_CHARACTERS:,} characters.")
    return _Reader(text).document()


def pointer_key(key: str) -> str:
    """Return ``key`` as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def get(value: Any, name: str, default: Any = None) -> Any:
    """Return a member of an object; ARM compares names without case."""
    if not isinstance(value, dict):
        return default
    if name in value:
        return value[name]
    wanted = name.lower()
    return next((found for key, found in value.items() if key.lower() == wanted), default)


def find_key(value: Any, name: str) -> str | None:
    """Return the name of a member as it is written; None when there is none."""
    if not isinstance(value, dict):
        return None
    wanted = name.lower()
    return name if name in value else next((key for key in value if key.lower() == wanted), None)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._spans: dict[str, Span] = {}

    def document(self) -> Document:
        self._skip()
        value = self._value("", self._at, 0)
        self._skip()
        if self._at < len(self._text):
            raise self._error("Something follows the end of the template.")
        return Document(self._text, value, self._spans)

    def _skip(self) -> None:
        match = _SKIP.match(self._text, self._at)
        if match:
            self._at = match.end()

    def _error(self, message: str) -> TemplateError:
        line, column = Document(self._text, None, {}).place(self._at)
        return TemplateError(message, line, column)

    def _value(self, pointer: str, key: int, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self._error(f"The template is nested more than {MAX_DEPTH} levels deep.")
        start = self._at
        character = self._text[start : start + 1]
        if character == "{":
            value: Any = self._object(pointer, depth)
        elif character == "[":
            value = self._list(pointer, depth)
        elif character == '"':
            value = self._string()
        else:
            value = self._scalar()
        self._spans[pointer] = Span(start, self._at, key)
        return value

    def _object(self, pointer: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        while not self._ends("}"):
            key_at = self._at
            if self._text[key_at : key_at + 1] != '"':
                raise self._error("A name in double quotes is expected here.")
            name = self._string()
            self._skip()
            self._take(":", f"A colon is expected after “{name}”.")
            found[name] = self._value(f"{pointer}/{pointer_key(name)}", key_at, depth + 1)
            self._between("}")
        return found

    def _list(self, pointer: str, depth: int) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        while not self._ends("]"):
            found.append(self._value(f"{pointer}/{len(found)}", self._at, depth + 1))
            self._between("]")
        return found

    def _ends(self, end: str) -> bool:
        self._skip()
        if self._text[self._at : self._at + 1] != end:
            if self._at >= len(self._text):
                raise self._error(f"The text ends where “{end}” is still missing.")
            return False
        self._at += 1
        return True

    def _between(self, end: str) -> None:
        self._skip()
        if self._text[self._at : self._at + 1] != end:
            self._take(",", f"A comma or “{end}” is expected here.")

    def _take(self, character: str, problem: str) -> None:
        if self._text[self._at : self._at + 1] != character:
            raise self._error(problem)
        self._at += 1
        self._skip()

    def _string(self) -> str:
        match = _PLAIN.match(self._text, self._at)
        if match:
            self._at = match.end()
            return match[1]
        match = _STRING.match(self._text, self._at)
        if match is None:
            raise self._error("A string is not closed.")
        try:
            # A line end within a string is ARM's own; every other control character is kept as it is.
            plain = "".join(_LINE_ENDS.get(character, character) for character in match[0])
            value = str(json.loads(plain, strict=False))
        except ValueError as exc:
            raise self._error(f"A string cannot be read: {exc}.") from exc
        self._at = match.end()
        return value

    def _scalar(self) -> Any:
        match = _WORD.match(self._text, self._at)
        if match:
            self._at = match.end()
            return _WORDS[match[0]]
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            what = self._text[self._at : self._at + 1]
            raise self._error(f"A value is expected here, not “{what}”." if what else "The text ends too early.")
        self._at = match.end()
        return json.loads(match[0])
