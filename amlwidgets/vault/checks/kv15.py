"""KV15 rbac-no-role: a vault with roles, a workspace with its own identity, and no role for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get
from amlwidgets.arm.values import Unknown
from amlwidgets.vault.check import Check
from amlwidgets.vault.permissions import DATA_ROLES
from amlwidgets.vault.view import ROLES, VAULT, property_of, used_vault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import Vault, View

_KINDS = (f"{VAULT}/providers/roleAssignments".lower(), ROLES.lower())


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    used = {used_vault(workspace) for workspace in view.workspaces if _uses_own(workspace)}
    roles = [role for role in view.resources if role.type.lower() in _KINDS and not role.existing]
    for vault in view.vaults:
        if not vault.by_roles or not used & {vault.resource.id.lower(), ""}:
            continue
        if not any(_is_on(role, vault) for role in roles):
            text = f"Nothing gives the workspace's user-assigned identity a role on the vault {vault.name}."
            yield vault.resource, vault.get("enableRbacAuthorization").pointer, text


def _uses_own(workspace: Resource) -> bool:
    kind = str(get(get(workspace.body, "identity"), "type")).lower()
    return "userassigned" in kind and "systemassigned" not in kind


def _is_on(role: Resource, vault: Vault) -> bool:
    name = vault.name.lower()
    if role.type.lower() == _KINDS[0]:
        return str(role.name).lower().startswith(f"{name}/")
    scope = str(get(role.body, "scope") or "").lower()
    if scope:
        return name in scope or (scope in vault.resource.id.lower() and _opens_vaults(role))
    return _opens_vaults(role)


def _opens_vaults(role: Resource) -> bool:
    """Whether a role of a whole resource group lets anybody at what vaults hold; one that is not known may."""
    identifier = property_of(role, "roleDefinitionId").value
    return isinstance(identifier, Unknown) or str(identifier).lower().rpartition("/")[2] in DATA_ROLES


CHECK = Check(
    id="KV15",
    slug="rbac-no-role",
    severity="medium",
    why="A user-assigned identity gets nothing by itself: without a role on the vault images fail.",
    fix=("Assign Key Vault Administrator to the identity, with the vault as scope, before the workspace is made."),
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "enableRbacAuthorization": true
  }
},
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "UserAssigned",
    "userAssignedIdentities": {
      "/i": {}
    }
  },
  "properties": {
    "keyVault": "[resourceId('Microsoft.KeyVault/vaults', 'v1')]"
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "enableRbacAuthorization": true
  }
},
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "SystemAssigned"
  },
  "properties": {
    "keyVault": "[resourceId('Microsoft.KeyVault/vaults', 'v1')]"
  }
}
""",
    find=_find,
)
