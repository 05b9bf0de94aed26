"""The catalogue's data in memory: causes, signs and fixes, read from plain dictionaries."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

FLAGS = re.MULTILINE
LISTS = ("literals", "needs", "absent", "recovered")


@dataclass(frozen=True)
class Sign:
    """One way to recognise a cause.

    Attributes:
        literals: At least one must occur in the text; a ``pattern`` is tried only on lines that hold one.
        needs: All must occur somewhere in the text.
        absent: None may occur anywhere in the text.
        recovered: A later line with one of them voids what was seen: it went well after all.
        pattern: Regular expression, searched in the candidate line and ``lines`` - 1 lines after it.
        exclude: Regular expression that voids a candidate line.
        fact: Kind of fact instead of a pattern.
        where: Regular expressions that fields of the fact must match.
        unless: Regular expressions that fields of the fact must not match.
        at_least: Lower bounds for numeric fields of the fact.
        confidence: 0 to 1.
        lines: How many logical lines a pattern may span.
        set: Fields that this sign adds.
        detail: It only fills in fields for the other signs of its cause.
    """

    literals: tuple[str, ...]
    needs: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()
    pattern: str = ""
    exclude: str = ""
    fact: str = ""
    where: dict[str, str] = field(default_factory=dict)
    unless: dict[str, str] = field(default_factory=dict)
    at_least: dict[str, int] = field(default_factory=dict)
    confidence: float = 0.9
    lines: int = 1
    set: dict[str, str] = field(default_factory=dict)
    detail: bool = False

    @cached_property
    def pattern_re(self) -> re.Pattern[str]:
        """The compiled pattern."""
        return re.compile(self.pattern, FLAGS)

    @cached_property
    def exclude_re(self) -> re.Pattern[str] | None:
        """The compiled exclusion."""
        return re.compile(self.exclude, FLAGS) if self.exclude else None

    @cached_property
    def where_re(self) -> dict[str, re.Pattern[str]]:
        """The compiled conditions."""
        return {name: re.compile(value, FLAGS) for name, value in self.where.items()}

    @cached_property
    def unless_re(self) -> dict[str, re.Pattern[str]]:
        """The compiled exclusions."""
        return {name: re.compile(value, FLAGS) for name, value in self.unless.items()}


@dataclass(frozen=True)
class Derived:
    """A field computed from others by a named function of :mod:`amlwidgets.causes.derive`."""

    name: str
    how: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class FixTemplate:
    """A fix whose texts have fields to fill in."""

    title: str
    steps: tuple[str, ...] = ()
    code: str = ""
    code_v2: str = ""
    apply: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cause:
    """One cause of the catalogue.

    Attributes:
        slug: Its name in the taxonomy.
        stage: Its stage in the taxonomy.
        title: Templates of the one sentence, the most telling first; the first that can be filled in is used.
        why: Why this happens.
        signs: How it is recognised.
        explains: Symptoms that it accounts for.
        generic: It yields to any other finding made of the same fact.
    """

    slug: str
    stage: str
    title: tuple[str, ...]
    why: str
    signs: tuple[Sign, ...]
    fixes: tuple[FixTemplate, ...] = ()
    derived: tuple[Derived, ...] = ()
    explains: tuple[str, ...] = ()
    do_not: str = ""
    links: tuple[str, ...] = ()
    generic: bool = False


def cause_from(slug: str, stage: str, data: dict[str, Any]) -> Cause:
    """Build a cause from the content of its file."""
    title = data["title"]
    return Cause(
        slug=slug,
        stage=stage,
        title=(title,) if isinstance(title, str) else tuple(title),
        why=data["why"],
        signs=tuple(
            Sign(**_tuples(sign, ("literals", "needs", "absent", "recovered"))) for sign in data.get("sign", ())
        ),
        fixes=tuple(FixTemplate(**_tuples(fix, ("steps", "needs"))) for fix in data.get("fix", ())),
        derived=tuple(Derived(d["name"], d["how"], tuple(d["of"])) for d in data.get("derive", ())),
        explains=tuple(data.get("explains", ())),
        do_not=data.get("do_not", ""),
        links=tuple(data.get("links", ())),
        generic=data.get("generic", False),
    )


def _tuples(data: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {key: tuple(value) if key in names else value for key, value in data.items()}
