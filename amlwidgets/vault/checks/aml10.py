"""AML10 acr-bypass-none: the registry lets no trusted service pass."""

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
        found = property_of(registry, "networkRuleBypassOptions")
        if found.present and str(found.value).lower() == "none":
            yield registry, found.pointer, f"The registry {registry.name} lets no trusted service pass."


CHECK = Check(
    id="AML10",
    slug="acr-bypass-none",
    severity="low",
    why="Azure ML reaches a closed registry as a trusted service.",
    fix="Set networkRuleBypassOptions to AzureServices.",
    bad="""
{
  "type": "Microsoft.ContainerRegistry/registries",
  "apiVersion": "2023-07-01",
  "name": "r1",
  "properties": {
    "networkRuleBypassOptions": "None"
  }
}
""",
    good="""
{
  "type": "Microsoft.ContainerRegistry/registries",
  "apiVersion": "2023-07-01",
  "name": "r1",
  "properties": {
    "networkRuleBypassOptions": "AzureServices"
  }
}
""",
    find=_find,
)
