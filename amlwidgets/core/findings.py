"""What a diagnosis says: findings with their evidence and fixes. Plain data that survives JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HINT_BELOW = 0.5
"""A finding less certain than this is shown as a hint, not as an alarm."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The lines that prove a finding.

    Attributes:
        source: Name of the text, such as ``"container log"``, ``"image build log"`` or a file name.
        first_line: First line, counted from 1.
        last_line: Last line, inclusive.
        text: The lines, already masked.
    """

    source: str
    first_line: int
    last_line: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form (DESIGN section 4)."""
        return {
            "source": self.source,
            "first_line": self.first_line,
            "last_line": self.last_line,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to mend the cause.

    Attributes:
        title: Imperative, short.
        steps: What a person does, in order.
        code: Code to copy; empty when there is none.
        apply: Name of the automatic action (``services.fixes``), or None where a person has to do it.
        arguments: Arguments of that action, all strings, taken from the evidence.
    """

    title: str
    steps: tuple[str, ...] = ()
    code: str = ""
    apply: str | None = None
    arguments: dict[str, str] = field(default_factory=dict)

    @property
    def automatic(self) -> bool:
        """Whether one click can apply it."""
        return self.apply is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"title": self.title, "steps": list(self.steps), "code": self.code, "automatic": self.automatic}


@dataclass(frozen=True, slots=True)
class Finding:
    """A named cause with its proof.

    Attributes:
        cause: Slug of the taxonomy, such as ``"missing-python-module"``.
        stage: Stage of the taxonomy where the cause sits, such as ``"start"`` or ``"image_build"``.
        title: What is wrong, in one sentence with the user's own names.
        confidence: 0 to 1.
        evidence: Proof, best first; at least one.
        why: Why this happens.
        fixes: Best first.
        do_not: What does not help, though people try it.
        links: Addresses to read on.
        explains: Slugs of the symptoms that this cause accounts for.
        facts: Captured values by name (module, file, line, model, ...), for callers that act on them.
    """

    cause: str
    stage: str
    title: str
    confidence: float
    evidence: tuple[Evidence, ...]
    why: str = ""
    fixes: tuple[Fix, ...] = ()
    do_not: str = ""
    links: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def is_hint(self) -> bool:
        """Whether this is only a hint."""
        return self.confidence < HINT_BELOW

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form (DESIGN section 4)."""
        return {
            "cause": self.cause,
            "stage": self.stage,
            "confidence": round(self.confidence, 3),
            "title": self.title,
            "evidence": [e.to_dict() for e in self.evidence],
            "why": self.why,
            "fixes": [f.to_dict() for f in self.fixes],
            "do_not": self.do_not,
            "links": list(self.links),
            "explains": list(self.explains),
        }


@dataclass(frozen=True, slots=True)
class Unexplained:
    """The exception at which a text ends, where no cause is known for it.

    Attributes:
        exception: Its name.
        message: First line of its message.
        stage: Stop of the stage rail, or empty where nothing tells.
        file: The user's own file in which it arose, or empty.
        line: Line in that file.
        evidence: The user's own line, or that of the exception.
    """

    exception: str
    message: str
    stage: str
    file: str
    line: str
    evidence: Evidence

    def __str__(self) -> str:
        """Say it in one sentence."""
        what = f"{self.exception}: {self.message}" if self.message else self.exception
        where = f" It arose in line {self.line} of {self.file}." if self.file else ""
        when = f" The stage is “{self.stage}”." if self.stage else ""
        return f"The last exception is {what.rstrip('. ')}.{where}{when}"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        parts = ("exception", "message", "stage", "file", "line")
        return {**{name: getattr(self, name) for name in parts}, "evidence": self.evidence.to_dict()}


@dataclass(frozen=True, slots=True)
class Report:
    """Result of a diagnosis.

    Attributes:
        findings: Ranked, best first.
        sources: Names of the texts that were read.
        silenced: Slugs of causes that were found but that the user has silenced.
        unexplained: The last exception, where nothing was found for it.
    """

    findings: tuple[Finding, ...] = ()
    sources: tuple[str, ...] = ()
    silenced: tuple[str, ...] = ()
    unexplained: Unexplained | None = None

    @property
    def top(self) -> Finding | None:
        """The best finding, or None."""
        return self.findings[0] if self.findings else None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": 1,
            "sources": list(self.sources),
            "findings": [f.to_dict() for f in self.findings],
            "silenced": list(self.silenced),
            **({"unexplained": self.unexplained.to_dict()} if self.unexplained else {}),
        }

    def __str__(self) -> str:
        """Return the report as plain text."""
        from amlwidgets.core.report_text import plain

        return plain(self)

    def _repr_markdown_(self) -> str:
        from amlwidgets.core.report_text import markdown

        return markdown(self)

    def _repr_html_(self) -> str:
        from amlwidgets.core.report_text import html

        return html(self)
