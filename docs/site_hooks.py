"""What the site does to its pages beyond Markdown; read by MkDocs."""

from __future__ import annotations

import re
from typing import Any

_CELL = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)
_LONG = re.compile(r"(?<=<code>)[^<]{31,}")
_END_OF_WORD = re.compile(r"(::|[/_.])(?=\w)")


def on_page_content(html: str, **_options: Any) -> str:
    """Let long names of code in tables break where a reader would, not in the middle of a word."""
    return _CELL.sub(lambda cell: _LONG.sub(lambda name: _END_OF_WORD.sub(r"\1<wbr>", name[0]), cell[0]), html)
