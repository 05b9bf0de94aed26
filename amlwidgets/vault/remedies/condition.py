"""The vault is made only when whoever deploys says so (keyvault-arm.md, section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.expressions import FunctionCall, Literal, is_expression, parse
from amlwidgets.arm.reader import TemplateError, find_key, get
from amlwidgets.vault.expressions import inside
from amlwidgets.vault.placing import declare, real, scope_of
from amlwidgets.vault.remedy import WIPES, Remedy

if TYPE_CHECKING:
    from typing import Any

    from amlwidgets.vault.remedy import Work

PARAMETER = "keyVaultOption"
_ABOUT = "new: make the key vault. existing: it exists, leave it and its access policies alone."


def _change(work: Work) -> None:
    vault, editor = work.vault.resource, work.editor
    pointer = real(editor, vault.pointer)
    written = find_key(vault.raw, "condition")
    if written is not None and (default := _default_behind(work, vault.raw[written])):
        editor.remove(default)
        name = default.rpartition("/")[0].rpartition("/")[2]
        work.notes.append(f"Say {name} each time: it has no default any more.")
        return
    name = declare(editor, vault.pointer, PARAMETER, "string", _ABOUT, allowedValues=["new", "existing"])
    mine = f"equals(parameters('{name}'), 'new')"
    if written is None:
        editor.add(pointer, "condition", f"[{mine}]", after="type")
    else:
        earlier = vault.raw[written]
        both = f"[and({inside(earlier)}, {mine})]" if is_expression(earlier) else f"[{mine}]"
        editor.replace(f"{pointer}/{written}", both)
    work.notes.append(f"Deploy the first time with {name}=new, and from then on with {name}=existing.")


def _default_behind(work: Work, condition: Any) -> str:
    """Return the pointer of the default that makes a condition true, where that is all there is to it; else empty."""
    editor, where = work.editor, scope_of(work.editor, work.vault.resource.pointer)
    name = _compared(condition)
    parameters = get(editor.get(where), "parameters")
    key = find_key(parameters, name) if name and not where else None
    default = find_key(parameters[key], "defaultValue") if key is not None else None
    return "" if default is None else f"{editor.pointer('parameters')}/{key}/{default}"


def _compared(condition: Any) -> str:
    """Return the parameter that a condition compares with a text; empty when it is anything else."""
    try:
        found = parse(condition) if is_expression(condition) else None
    except TemplateError:
        return ""
    if not isinstance(found, FunctionCall) or found.name != "equals":
        return ""
    named = [a for a in found.arguments if isinstance(a, FunctionCall) and a.name == "parameters"]
    plain = [a for a in found.arguments if isinstance(a, Literal)]
    if len(named) != 1 or len(plain) != 1 or not isinstance(named[0].arguments[0], Literal):
        return ""
    return str(named[0].arguments[0].value)


REMEDY = Remedy(
    id="condition",
    order=1,
    title="Make the vault only when it does not exist yet",
    words="A parameter without a default decides whether the vault is made; the second run says that it exists.",
    silences=WIPES,
    change=_change,
)
