"""KV18 no-path-to-vault: no public access and no private endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.view import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    endpoints = [resource for resource in view.of(ENDPOINT) if "vault" in str(resource.properties).lower()]
    for vault in view.vaults:
        found = vault.get("publicNetworkAccess")
        if str(found.value).lower() == "disabled" and not endpoints:
            text = f"The vault {vault.name} has no public access, and no private endpoint leads to it."
            yield vault.resource, found.pointer, text


CHECK = Check(
    id="KV18",
    slug="no-path-to-vault",
    severity="medium",
    why="Nothing can reach the vault, the workspace neither.",
    fix="Add a private endpoint with the group vault, or allow public access for trusted services.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "publicNetworkAccess": "Disabled"
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "publicNetworkAccess": "Enabled"
  }
}
""",
    find=_find,
)
