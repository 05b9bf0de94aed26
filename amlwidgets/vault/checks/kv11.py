"""KV11 purge-protection-false: purge protection is set to false."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        found = vault.get("enablePurgeProtection")
        if found.value is False and vault.fixes(found):
            yield vault.resource, found.pointer, f"The vault {vault.name} sets enablePurgeProtection to false."


CHECK = Check(
    id="KV11",
    slug="purge-protection-false",
    severity="medium",
    why="Only true is accepted; with false the deployment fails once it has been switched on.",
    fix="Leave enablePurgeProtection out, or set it to true.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "enablePurgeProtection": false
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
    "enablePurgeProtection": true
  }
}
""",
    find=_find,
)
