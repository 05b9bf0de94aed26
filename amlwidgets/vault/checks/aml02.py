"""AML02 no-dependency: a workspace does not wait for the vault that is declared beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.identifiers import waits
from amlwidgets.vault.origin import calls
from amlwidgets.vault.view import property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for workspace in view.workspaces:
        found = property_of(workspace, "keyVault")
        vault = view.declared_vault(found.value)
        if vault is None or vault.resource.path != workspace.path:
            continue
        linked = any(call.name == "reference" for call in calls(workspace.evaluator, found.raw))
        if not linked and not waits(view, workspace, vault.resource):
            text = f"The workspace {workspace.name} does not wait for its vault {vault.name}."
            yield workspace, found.pointer, text


CHECK = Check(
    id="AML02",
    slug="no-dependency",
    severity="low",
    why="ARM may make the workspace first, and fails because the vault is not there yet.",
    fix="Name the vault in dependsOn, or refer to it by its symbol.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": []
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
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": []
  }
},
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "SystemAssigned"
  },
  "dependsOn": [
    "v1"
  ],
  "properties": {
    "keyVault": "[resourceId('Microsoft.KeyVault/vaults', 'v1')]"
  }
}
""",
    find=_find,
)
