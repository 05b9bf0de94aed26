"""What an expression can be worth: a value, or something that only Azure knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that cannot be known from the template.

    Attributes:
        depends_on: What it depends on, in words: ``"parameter 'keyVaultName'"``, ``"the state of …"``.
        text: The value as far as it can be written, such as ``"kv{uniqueString}"``; for shapes and messages.
        kind: What it is all the same: ``"string"``, ``"array"``, ``"object"``, ``"bool"``, ``"int"`` or empty.
    """

    depends_on: str
    text: str = ""
    kind: str = ""

    def __str__(self) -> str:
        """Return the text, or what it depends on in braces."""
        return self.text or f"{{{self.depends_on}}}"


def unknown_in(value: Any) -> Unknown | None:
    """Return the first unknown within a value; None when all of it is known."""
    if isinstance(value, Unknown):
        return value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for part in parts if (found := unknown_in(part)) is not None), None)


def is_true(value: Any) -> bool | Unknown:
    """Return a condition's truth; ARM takes the words too."""
    if isinstance(value, Unknown):
        return value
    if isinstance(value, str):
        return value.lower() == "true"
    return bool(value)
