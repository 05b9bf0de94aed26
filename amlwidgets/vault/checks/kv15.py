"""KV15 rbac-no-role: a vault with roles, a workspace with its own identity, and no role for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.view import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import Vault, View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    own = [w for w in view.workspaces if _uses_own(w)]
    for vault in view.vaults:
        if vault.by_roles and own and not any(_is_on(role, vault) for role in view.of(ROLES)):
            text = f"Nothing gives the workspace's user-assigned identity a role on the vault {vault.name}."
            yield vault.resource, vault.get("enableRbacAuthorization").pointer, text


def _uses_own(workspace: Resource) -> bool:
    kind = str(get(get(workspace.body, "identity"), "type")).lower()
    return "userassigned" in kind and "systemassigned" not in kind


def _is_on(role: Resource, vault: Vault) -> bool:
    where = str(get(role.body, "scope") or "").lower()
    return not where or vault.name.lower() in where or where in vault.resource.id.lower()


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
