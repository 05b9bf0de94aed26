"""KV03 policies-missing: a vault with policies has no list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        if not vault.by_roles and not vault.policies.present and not vault.recovers:
            yield vault.resource, vault.resource.pointer, f"The vault {vault.name} has no accessPolicies."


CHECK = Check(
    id="KV03",
    slug="policies-missing",
    severity="high",
    why="Azure refuses such a vault: an invalid value was provided for accessPolicies.",
    fix=("Write accessPolicies, from a parameter without a default, or set enableRbacAuthorization to true."),
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "enableRbacAuthorization": false
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
}
""",
    find=_find,
)
