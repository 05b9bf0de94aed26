"""KV10 soft-delete-off: soft delete is switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        found = vault.get("enableSoftDelete")
        if found.value is False:
            yield vault.resource, found.pointer, f"The vault {vault.name} asks for soft delete to be off."


CHECK = Check(
    id="KV10",
    slug="soft-delete-off",
    severity="high",
    why="Soft delete cannot be switched off any more; Azure refuses or ignores it, by API version.",
    fix="Leave enableSoftDelete out.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "enableSoftDelete": false
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
    "enableSoftDelete": true
  }
}
""",
    find=_find,
)
