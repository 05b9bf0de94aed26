"""Results of checks made before anything is deployed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from amlwidgets.core.redact import mask


class CheckState(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        id: Stable identifier, such as ``"entry-script"``.
        title: What is checked, in a few words.
        state: How it ended; only FAIL stops a deployment.
        looked_at: What was looked at (a path, a command), so that the result can be verified.
        detail: What was found, one sentence.
        todo: What to do, one sentence; empty when nothing.
    """

    id: str
    title: str
    state: CheckState
    looked_at: str
    detail: str
    todo: str = ""

    def __post_init__(self) -> None:
        # What was found quotes services and files: masked here, before it reaches a view, the journal or a terminal.
        for name in ("looked_at", "detail", "todo"):
            object.__setattr__(self, name, mask(getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": self.id,
            "title": self.title,
            "state": self.state.value,
            "looked_at": self.looked_at,
            "detail": self.detail,
            "todo": self.todo,
        }
