"""The vault is taken out of the template and named by a parameter (keyvault-arm.md, section 4.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expressions import is_expression
from amlwidgets.arm.reader import get
from amlwidgets.arm.values import Unknown
from amlwidgets.vault.expressions import calls_of
from amlwidgets.vault.placing import declare, real, scope_of
from amlwidgets.vault.remedy import WIPES, NoFit, Remedy
from amlwidgets.vault.view import property_of, tail
from amlwidgets.vault.waiting import stop_waiting, waiting_for

if TYPE_CHECKING:
    from amlwidgets.vault.remedy import Work

PARAMETER = "keyVaultId"
_ABOUT = "Resource id of the key vault, which exists already: az keyvault show -n NAME --query id"
_IDS = ("resourceid", "extensionresourceid", "subscriptionresourceid")
_MAY_NAME = re.compile(r"reference|resourceid", re.IGNORECASE)
_PLACE = re.compile(r"/dependsOn/\d+$", re.IGNORECASE)


def _change(work: Work) -> None:
    vault, editor = work.vault.resource, work.editor
    if get(vault.raw, "resources"):
        raise NoFit("The vault holds other resources (secrets, policies): move them out of it first.")
    if get(vault.raw, "copy") is not None:
        raise NoFit("The vault is made in a loop.")
    pointer, where = real(editor, vault.pointer), scope_of(editor, vault.pointer)
    waiting = waiting_for(work, vault)
    name = declare(editor, vault.pointer, PARAMETER, "string", _ABOUT)
    seen = [place for place in editor.document.spans if _is_seen(work, place, where, pointer)]
    texts = {place: _named(work, editor.get(place), name) for place in seen}
    editor.replace_all({place: text for place, text in texts.items() if text != editor.get(place)})
    _link(work, name)
    stop_waiting(editor, waiting)
    editor.remove(pointer)
    work.notes.append(f"Make the vault once, apart from this template, and give its id as {name}.")


def _is_seen(work: Work, place: str, where: str, vault: str) -> bool:
    """Whether a node belongs to the template of the vault, is not the vault itself, and may name a resource."""
    span, text = work.editor.document.spans[place], work.editor.document.text
    if not text.startswith('"[', span.start) or not _MAY_NAME.search(text, span.start, span.end):
        return False
    inside = place.startswith(f"{where}/") and not place.startswith(f"{vault}/") and not _PLACE.search(place)
    return inside and is_expression(work.editor.get(place)) and scope_of(work.editor, place) == where


def _named(work: Work, written: str, name: str) -> str:
    """Return an expression with the parameter in the place of the vault's id."""
    vault, instead = work.vault.resource, f"parameters('{name}')"
    for call in sorted(calls_of(written, "reference", *_IDS), key=lambda call: -call.start):
        if call.name == "reference" and call.arguments and _is_vault(work, call.arguments[0], or_name=True):
            version = vault.api_version if vault.api_version[:2] == "20" else "2022-07-01"
            rest = ", ".join(call.arguments[1:]) or f"'{version}'"
            written = f"{written[: call.start]}reference({instead}, {rest}){written[call.end :]}"
        elif call.name != "reference" and _is_vault(work, written[call.start : call.end]):
            written = written[: call.start] + instead + written[call.end :]
    return written


def _is_vault(work: Work, expression: str, *, or_name: bool = False) -> bool:
    """Whether an expression is the vault's id, in whatever group it is looked for, or its name or symbol."""
    vault = work.vault.resource
    worth = str(vault.evaluator.evaluate(f"[{expression}]")).lower()
    names = {str(vault.name).lower(), vault.symbol.lower()} - {""} if or_name else set()
    return tail(worth) == tail(vault.id) or worth in names


def _link(work: Work, name: str) -> None:
    """Let the workspaces use the parameter where they built the vault's id in another way."""
    for workspace in work.view.workspaces:
        used = property_of(workspace, "keyVault")
        known: Any = used.value if not isinstance(used.value, Unknown) else used.value.text
        if str(known).lower() != work.vault.resource.id.lower() or workspace.document is not work.view.document:
            continue
        if scope_of(work.editor, workspace.pointer) != scope_of(work.editor, work.vault.resource.pointer):
            continue
        place = real(work.editor, used.pointer)
        if "parameters(" not in str(work.editor.get(place)) and "variables(" not in str(work.editor.get(place)):
            work.editor.replace(place, f"[parameters('{name}')]")


REMEDY = Remedy(
    id="take-out",
    order=2,
    title="Take the vault out of the template",
    words="The template only names the vault that exists; nothing that it does can touch the policies.",
    silences=(*WIPES, "KV03"),
    change=_change,
)
