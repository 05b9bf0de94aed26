"""Parsers that turn messy text into facts with line positions. Each starts only where its literals were found."""

from __future__ import annotations

from amlwidgets.causes.facts import bodies, builds, http, json_errors, scheduling, tracebacks, workers
from amlwidgets.causes.facts.base import Fact, Parser

PARSERS: tuple[Parser, ...] = (
    tracebacks.PARSER,
    workers.PARSER,
    scheduling.PARSER,
    builds.PARSER,
    http.PARSER,
    json_errors.PARSER,
    bodies.PARSER,
)

KINDS = {
    "traceback": tracebacks.PARSER,
    "workers": workers.PARSER,
    "scheduling": scheduling.PARSER,
    "build": builds.PARSER,
    "http": http.PARSER,
    "error": json_errors.PARSER,
    "container": json_errors.PARSER,
    "body": bodies.PARSER,
}
"""Which parser yields which kind of fact."""

__all__ = ["KINDS", "PARSERS", "Fact", "Parser"]
