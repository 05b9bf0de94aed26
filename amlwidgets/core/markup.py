"""Texts of others inside Markdown: they stay texts."""

from __future__ import annotations

# Entities, since JupyterLab reads a backslash before a bracket as the beginning of a formula.
_ENTITIES = str.maketrans({"<": "&lt;", "[": "&#91;", "$": "&#36;"})


def inline(text: str) -> str:
    """Return a text as one line of Markdown in which nothing is an element, a link, a picture or a formula.

    A picture would be fetched as soon as the notebook is opened, and tell its owner who opened it.
    """
    return " ".join(str(text).split()).translate(_ENTITIES)


def table_cell(text: str) -> str:
    """Return a text as a cell of a table."""
    return inline(text).replace("|", "\\|")


def fenced(text: str, language: str = "") -> str:
    """Return a text in a fence that it cannot leave."""
    ticks = "```"
    while ticks in text:
        ticks += "`"
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"
