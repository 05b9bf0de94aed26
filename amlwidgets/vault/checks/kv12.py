"""KV12 purge-protection-absent: purge protection is not set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        if not vault.get("enablePurgeProtection").present:
            yield vault.resource, vault.resource.pointer, f"The vault {vault.name} has no purge protection."


CHECK = Check(
    id="KV12",
    slug="purge-protection-absent",
    severity="low",
    why="Without it a deleted vault can be purged at once, with every secret of the workspace.",
    fix="Set enablePurgeProtection to true, where the vault may stay for its retention after deletion.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": []
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
