"""The automatic actions that a fix may name. What they do lives in ``amlwidgets.services.fixes``.

The set is closed: a test checks that the catalogue names no other action and no other argument.
"""

from __future__ import annotations

from typing import NamedTuple


class Action(NamedTuple):
    """An action and its arguments; all arguments are strings."""

    name: str
    arguments: tuple[str, ...]
    optional: tuple[str, ...]
    does: str


ACTIONS: dict[str, Action] = {
    a.name: a
    for a in (
        Action(
            "replace-text",
            ("file", "old", "new"),
            ("line",),
            "Replace a text in a file of the source folder, at a line if given.",
        ),
        Action("add-pip-package", ("package",), (), "Add a requirement to the pip section of the conda file."),
        Action(
            "replace-requirement", ("old", "new"), (), "Replace a requirement in the conda file (pip or conda section)."
        ),
        Action("raise-memory", (), ("factor", "to_gb"), "Raise memory_gb of the deployment configuration."),
        Action(
            "set-config",
            ("field", "value"),
            (),
            "Set a field of the deployment configuration, such as ``port`` or ``memory_gb``.",
        ),
    )
}
"""Every action by name."""
