"""Findings as SARIF 2.1.0, the form in which code hosts show the results of checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlwidgets.core.findings import Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ERROR_FROM = 0.8


def sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return one SARIF run that holds the findings."""
    rules = list(dict.fromkeys(f.cause for f in findings))
    first = {f.cause: f for f in reversed(findings)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "amlwidgets", "version": __version__, "rules": [_rule(first[r]) for r in rules]}
                },
                "results": [_result(f, rules.index(f.cause)) for f in findings],
            }
        ],
    }


def _rule(finding: Finding) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": finding.cause,
        "shortDescription": {"text": finding.cause.replace("-", " ")},
        "fullDescription": {"text": finding.why or finding.title},
        "properties": {"stage": finding.stage},
    }
    if finding.links:
        rule["helpUri"] = finding.links[0]
    return rule


def _result(finding: Finding, index: int) -> dict[str, Any]:
    level = "error" if finding.confidence >= _ERROR_FROM else ("note" if finding.is_hint else "warning")
    return {
        "ruleId": finding.cause,
        "ruleIndex": index,
        "level": level,
        "message": {"text": finding.title},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": e.source.replace("\\", "/").replace(" ", "%20")},
                    "region": {"startLine": e.first_line, "endLine": e.last_line, "snippet": {"text": e.text}},
                }
            }
            for e in finding.evidence[:1]
        ],
        "properties": {"confidence": round(finding.confidence, 3)},
    }
