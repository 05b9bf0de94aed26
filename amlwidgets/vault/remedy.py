"""Remedies that write: a template's new text, with the rest of it as it was."""

from __future__ import annotations

import difflib
import importlib
import itertools
import pkgutil
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.edit import Editor
from amlwidgets.arm.reader import TemplateError
from amlwidgets.vault import check, remedies
from amlwidgets.vault.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlwidgets.arm.expand import Load
    from amlwidgets.vault.view import Vault

WIPES = ("KV01", "KV02", "KV04", "KV06")
"""Checks of what takes access away when a template is deployed again."""

MAX_VAULTS = 20
"""Each is a pass over the template."""

_TOO_MANY = f"More than {MAX_VAULTS} vaults lose their policies: split the template first."


class NoFit(Exception):
    """A remedy cannot be applied to a template; the text says why, in one sentence."""


@dataclass(slots=True)
class Work:
    """A template that is being changed.

    Attributes:
        editor: Its text.
        view: The template as it was when the change of this vault began.
        vault: The vault that the remedy is for.
        notes: What whoever deploys has to do from now on.
    """

    editor: Editor
    view: View
    vault: Vault
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way to correct a template.

    Attributes:
        id: Such as ``"condition"``.
        order: Place in lists; the reference's own order.
        title: What it does, as an order.
        words: How the template is used from then on.
        silences: Checks that are silent afterwards.
        change: Changes the template; raises :class:`NoFit`.
    """

    id: str
    order: int
    title: str
    words: str
    silences: tuple[str, ...]
    change: Callable[[Work], None]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A template that was corrected.

    Attributes:
        remedy: The remedy.
        text: The new text.
        diff: What changed, as a unified diff.
        silenced: Checks that fired before and are silent now.
        notes: What whoever deploys has to do from now on.
    """

    remedy: Remedy
    text: str
    diff: str
    silenced: list[str]
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values."""
        names = {"remedy": self.remedy.id, "title": self.remedy.title, "words": self.remedy.words}
        return {**names, "diff": self.diff, "silenced": self.silenced, "notes": self.notes}


@lru_cache(maxsize=1)
def all_remedies() -> tuple[Remedy, ...]:
    """Return every remedy, in the reference's order."""
    names = [module.name for module in pkgutil.iter_modules(remedies.__path__)]
    found = [importlib.import_module(f"{remedies.__name__}.{name}").REMEDY for name in names]
    return tuple(sorted(found, key=lambda remedy: remedy.order))


def fix(
    text: str,
    remedy: Remedy,
    parameters: Mapping[str, Any] | None = None,
    load: Load | None = None,
    name: str = "template",
) -> Fixed:
    """Correct every vault of a template whose access policies a redeploy would take away.

    Args:
        text: The template, with its own line ends.
        remedy: What to do.
        parameters: Values of parameters.
        load: Reads linked local templates.
        name: Of the file, for the diff.

    Raises:
        NoFit: The remedy does not fit the template, or there is nothing to correct.
        TemplateError: The text is no template.
    """
    editor, notes = Editor(text), list[str]()
    before = _fired(editor, parameters, load)
    for number in itertools.count():
        view = View(editor.document, parameters, load)
        vault = _next(view, remedy)
        if vault is None:
            break
        if number == MAX_VAULTS:
            raise NoFit(_TOO_MANY)
        shown = editor.text
        try:
            remedy.change(Work(editor, view, vault, notes))
        except TemplateError as exc:
            raise NoFit(exc.message) from exc
        if editor.text == shown:
            raise NoFit("This remedy changes nothing here.")
    if editor.text == text:
        raise NoFit(
            "Nothing to correct: no vault of this template loses its access policies when it is deployed again."
        )
    silenced = [one for one in before if one not in _fired(editor, parameters, load)]
    return Fixed(remedy, editor.text, _diff(text, editor.text, name), silenced, list(dict.fromkeys(notes)))


def _fired(editor: Editor, parameters: Mapping[str, Any] | None, load: Load | None) -> list[str]:
    return sorted({hit.id for hit in check.run(View(editor.document, parameters, load))})


def _next(view: View, remedy: Remedy) -> Vault | None:
    """Return the first vault for which a check fires that the remedy is to silence."""
    wanted = [one for one in check.all_checks() if one.id in remedy.silences]
    hit = {id(resource) for one in wanted for resource, _, _ in one.find(view)}
    found = [vault for vault in view.vaults if id(vault.resource) in hit]
    own = [vault for vault in found if vault.resource.document is view.document]
    if found and not own:
        raise NoFit("The vault is declared in a linked template: correct that file.")
    if len(own) > MAX_VAULTS:
        raise NoFit(_TOO_MANY)
    return own[0] if own else None


def _diff(before: str, after: str, name: str) -> str:
    old, new = (text.removeprefix("\ufeff").replace("\r\n", "\n").splitlines() for text in (before, after))
    return "\n".join(difflib.unified_diff(old, new, fromfile=name, tofile=name, lineterm="")) + "\n"
