"""Readable lines: without terminal colours, with one to three levels of string escaping undone."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
