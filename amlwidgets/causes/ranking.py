"""From signs to findings: the best match per cause, symptoms under their cause, the most certain first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amlwidgets.causes.derive import FUNCTIONS
from amlwidgets.causes.template import fill, fill_code, fill_first
from amlwidgets.core.findings import HINT_BELOW, Evidence, Finding, Fix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amlwidgets.causes.document import Document
    from amlwidgets.causes.matcher import Match
    from amlwidgets.causes.model import Cause, FixTemplate

NEARLY = 0.15
"""A generic cause yields to a finer one on the same line that is not much less certain."""
MUCH = 0.25
"""A difference of confidence that counts, where one cause explains another."""
EVIDENCE_KEPT = 4
EVIDENCE_LINES = 12
EVIDENCE_CHARS = 1200
APART = 20
"""Logical lines: matches nearer to each other than this are the same event."""
STAGE_ORDER = (
    "workspace", "auth", "keyvault_arm", "register", "image_build", "network", "quota", "schedule", "local_docker",
    "model_load", "start", "autoscale", "score", "other",
)  # fmt: skip
"""Where several causes are equally certain, the earliest stage that failed is named first."""
STAGES_OF = {
    "preflight": ("workspace", "auth", "other", "local_docker"),
    "register": ("register", "auth", "workspace"),
    "image": ("image_build",),
    "schedule": ("schedule", "quota"),
    "start": ("start", "model_load", "local_docker"),
    "score": ("score", "autoscale"),
}
"""Stops of the wizard's rail and the stages of the taxonomy that belong to them."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The matches of one cause in one text."""

    cause: Cause
    source: str
    doc: Document
    matches: tuple[Match, ...]
    details: Mapping[str, str]

    @property
    def best(self) -> Match:
        """The most certain match, the earliest of equals."""
        return max(self.matches, key=lambda m: (m.confidence, -m.first))

    @property
    def beside(self) -> Mapping[str, str]:
        """What other lines of the same event tell, such as the host that the first of them does not name."""
        best = self.best
        near = [
            m
            for m in self.matches
            if m.fact is None and abs(m.first - best.first) <= APART and best.confidence - m.confidence < NEARLY
        ]
        return {name: value for m in reversed(near) for name, value in m.fields.items()}


def sightings(source: str, doc: Document, matches: Sequence[Match]) -> list[Sighting]:
    """Group the matches of a text by cause; a generic cause yields to a finer one made of the same lines."""
    strong = [m for m in matches if not m.detail and not m.cause.generic and m.confidence >= HINT_BELOW]
    finer = {id(m.fact) for m in strong if m.fact}
    taken: dict[int, float] = {}
    for m in strong:
        for i in range(m.first, m.last + 1):
            taken[i] = max(m.confidence, taken.get(i, 0.0))
    grouped: dict[str, list[Match]] = {}
    details: dict[str, dict[str, str]] = {}
    for match in matches:
        if match.detail:
            details.setdefault(match.cause.slug, dict(match.fields))
            continue
        if match.cause.generic and (id(match.fact) in finer or taken.get(match.first, 0.0) > match.confidence - NEARLY):
            continue
        grouped.setdefault(match.cause.slug, []).append(match)
    return [
        Sighting(found[0].cause, source, doc, tuple(found), details.get(slug, {})) for slug, found in grouped.items()
    ]


def rank(seen: Sequence[Sighting], context: Mapping[str, str], stage: str | None = None) -> tuple[Finding, ...]:
    """Turn sightings of one or several texts into findings, the best first."""
    by_cause: dict[str, list[Sighting]] = {}
    for sighting in seen:
        by_cause.setdefault(sighting.cause.slug, []).append(sighting)
    findings = [_finding(group, context, stage) for group in by_cause.values()]
    causes = {group[0].cause.slug: group[0].cause for group in by_cause.values()}
    return _order(_absorb(findings, causes))


