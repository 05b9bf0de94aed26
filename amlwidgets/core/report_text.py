"""A report as plain text, Markdown and static HTML (for exports, terminals and viewers without widgets)."""

from __future__ import annotations

import html as _html
import textwrap
from typing import TYPE_CHECKING

from amlwidgets.core.markup import fenced, inline, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.core.findings import Evidence, Finding, Fix, Report

NOTHING = "No known cause of a failure was found."
FORUM = "https://learn.microsoft.com/answers/topics/azure-machine-learning-inference.html"
"""Where the guides send readers whom they could not help."""

_WIDTH = 100
_MOST = 50
"""Findings that a text shows; a notebook that keeps thousands could not be opened any more."""


def plain(report: Report) -> str:
    """Return the report for a terminal: findings with proof, reason and fix."""
    parts = [_plain_finding(number, finding) for number, finding in enumerate(report.findings[:_MOST], 1)]
    parts = [*parts, *_rest(report)] or _nothing(report, _bars)
    if report.silenced:
        parts.append(_silenced(report))
    return visible("\n\n".join(parts))


def _nothing(report: Report, quote: Callable[[str], str]) -> list[str]:
    """Say that no cause is known, and which exception it is that remains."""
    last = report.unexplained
    if last is None:
        return [NOTHING]
    proof = f"{_place(last.evidence)}\n{quote(last.evidence.text)}"
    return [NOTHING, textwrap.fill(str(last), _WIDTH), proof, f"People who know may read the forum: {FORUM}"]


def not_explained(report: Report) -> str:
    """Return in Markdown that no cause is known, which exception remains, and where to ask."""
    last = report.unexplained
    if last is None:
        return NOTHING
    proof = f"{inline(_place(last.evidence))}\n\n{fenced(last.evidence.text)}"
    return "\n\n".join((NOTHING, inline(str(last)), proof, f"People who know may read the forum: <{FORUM}>"))


def _bars(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.split("\n"))


def _rest(report: Report) -> list[str]:
    more = len(report.findings) - _MOST
    return [f"And {more:,} more; report.findings has them all."] if more > 0 else []


def _silenced(report: Report) -> str:
    return f"{len(report.silenced)} silenced: {', '.join(report.silenced)}"


def _plain_finding(number: int, finding: Finding) -> str:
    kind = "hint" if finding.is_hint else f"{finding.confidence:.0%}"
    lines = [*textwrap.wrap(f"{number}. {finding.title}", _WIDTH, subsequent_indent="   ")]
    lines.append(f"   {finding.cause} · {finding.stage} · {kind}")
    for evidence in finding.evidence[:2]:
        lines.append(f"   {_place(evidence)}")
        lines += [f"     | {line}" for line in evidence.text.split("\n")]
    lines += _wrapped("Why: ", finding.why)
    for fix in finding.fixes[:2]:
        lines += _plain_fix(fix)
    lines += _wrapped("Not: ", finding.do_not)
    lines += [f"   More: {link}" for link in finding.links[:2]]
    return "\n".join(lines)


def _plain_fix(fix: Fix) -> list[str]:
    lines = _wrapped("Fix: ", fix.title + (" (can be applied automatically)" if fix.automatic else ""))
    for step in fix.steps:
        lines += textwrap.wrap(step, _WIDTH, initial_indent="     - ", subsequent_indent="       ")
    lines += [f"       {line}".rstrip() for line in fix.code.split("\n")] if fix.code else []
    return lines


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"   {label}", subsequent_indent="        ") if text else []


def _place(evidence: Evidence) -> str:
    if evidence.first_line == evidence.last_line:
        return f"{evidence.source}, line {evidence.first_line}:"
    return f"{evidence.source}, lines {evidence.first_line} to {evidence.last_line}:"


def markdown(report: Report) -> str:
    """Return the report in Markdown."""
    parts = [_markdown_finding(finding) for finding in report.findings[:_MOST]] or [not_explained(report)]
    parts += _rest(report)
    if report.silenced:
        parts.append(_silenced(report))
    return "\n\n".join(parts)


def _markdown_finding(finding: Finding) -> str:
    hint = " *(a hint)*" if finding.is_hint else ""
    parts = [f"### {inline(finding.title)}{hint}", f"`{finding.cause}` · {finding.stage} · {finding.confidence:.0%}"]
    parts += [f"{inline(_place(e))}\n\n{fenced(e.text)}" for e in finding.evidence]
    parts.append(inline(finding.why))
    for fix in finding.fixes:
        steps = "\n".join(f"- {inline(step)}" for step in fix.steps)
        parts.append(f"**{inline(fix.title)}**\n\n{steps}".rstrip())
        if fix.code:
            parts.append(fenced(fix.code))
    if finding.do_not:
        parts.append(f"**Not:** {inline(finding.do_not)}")
    parts += [f"<{link}>" for link in finding.links]
    return "\n\n".join(parts)


def html(report: Report) -> str:
    """Return the report as static HTML in the colours of the page."""
    parts = [_html_finding(finding) for finding in report.findings[:_MOST]]
    parts += [f"<p>{_html.escape(words)}</p>" for words in _rest(report)]
    parts = parts or [f"<p>{_html.escape(part)}</p>" for part in _nothing(report, str)]
    if report.silenced:
        parts.append(f"<p>{_html.escape(_silenced(report))}</p>")
    return f'<div class="amlw-report">{"".join(parts)}</div>'


def _html_finding(finding: Finding) -> str:
    esc = _html.escape
    kind = "a hint" if finding.is_hint else f"{finding.confidence:.0%} sure"
    proof = "".join(f"<p>{esc(_place(e))}</p><pre>{esc(e.text)}</pre>" for e in finding.evidence)
    fixes = "".join(_html_fix(fix) for fix in finding.fixes)
    no = f"<p><b>Not:</b> {esc(finding.do_not)}</p>" if finding.do_not else ""
    links = "".join(f'<p><a href="{esc(link)}" rel="noopener">{esc(link)}</a></p>' for link in finding.links)
    head = f"<h4>{esc(finding.title)}</h4><p><code>{esc(finding.cause)}</code> · {esc(finding.stage)} · {kind}</p>"
    return f"<section>{head}{proof}<p>{esc(finding.why)}</p>{fixes}{no}{links}</section>"


def _html_fix(fix: Fix) -> str:
    esc = _html.escape
    steps = "".join(f"<li>{esc(step)}</li>" for step in fix.steps)
    code = f"<pre>{esc(fix.code)}</pre>" if fix.code else ""
    return f"<p><b>{esc(fix.title)}</b></p><ul>{steps}</ul>{code}"
