"""AML08 private-acr-no-builder: a private registry, and nothing that can build images for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.registries import linked_registries
from amlwidgets.vault.view import property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for registry, workspace in linked_registries(view):
        access = property_of(registry, "publicNetworkAccess")
        rule = property_of(registry, "networkRuleSet", "defaultAction")
        private = str(access.value).lower() == "disabled" or str(rule.value).lower() == "deny"
        if private and not property_of(workspace, "imageBuildCompute").value:
            where = access.pointer if access.present else rule.pointer
            yield registry, where, f"Nothing can build images for the private registry {registry.name}."


CHECK = Check(
    id="AML08",
    slug="private-acr-no-builder",
    severity="medium",
    why="The service that builds images cannot reach a registry without public access.",
    fix="Name a compute cluster as imageBuildCompute of the workspace.",
    bad="""
{
  "type": "Microsoft.ContainerRegistry/registries",
  "apiVersion": "2023-07-01",
  "name": "r1",
  "properties": {
    "publicNetworkAccess": "Disabled",
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
    good="""
{
  "type": "Microsoft.ContainerRegistry/registries",
  "apiVersion": "2023-07-01",
  "name": "r1",
  "properties": {
    "publicNetworkAccess": "Disabled",
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
    "containerRegistry": "[resourceId('Microsoft.ContainerRegistry/registries', 'r1')]",
    "imageBuildCompute": "cpu"
  }
}
""",
    find=_find,
)
