"""What a check is, and running all of them."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from amlwidgets.vault import checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View

SEVERITIES = ("info", "low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Check:
    """One rule. Its id is never used again for another.

    Attributes:
        id: Such as ``"KV01"``.
        slug: Its name in words.
        severity: ``"high"``, ``"medium"``, ``"low"`` or ``"info"``.
        why: Why it matters.
        fix: What to do.
        bad: Resources (JSON) in which it fires.
        good: Resources (JSON) in which it does not.
        find: Yields the resource, the JSON pointer of the node, and what is wrong there in one sentence.
        parameters: Parameters that the examples use.
    """

    id: str
    slug: str
    severity: str
    why: str
    fix: str
    bad: str
    good: str
    find: Callable[[View], Iterator[tuple[Resource, str, str]]]
    parameters: str = "{}"


@dataclass(frozen=True, slots=True)
class Hit:
    """A check that fired.

    Attributes:
        id: Of the check.
        severity: Of the check.
        pointer: JSON pointer of the node.
        line: Line in the template, from 1.
        message: What is wrong, in one sentence.
        fix: What to do.
    """

    id: str
    severity: str
    pointer: str
    line: int
    message: str
    fix: str

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values."""
        return asdict(self)


@lru_cache(maxsize=1)
def all_checks() -> tuple[Check, ...]:
    """Return every check, by id."""
    names = sorted(module.name for module in pkgutil.iter_modules(checks.__path__))
    return tuple(importlib.import_module(f"{checks.__name__}.{name}").CHECK for name in names)


def run(view: View) -> list[Hit]:
    """Run every check; the most severe first, then in the order of the template."""
    found = []
    for check in all_checks():
        for resource, pointer, message in check.find(view):
            line, _ = view.position(resource, pointer)
            found.append(Hit(check.id, check.severity, pointer, line, message, check.fix))
    return sorted(found, key=lambda hit: (-SEVERITIES.index(hit.severity), hit.line, hit.id))
