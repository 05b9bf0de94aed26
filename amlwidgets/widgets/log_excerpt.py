"""What stays of a log in a saved notebook: few lines that read well, and say what was left out."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from amlwidgets.core.ansi import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlwidgets.core.logbuffer import LogBuffer

_EDGE = 12
_AROUND = 3
_WIDEST = 160
_MOST = 60
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)


def excerpt(log: LogBuffer, marks: Sequence[int]) -> list[tuple[int, str]]:
    """Return the first lines, the last ones, and those around marked ones, as ``(index, text)``; at most 60."""
    total = len(log)
    wanted = set(range(min(_EDGE, total))) | set(range(max(0, total - _EDGE), total))
    for mark in marks:
        around = {n for n in range(mark - _AROUND, mark + _AROUND + 1) if 0 <= n < total}
        if len(wanted | around) <= _MOST:
            wanted |= around
    return [(n, _short(text)) for n in sorted(wanted) for text in log.window(n, 1)]


def _short(text: str) -> str:
    seen = _UNSEEN.sub(lambda m: f"[U+{ord(m[0]):04X}]", plain(text[: 4 * _WIDEST]))
    return seen if len(seen) <= _WIDEST else f"{seen[:_WIDEST]} …"


def _with_gaps(lines: list[tuple[int, str]]) -> list[tuple[int | None, str]]:
    out: list[tuple[int | None, str]] = []
    last = -1
    for number, text in lines:
        if number != last + 1:
            out.append((None, f"… {number - last - 1:,} lines are left out here"))
        out.append((number, text))
        last = number
    return out


def excerpt_text(name: str, total: int, lines: list[tuple[int, str]]) -> str:
    """Return the excerpt as plain text."""
    body = [
        f"{number + 1:>8}  {text}" if number is not None else f"          {text}" for number, text in _with_gaps(lines)
    ]
    return "\n".join([f"{name}, {total:,} {'line' if total == 1 else 'lines'}", *body])


def excerpt_html(name: str, total: int, lines: list[tuple[int, str]], titles: Sequence[str]) -> str:
    """Return the excerpt as HTML without scripts; ``titles`` are those of findings, escaped."""
    rows = []
    for number, text in _with_gaps(lines):
        label = "" if number is None else str(number + 1)
        style = ' style="opacity:.6"' if number is None else ""
        rows.append(f"<span{style}>{label:>8}  {html.escape(text)}</span>")
    found = "".join(f"<li>{title}</li>" for title in titles)
    head = f"<b>{html.escape(name)}</b>, {total:,} {'line' if total == 1 else 'lines'}"
    causes = f"<ul>{found}</ul>" if found else ""
    pre = "overflow-x:auto;font-size:12px;line-height:1.5;border:1px solid rgba(128,128,128,.4);padding:6px"
    return f'<div>{head}{causes}<pre style="{pre}">{chr(10).join(rows)}</pre></div>'
