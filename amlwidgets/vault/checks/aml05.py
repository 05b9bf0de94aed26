"""AML05 acr-quarantine: the registry puts images into quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.view import REGISTRY, property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for registry in view.of(REGISTRY):
        found = property_of(registry, "policies", "quarantinePolicy", "status")
        if str(found.value).lower() == "enabled":
            yield registry, found.pointer, f"Images of the registry {registry.name} stay in quarantine."


CHECK = Check(
    id="AML05",
    slug="acr-quarantine",
    severity="high",
    why="Images that are pushed can never be pulled, and every deployment fails.",
    fix="Set policies.quarantinePolicy.status to disabled.",
    bad="""
{
  "type": "Microsoft.ContainerRegistry/registries",
  "apiVersion": "2023-07-01",
  "name": "r1",
  "properties": {
    "policies": {
      "quarantinePolicy": {
        "status": "enabled"
      }
    }
  }
}
""",
    good="""
{
  "type": "Microsoft.ContainerRegistry/registries",
  "apiVersion": "2023-07-01",
  "name": "r1",
  "properties": {
    "policies": {
      "quarantinePolicy": {
        "status": "disabled"
      }
    }
  }
}
""",
    find=_find,
)
