"""What a fact is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlwidgets.causes.document import Document


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that the text states, with where it states it.

    Attributes:
        kind: Name of the parser, such as ``"traceback"``.
        fields: What it states; values are strings, absent ones are missing.
        first: Index of its first logical line.
        last: Index of its last logical line, inclusive.
        proof: Index of the line that proves it best.
        own: First and last index of the lines that show the user's own code, if any.
    """

    kind: str
    fields: Mapping[str, str]
    first: int
    last: int
    proof: int
    own: tuple[int, int] | None = None


class Parser(NamedTuple):
    """A parser of facts, started only when one of its literals was found."""

    kind: str
    literals: tuple[str, ...]
    parse: Callable[[Document], list[Fact]]
