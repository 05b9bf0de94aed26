"""AML01 workspace-vault: a workspace without a key vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.values import Unknown
from amlwidgets.vault.check import Check
from amlwidgets.vault.view import VAULT, property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for workspace in view.workspaces:
        found = property_of(workspace, "keyVault")
        points = isinstance(found.value, Unknown) or f"/{VAULT.lower()}/" in str(found.value).lower()
        if not points:
            yield workspace, found.pointer, f"The workspace {workspace.name} has no key vault."


CHECK = Check(
    id="AML01",
    slug="workspace-vault",
    severity="high",
    why="A workspace keeps its secrets in a vault; it cannot be made without one.",
    fix="Set keyVault to the id of a vault.",
    bad="""
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "SystemAssigned"
  },
  "properties": {
    "friendlyName": "w"
  }
}
""",
    good="""
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "SystemAssigned"
  },
  "properties": {
    "keyVault": "[parameters('vaultId')]"
  }
}
""",
    find=_find,
    parameters="""
{
  "vaultId": {
    "type": "string"
  }
}
""",
)