def _finding(group: list[Sighting], context: Mapping[str, str], stage: str | None) -> Finding:
    group = sorted(group, key=lambda s: -s.best.confidence)
    best = group[0].best
    cause = best.cause
    fields = {**context, **group[0].details, **group[0].beside, **best.fields}
    for step in cause.derived:
        values = [fields.get(name, "") for name in step.arguments]
        value = FUNCTIONS[step.how](*values) if all(values) else ""
        if value:
            fields[step.name] = value
    near = cause.stage in STAGES_OF.get(stage or "", ())
    return Finding(
        cause=cause.slug,
        stage=cause.stage,
        title=fill_first(cause.title, fields),
        confidence=min(0.99, best.confidence + (0.03 if near else 0.0)),
        evidence=_evidence(group),
        why=fill_code(cause.why, fields),
        fixes=tuple(fix for template in cause.fixes if (fix := _fix(template, fields))),
        do_not=cause.do_not,
        links=cause.links,
        facts={k: v for k, v in fields.items() if k != "frames" and len(v) <= EVIDENCE_CHARS},
    )


def _fix(template: FixTemplate, fields: Mapping[str, str]) -> Fix | None:
    if any(not fields.get(name) for name in template.needs):
        return None
    title = fill(template.title, fields)
    if title is None:
        return None
    arguments = {name: fill(value, fields) for name, value in template.arguments.items()}
    known = {name: value for name, value in arguments.items() if value}
    complete = bool(template.apply) and len(known) == len(arguments)
    code = fill_code(template.code, fields).strip("\n")
    if template.code_v2:
        code += ("\n\n" if code else "") + fill_code(template.code_v2, fields).strip("\n")
    steps = tuple(text for step in template.steps if (text := fill(step, fields)))
    return Fix(title, steps, code, template.apply if complete else None, known if complete else {})


def _evidence(group: list[Sighting]) -> tuple[Evidence, ...]:
    """Proof, best first: per text the best match, the user's own line, and matches far from it."""
    found: list[Evidence] = []
    for sighting in group:
        best = sighting.best
        spans = [(best.first, best.last)]
        if best.fact and best.fact.own:
            spans.append(best.fact.own)
        for match in sorted(sighting.matches, key=lambda m: (-m.confidence, m.first)):
            if all(abs(match.first - first) > APART for first, _ in spans) and len(spans) < EVIDENCE_KEPT:
                spans.append((match.first, match.last))
        found += [_proof(sighting, first, last) for first, last in spans]
    unique = {(e.source, e.text): e for e in reversed(found)}
    return tuple(e for e in found if unique[e.source, e.text] is e)[:EVIDENCE_KEPT]


def _proof(sighting: Sighting, first: int, last: int) -> Evidence:
    lines = sighting.doc.lines[first : last + 1][:EVIDENCE_LINES]
    text = "\n".join(line.text.rstrip() for line in lines)
    if len(text) > EVIDENCE_CHARS:
        text = text[: EVIDENCE_CHARS - 1] + "…"
    return Evidence(sighting.source, lines[0].number, lines[-1].number, text)


def _absorb(findings: list[Finding], causes: Mapping[str, Cause]) -> list[Finding]:
    """Put symptoms under the cause that explains them: they add evidence to it and are not findings of their own."""
    present = {f.cause: f for f in findings}
    explained: dict[str, str] = {}
    for finding in sorted(findings, key=lambda f: -f.confidence):
        for symptom in causes[finding.cause].explains:
            if symptom in present and _accounts_for(finding, present[symptom], causes):
                explained.setdefault(symptom, finding.cause)
    kept = []
    for finding in findings:
        if finding.cause in explained:
            continue
        under = [s for s, cause in explained.items() if s in causes[finding.cause].explains]
        evidence = list(finding.evidence)
        for symptom in under:
            evidence += [e for e in present[symptom].evidence[:1] if all(e.text != old.text for old in evidence)]
        kept.append(replace(finding, explains=tuple(under), evidence=tuple(evidence[: EVIDENCE_KEPT + 2])))
    return kept


def _accounts_for(finding: Finding, symptom: Finding, causes: Mapping[str, Cause]) -> bool:
    """Whether a cause is sure enough to explain a symptom; of two that explain each other, the much surer one does."""
    surer = finding.confidence - symptom.confidence
    mutual = finding.cause in causes[symptom.cause].explains
    return finding.confidence >= HINT_BELOW and surer > (MUCH if mutual else -MUCH)


def _order(findings: list[Finding]) -> tuple[Finding, ...]:
    def key(finding: Finding) -> tuple[float, int, int]:
        stage = STAGE_ORDER.index(finding.stage) if finding.stage in STAGE_ORDER else len(STAGE_ORDER)
        return (-round(finding.confidence, 1), stage, finding.evidence[0].first_line)

    return tuple(sorted(findings, key=key))
