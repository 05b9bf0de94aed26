"""The present policies are passed through the template (keyvault-arm.md, section 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import find_key, get
from amlwidgets.vault.origin import bare_parameter
from amlwidgets.vault.placing import declare, real, scope_of, set_property
from amlwidgets.vault.remedy import Remedy

if TYPE_CHECKING:
    from amlwidgets.vault.remedy import Work

PARAMETER = "accessPolicies"
_ABOUT = (
    "Present policies: az keyvault show -n NAME --query properties.accessPolicies; [] only where there is no vault."
)


def _change(work: Work) -> None:
    vault, editor = work.vault, work.editor
    where = scope_of(editor, vault.resource.pointer)
    name = bare_parameter(vault.policies.raw)
    parameters = get(editor.get(where), "parameters")
    key = find_key(parameters, name) if name and not where else None
    default = find_key(parameters[key], "defaultValue") if key is not None else None
    if default is not None:
        editor.remove(f"{editor.pointer('parameters')}/{key}/{default}")
    else:
        name = declare(editor, vault.resource.pointer, PARAMETER, "array", _ABOUT)
        set_property(editor, real(editor, vault.resource.pointer), "accessPolicies", f"[parameters('{name}')]")
        if isinstance(vault.policies.raw, list) and vault.policies.raw:
            work.notes.append("The policies that the template listed are no longer in it: pass them along too.")
    work.notes.append(f"Read the vault's policies before each deployment and give them as {name}.")


REMEDY = Remedy(
    id="carry-over",
    order=3,
    title="Carry the present policies through a parameter",
    words="Whoever deploys reads the policies first and passes them on; entries written in between are lost.",
    silences=("KV01", "KV02", "KV03", "KV04", "KV06", "KV07"),
    change=_change,
)
