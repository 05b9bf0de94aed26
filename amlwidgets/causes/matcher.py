"""Match a text against the catalogue: literals in one pass, then facts and patterns on the candidates only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amlwidgets.causes.document import Document
from amlwidgets.causes.facts import KINDS, Fact

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from amlwidgets.causes.loader import Catalogue
    from amlwidgets.causes.model import Cause, Sign

MATCHES_KEPT = 40
CANDIDATES = 400
"""Lines on which a pattern is tried at most; half of them from the end."""
PHASE_OF_STAGE = {"start": "init", "score": "run"}


@dataclass(frozen=True, slots=True)
class Match:
    """A sign that was seen.

    Attributes:
        cause: Whose sign it is.
        confidence: Of the sign.
        fields: Captured values.
        first: Index of the first logical line of the proof.
        last: Index of its last logical line.
        fact: The fact it rests on, if any.
        detail: It only fills in fields.
    """

    cause: Cause
    confidence: float
    fields: Mapping[str, str]
    first: int
    last: int
    fact: Fact | None = None
    detail: bool = False


class Matcher:
    """Matches one text; facts are parsed when a sign first asks for them."""

    def __init__(
        self,
        text: str | Iterable[bytes],
        catalogue: Catalogue,
        stage: str | None = None,
        clean: Callable[[str], str] | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.phase = PHASE_OF_STAGE.get(stage or "", "")
        self.doc = Document.scan(text, catalogue.plan, clean)
        self._facts: dict[str, list[Fact]] = {}

    def facts(self, kind: str) -> list[Fact]:
        """Return the facts of a kind, parsed once."""
        parser = KINDS[kind]
        if parser.kind not in self._facts:
            started = any(self.doc.has(literal) for literal in parser.literals)
            found = parser.parse(self.doc) if started else []
            self._facts[parser.kind] = [self._with_phase(fact) for fact in found]
        return [fact for fact in self._facts[parser.kind] if fact.kind == kind]

    def _with_phase(self, fact: Fact) -> Fact:
        """Where the text does not tell when a traceback was printed, the caller's stage does."""
        if fact.kind != "traceback" or "phase" in fact.fields or not self.phase:
            return fact
        return replace(fact, fields={**fact.fields, "phase": self.phase})

    def matches(self) -> list[Match]:
        """Return every sign that the text shows."""
        if not self.doc.hits:
            return []
        self.doc.look_up(
            word
            for cause in self.catalogue.causes
            for sign in cause.signs
            if not self.doc.hits.isdisjoint(sign.literals)
            for word in (*sign.needs, *sign.absent)
        )
        found: list[Match] = []
        for cause in self.catalogue.causes:
            for sign in cause.signs:
                if self._possible(sign):
                    found += self._sign(cause, sign)
        return found

    def _possible(self, sign: Sign) -> bool:
        hits, has = self.doc.hits, self.doc.has
        return (
            any(literal in hits or (sign.detail and has(literal)) for literal in sign.literals)
            and all(has(literal) for literal in sign.needs)
            and not any(has(literal) for literal in sign.absent)
        )

    def _sign(self, cause: Cause, sign: Sign) -> list[Match]:
        source = self._by_fact(cause, sign) if sign.fact else self._by_pattern(cause, sign)
        found: list[Match] = []
        over = max((i for word in sign.recovered for i in self.doc.where(word)), default=-1)
        for match in source:
            if match.first < over:
                continue
            found.append(match)
            if len(found) >= MATCHES_KEPT:
                break
        return found

    def _by_fact(self, cause: Cause, sign: Sign) -> Iterator[Match]:
        for fact in self.facts(sign.fact):
            captured = _conditions(sign, fact)
            if captured is not None:
                fields = {**fact.fields, **captured, **sign.set}
                yield Match(cause, sign.confidence, fields, fact.proof, fact.proof, fact, sign.detail)

    def _by_pattern(self, cause: Cause, sign: Sign) -> Iterator[Match]:
        lines = self.doc.lines
        candidates = sorted({i for literal in sign.literals for i in self.doc.where(literal)})
        if len(candidates) > CANDIDATES:
            candidates = candidates[: CANDIDATES // 2] + candidates[-CANDIDATES // 2 :]
        for i in candidates:
            text = lines[i].text
            if sign.lines > 1:
                text = "\n".join(line.text for line in lines[i : i + sign.lines])
            match = sign.pattern_re.search(text)
            if match is None or (sign.exclude_re and sign.exclude_re.search(text)):
                continue
            first, last = _span(text, match, i)
            fields = {**self._own_code(first), **_groups(match), **sign.set}
            yield Match(cause, sign.confidence, fields, first, last, None, sign.detail)

    def _own_code(self, i: int) -> dict[str, str]:
        """File and line of the user's own code, where the line belongs to a traceback."""
        for fact in self.facts("traceback"):
            if fact.first <= i <= fact.last and "file" in fact.fields:
                return {name: fact.fields[name] for name in ("file", "line", "function") if name in fact.fields}
        return {}


def _span(text: str, match: re.Match[str], i: int) -> tuple[int, int]:
    return i + text.count("\n", 0, match.start()), i + text.count("\n", 0, match.end())


def _conditions(sign: Sign, fact: Fact) -> dict[str, str] | None:
    """Captured groups if the fact meets all conditions, else None."""
    for name, least in sign.at_least.items():
        value = fact.fields.get(name, "")
        if not value.isdigit() or int(value) < least:
            return None
    for name, pattern in sign.unless_re.items():
        if pattern.search(fact.fields.get(name, "")):
            return None
    captured: dict[str, str] = {}
    for name, pattern in sign.where_re.items():
        match = pattern.search(fact.fields.get(name, ""))
        if match is None:
            return None
        captured |= _groups(match)
    return captured


def _groups(match: re.Match[str]) -> dict[str, str]:
    """Captured fields; ``host2`` is another place at which ``host`` may stand."""
    found = ((name.rstrip("0123456789"), value.strip()) for name, value in match.groupdict().items() if value)
    return {name: value for name, value in found if value}
