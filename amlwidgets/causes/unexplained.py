"""What can be said of an exception that the catalogue does not know: which one, at which stage, in whose line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amlwidgets.core.findings import Evidence, Unexplained

if TYPE_CHECKING:
    from amlwidgets.causes.facts import Fact
    from amlwidgets.causes.matcher import Matcher

HEADER = "Traceback (most recent call"
_LINES = 4
_PHASES = {"import": "start", "init": "start", "run": "score"}
_CALLS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("image", re.compile(r"azureml/core/(?:image/|environment\.py:(?:build|register))")),
    ("score", re.compile(r"azureml/core/webservice/\w+\.py:run")),
    ("start", re.compile(r"azureml/core/webservice/\w+\.py:wait_for_deployment")),
    ("register", re.compile(r"azureml/core/model\.py:register")),
    ("preflight", re.compile(r"azureml/core/(?:workspace|authentication)\.py:")),
)
"""Stops of the stage rail, by what of the SDK was called."""


def unexplained(source: str, matcher: Matcher, stage: str | None) -> Unexplained | None:
    """Return the last exception with its traceback in a text that no cause explains."""
    if not matcher.doc.has(HEADER):
        return None
    roots = [f for f in matcher.facts("traceback") if f.fields.get("exception") and f.fields.get("chain") != "outer"]
    shown = [f for f in roots if "frames" in f.fields]
    return _said(source, matcher, shown[-1], stage) if shown else None


def _said(source: str, matcher: Matcher, fact: Fact, stage: str | None) -> Unexplained:
    fields, lines = fact.fields, matcher.doc.lines
    first, last = fact.own or (fact.proof, fact.proof)
    proof = lines[first : last + 1][:_LINES]
    text = "\n".join(line.text.rstrip()[:400] for line in proof)
    return Unexplained(
        exception=fields["exception"],
        message=fields.get("summary", ""),
        stage=_PHASES.get(fields.get("phase", "")) or stage or _stage_of(fields.get("frames", "")),
        file=fields.get("file", ""),
        line=fields.get("line", ""),
        evidence=Evidence(source, proof[0].number, proof[-1].number, text),
    )


def _stage_of(frames: str) -> str:
    plain = frames.replace("\\", "/")
    return next((stage for stage, pattern in _CALLS if pattern.search(plain)), "")
