"""AML04 acr-admin-off: the registry has no admin user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.registries import linked_registries, uses_own_identity
from amlwidgets.vault.view import property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for registry, workspace in linked_registries(view):
        admin = property_of(registry, "adminUserEnabled")
        if admin.value in (None, False) and not uses_own_identity(workspace):
            yield registry, admin.pointer, f"The registry {registry.name} of the workspace has no admin user."


CHECK = Check(
    id="AML04",
    slug="acr-admin-off",
    severity="medium",
    why="Container instances and many image builds sign in as the admin user; without it they fail.",
    fix="Set adminUserEnabled to true, or give the workspace an identity of its own with AcrPull.",
    bad="""
{
  "type": "Microsoft.ContainerRegistry/registries",
  "apiVersion": "2023-07-01",
  "name": "r1",
  "properties": {
    "adminUserEnabled": false
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
    "containerRegistry": "[resourceId('Microsoft.ContainerRegistry/registries', 'r1')]"
  }
}
""",
    good="""
{
  "type": "Microsoft.ContainerRegistry/registries",
  "apiVersion": "2023-07-01",
  "name": "r1",
  "properties": {
    "adminUserEnabled": true
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
    "containerRegistry": "[resourceId('Microsoft.ContainerRegistry/registries', 'r1')]"
  }
}
""",
    find=_find,
)
