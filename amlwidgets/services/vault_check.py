"""A template and a workspace's vault, looked at together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from amlwidgets.arm.reader import TemplateError, read
from amlwidgets.errors import BadInput
from amlwidgets.services.arm_fix import read_text
from amlwidgets.services.bicep import compiled as compiled_bicep
from amlwidgets.services.bicep import is_bicep
from amlwidgets.vault import check
from amlwidgets.vault.checklist import Checked
from amlwidgets.vault.redeploy import WORKSPACE, simulate
from amlwidgets.vault.undecided import undecided
from amlwidgets.vault.view import View

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from amlwidgets.arm.reader import Document
    from amlwidgets.vault.seen import Seen


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read.

    Attributes:
        name: Of the file.
        path: The file; None for one that was given as an object or was compiled.
        text: Its text.
        view: It as the checks see it.
        parameters: Values of its parameters.
    """

    name: str
    path: Path | None
    text: str
    view: View
    parameters: Mapping[str, Any]

    def checked(self, seen: Seen | None) -> Checked:
        """Return checks and simulation, from the policies that the vault has now.

        A workspace that has lost its entry already gets it back first: there would be nothing left to lose.
        """
        now = holders(seen)
        if now is not None and WORKSPACE not in now:
            now = [WORKSPACE, *now]
        return Checked(self.name, tuple(check.run(self.view)), simulate(self.view, now), tuple(undecided(self.view)))


def holders(seen: Seen | None) -> list[str] | None:
    """Return who has an entry now, the workspace's own identity by its role in the story; None when not known."""
    if seen is None or seen.holders is None:
        return None
    mine = seen.identity.lower()
    return [WORKSPACE if holder.object_id.lower() == mine else holder.object_id for holder in seen.holders]


def open_template(
    source: str | os.PathLike[str] | Mapping[str, Any], parameters: Mapping[str, Any] | None = None
) -> Template:
    """Read a template: a file of ARM JSON or Bicep, or its content.

    Raises:
        BadInput: It cannot be read or is no template.
    """
    if not isinstance(source, str) and hasattr(source, "keys"):
        import json

        return _template("template", None, json.dumps(source, indent=2), parameters)
    path = Path(cast("str", source))  # a mapping was handled above
    if is_bicep(path):
        return _template(path.name, None, compiled_bicep(path), parameters, path.parent)
    return _template(path.name, path, read_text(path), parameters, path.parent)


def _template(
    name: str, path: Path | None, text: str, parameters: Mapping[str, Any] | None, folder: Path | None = None
) -> Template:
    try:
        view = View(read(text), parameters, load=lambda other: linked(folder, other))
    except TemplateError as exc:
        raise BadInput(f"{name}, {exc}", code="template-invalid") from exc
    return Template(name, path, text, view, parameters or {})


def linked(folder: Path | None, path: str) -> tuple[Document, str] | None:
    """Return a linked template that lies beside the one that names it, never anything outside of that folder."""
    if folder is None or "://" in path:
        return None
    root = folder.resolve()
    target = (root / path).resolve()
    if not target.is_relative_to(root) or not target.is_file():
        return None
    try:
        return read(read_text(target)), path
    except TemplateError as exc:
        raise BadInput(f"{target.name}, {exc}", code="template-invalid") from exc
