"""The vault is made once, and the workspace's entry is added by a child resource (keyvault-arm.md, section 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.permissions import ALL_BUT_PURGE
from amlwidgets.vault.placing import add_resource, principal, users, vault_name, waits_for, with_condition
from amlwidgets.vault.remedies.condition import REMEDY as CONDITION
from amlwidgets.vault.remedy import WIPES, NoFit, Remedy
from amlwidgets.vault.view import POLICIES

if TYPE_CHECKING:
    from typing import Any

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.remedy import Work


def _change(work: Work) -> None:
    found = users(work)
    entries = [(workspace, _child(work, workspace)) for workspace in found]
    if work.vault.by_roles:
        raise NoFit("The vault uses roles; an access policy would have no effect.")
    for workspace, child in entries:
        add_resource(work.editor, workspace.pointer, "keyVaultAccess", child)
    CONDITION.change(work)


def _child(work: Work, workspace: Resource) -> dict[str, Any]:
    entry = {
        "tenantId": "[subscription().tenantId]",
        "objectId": f"[{principal(workspace)}]",
        "permissions": ALL_BUT_PURGE,
    }
    version = work.vault.resource.api_version
    return with_condition(
        workspace,
        {
            "type": POLICIES,
            "apiVersion": version if version[:2] == "20" else "2022-07-01",
            "name": f"[concat({vault_name(work, workspace)}, '/add')]",
            "dependsOn": waits_for(work, workspace),
            "properties": {"accessPolicies": [entry]},
        },
    )


REMEDY = Remedy(
    id="add-child",
    order=4,
    title="Make the vault once, and add the workspace's entry each time",
    words="A child resource accessPolicies/add merges: it gives the workspace its entry and takes nobody's away.",
    silences=WIPES,
    change=_change,
)
