"""Changing single nodes of a template's text; comments, order, indentation, line ends and byte order mark stay.

Every step is read again and compared with the change that was meant, so a text never comes out damaged.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.reader import TemplateError, find_key, pointer_key, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BOM = "\ufeff"
_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_REST_OF_LINE = re.compile(r"(?:[ \t]+|/\*[^\n]*?\*/)*(?://[^\r\n]*)?")
_BLANK = re.compile(r"[ \t]*")
_LINE = 90


class Editor:
    """A template's text that is changed node by node.

    Args:
        text: The text, with its own line ends and byte order mark.

    Attributes:
        document: The text as it is now, read.
    """

    def __init__(self, text: str) -> None:
        self._mark = _BOM if text.startswith(_BOM) else ""
        self.document = read(text)

    @property
    def text(self) -> str:
        """The text as it is now."""
        return self._mark + self.document.text

    def get(self, pointer: str) -> Any:
        """Return a node's value.

        Raises:
            TemplateError: There is none.
        """
        return _at(self.document.value, pointer)

    def pointer(self, *path: str | int) -> str:
        """Return the pointer of a node with its names as they are written; names are compared without case.

        Raises:
            TemplateError: There is no such node.
        """
        value, found = self.document.value, ""
        for part in path:
            key: Any = part if isinstance(value, list) else find_key(value, str(part))
            if key is None:
                raise TemplateError(f"There is no “{part}” in {found or 'the template'}.")
            value, found = value[int(key) if isinstance(value, list) else key], f"{found}/{pointer_key(str(key))}"
        return found

    def has(self, pointer: str) -> bool:
        """Whether there is a node."""
        return pointer in self.document.spans

    # -- changes

    def replace(self, pointer: str, value: Any) -> None:
        """Put another value in the place of one."""
        self.replace_all({pointer: value})

    def replace_all(self, values: Mapping[str, Any]) -> None:
        """Put other values in the places of some, none of which lies within another; the text is read once."""
        spans = {pointer: self.document.spans[pointer] for pointer in values}
        cuts = [(span.start, span.end, self._style(p).written(values[p])) for p, span in spans.items()]
        self._done(_cut(self.document.text, cuts), [_Change(pointer, value) for pointer, value in values.items()])

    def add(self, container: str, key: str, value: Any, after: str = "") -> str:
        """Add a member to an object, behind the member ``after`` or at its end; returns its pointer."""
        members = list(self.get(container))
        before = find_key(self.get(container), after) or (members[-1] if members else None)
        anchor = None if before is None else f"{container}/{pointer_key(before)}"
        pointer = f"{container}/{pointer_key(key)}"
        self._insert(container, anchor, json.dumps(key, ensure_ascii=False), pointer, value)
        return pointer

    def append(self, container: str, value: Any) -> str:
        """Add an element to the end of a list; returns its pointer."""
        size = len(self.get(container))
        pointer = f"{container}/{size}"
        self._insert(container, f"{container}/{size - 1}" if size else None, "", pointer, value)
        return pointer

    def remove(self, pointer: str) -> None:
        """Take a member or an element away, with its comma and, where it fills them, its lines."""
        self.remove_all([pointer])

    def remove_all(self, pointers: Sequence[str]) -> None:
        """Take members and elements away, at most one of each container; the text is read once."""
        cuts = [cut for pointer in pointers for cut in self._cuts(pointer)]
        self._done(_cut(self.document.text, cuts), [_Change(pointer, removed=True) for pointer in pointers])

    # -- how it is done

    def _cuts(self, pointer: str) -> list[tuple[int, int, str]]:
        """Return what goes from the text with a node."""
        text, span = self.document.text, self.document.spans[pointer]
        comma: int | None = None
        start, end = span.key, span.end
        following = _end(_TRIVIA, text, end)
        if text[following] == ",":
            end = following + 1
        elif (comma := self._comma_before(pointer)) is not None:
            # The last one: the comma in front of it goes. A space stands for it meanwhile.
            text = f"{text[:comma]} {text[comma + 1 :]}"
        start, end = _whole_lines(text, start, end)
        if len(self.get(pointer.rpartition("/")[0])) == 1:
            start, end = _all_between(text, start, end)
        if comma is None or comma >= start:
            return [(start, end, "")]
        return [(comma, comma + 1, ""), (start, end, "")]

    def _insert(self, container: str, anchor: str | None, key: str, pointer: str, value: Any) -> None:
        style = self._style(container)
        inside = style.inside() if anchor is None else self._like(anchor, style)
        member = (f"{key}{style.colon}" if key else "") + inside.written(value)
        text = self._into_empty(container, member, style) if anchor is None else self._behind(anchor, member, inside)
        self._done(text, [_Change(pointer, value)])

    def _like(self, anchor: str, style: _Style) -> _Style:
        """Return the style of a neighbour, which may be indented as nothing else is."""
        text, key = self.document.text, self.document.spans[anchor].key
        own = text[_line_start(text, key) : key]
        return style.inside(own) if style.lines and not own.strip() else style.inside()

    def _into_empty(self, container: str, member: str, style: _Style) -> str:
        text, end = self.document.text, self.document.spans[container].end - 1
        if not style.lines:
            return text[:end] + member + text[end:]
        start = _line_start(text, end)
        if not text[start:end].strip():
            # The bracket stands on a line of its own, as below a comment.
            return f"{text[:start]}{style.indent}{style.unit}{member}{style.newline}{text[start:]}"
        return f"{text[:end]}{style.newline}{style.indent}{style.unit}{member}{style.newline}{style.indent}{text[end:]}"

    def _behind(self, anchor: str, member: str, style: _Style) -> str:
        text, end = self.document.text, self.document.spans[anchor].end
        following = _end(_TRIVIA, text, end)
        between = style.newline + style.indent if style.lines else style.gap
        if text[following] == ",":
            at = self._end_of_line(following + 1, style)
            return f"{text[:at]}{between}{member},{text[at:]}"
        at = self._end_of_line(end, style)
        return f"{text[:end]},{text[end:at]}{between}{member}{text[at:]}"

    def _end_of_line(self, at: int, style: _Style) -> int:
        """Return where a line ends behind its comments; ``at`` where something else follows on it."""
        text = self.document.text
        end = _end(_REST_OF_LINE, text, at)
        return end if style.lines and text[end : end + 1] in ("\r", "\n") else at

    def _comma_before(self, pointer: str) -> int | None:
        container, _, _ = pointer.rpartition("/")
        before = [p for p in self._members(container) if self.document.spans[p].end <= self.document.spans[pointer].key]
        if not before:
            return None
        return _end(_TRIVIA, self.document.text, self.document.spans[before[-1]].end)

    def _members(self, container: str) -> list[str]:
        value = self.get(container)
        keys = range(len(value)) if isinstance(value, list) else (pointer_key(key) for key in value)
        return [f"{container}/{key}" for key in keys]

    def _style(self, pointer: str) -> _Style:
        """Return how the text writes a node at that place."""
        text, span = self.document.text, self.document.spans[pointer]
        newline = "\r\n" if "\r\n" in text else "\n"
        start = _line_start(text, span.key)
        indent = text[start : _end(_BLANK, text, start)]
        body = text[span.start : span.end]
        lines = "\n" in body if len(body.strip("[{}] \t\r\n")) else "\n" in text.strip()
        compact = '":' in text and '": ' not in text
        return _Style(newline, indent, self._unit(), ":" if compact else ": ", "" if compact else " ", lines)

    def _unit(self) -> str:
        """Return what the text indents by."""
        match = re.search(r"\n([ \t]+)\"", self.document.text)
        return match[1] if match and len(match[1]) <= 8 else "  "  # noqa: PLR2004 - more is no indentation

    def _done(self, text: str, changes: list[_Change]) -> None:
        wanted = copy.deepcopy(self.document.value)
        for change in sorted(changes, key=lambda change: _numbers(change.pointer), reverse=True):
            wanted = _changed(wanted, change)
        document = read(text)
        if document.value != wanted:
            where = changes[0].pointer if changes else ""
            raise TemplateError(f"The text at {where} cannot be changed without touching the rest of it.")
        self.document = document


@dataclass(frozen=True, slots=True)
class _Change:
    """What is meant: a node with another value, or without the node."""

    pointer: str
    value: Any = None
    removed: bool = False


def _changed(value: Any, change: _Change) -> Any:
    """Return a template's content with a change, made in place."""
    if not change.pointer:
        return change.value
    container, _, last = change.pointer.rpartition("/")
    inside = _at(value, container)
    key: Any = int(last) if isinstance(inside, list) else _unescaped(last)
    if change.removed:
        del inside[key]
    elif isinstance(inside, list) and key == len(inside):
        inside.append(change.value)
    else:
        inside[key] = change.value
    return value


