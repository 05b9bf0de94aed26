"""Texts of others on a terminal and inside Markdown: they stay texts, and hide nothing."""

from __future__ import annotations

# Entities, since JupyterLab reads a backslash before a bracket as the beginning of a formula.
_ENTITIES = str.maketrans({"<": "&lt;", "[": "&#91;", "$": "&#36;"})

# Control characters move a terminal's cursor, the others reverse what is read. Tabs and line ends stay.
_MARKS = {code: chr(0x2400 + code) for code in range(0x20) if code not in b"\t\n"}
_MARKS |= {0x7F: "\u2421"} | dict.fromkeys((*range(0x80, 0xA0), 0x200E, 0x200F, 0x061C), "\ufffd")
_MARKS |= dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")


def visible(text: str) -> str:
    """Return a text with a mark for each control character and direction mark; it has as many lines as before."""
    return text.replace("\r\n", "\n").translate(_MARKS)


def inline(text: str) -> str:
    """Return a text as one line of Markdown in which nothing is an element, a link, a picture or a formula.

    A picture would be fetched as soon as the notebook is opened, and tell its owner who opened it.
    """
    return visible(" ".join(str(text).split())).translate(_ENTITIES)


def table_cell(text: str) -> str:
    """Return a text as a cell of a table."""
    return inline(text).replace("|", "\\|")


def fenced(text: str, language: str = "") -> str:
    """Return a text in a fence that it cannot leave."""
    text, ticks = visible(text), "```"
    while ticks in text:
        ticks += "`"
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"