def _numbers(pointer: str) -> list[int]:
    return [int(part) for part in pointer.split("/") if part.isdigit()]


def _cut(text: str, cuts: list[tuple[int, int, str]]) -> str:
    """Return a text with ranges of it replaced."""
    parts, at = [], 0
    for start, end, instead in sorted(cuts):
        parts += [text[at:start], instead]
        at = max(at, end)
    return "".join([*parts, text[at:]])


@dataclass(frozen=True, slots=True)
class _Style:
    """How a text writes its nodes: over several lines or in one, indented by what."""

    newline: str
    indent: str
    unit: str
    colon: str
    gap: str
    lines: bool

    def inside(self, indent: str | None = None) -> _Style:
        """Return the style of what stands inside of the node."""
        return replace(self, indent=self.indent + self.unit if indent is None else indent)

    def written(self, value: Any) -> str:
        """Return a value as text; its further lines are indented. Short lists of plain values stay in one line."""
        line: str = json.dumps(value, ensure_ascii=False, separators=("," + self.gap, self.colon))
        plain = isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)
        if not self.lines or not value or not isinstance(value, dict | list) or (plain and len(line) <= _LINE):
            return line
        inner = self.inside()
        if isinstance(value, dict):
            members = [json.dumps(k, ensure_ascii=False) + self.colon + inner.written(v) for k, v in value.items()]
        else:
            members = [inner.written(item) for item in value]
        start, end = ("{", "}") if isinstance(value, dict) else ("[", "]")
        between = self.newline + inner.indent
        return start + between + f",{between}".join(members) + self.newline + self.indent + end


def _at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        try:
            value = value[int(part)] if isinstance(value, list) else value[_unescaped(part)]
        except (KeyError, IndexError, ValueError, TypeError) as exc:
            raise TemplateError(f"There is no {pointer}.") from exc
    return value


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _whole_lines(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a range to its lines where nothing else stands on them."""
    first = _line_start(text, start)
    rest = _end(_BLANK, text, end)
    ends = text[rest : rest + 2]
    if not text[first:start].strip() and ends.startswith(("\n", "\r\n")):
        return first, rest + (2 if ends == "\r\n" else 1)
    if text[end : end + 1] in "]}" and text[start - 1] == " ":
        return start - 1, end
    return start, rest if text[start - 1] in "{[ " and ends[:1] not in ("\r", "\n") else end


def _all_between(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen the range of an only element to its brackets, unless a comment stands between them."""
    first, last = len(text[:start].rstrip()), end + len(text[end:]) - len(text[end:].lstrip())
    return (first, last) if text[first - 1] in "[{" and text[last : last + 1] in ("]", "}") else (start, end)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()
