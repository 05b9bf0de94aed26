"""KV23 retention: a retention that is not possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View

FEWEST, MOST = 7, 90


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        days = vault.get("softDeleteRetentionInDays")
        if isinstance(days.value, int) and not FEWEST <= days.value <= MOST:
            text = f"The vault {vault.name} asks for {days.value} days of retention; 7 to 90 are possible."
            yield vault.resource, days.pointer, text


CHECK = Check(
    id="KV23",
    slug="retention",
    severity="medium",
    why="Deleted vaults are kept for 7 to 90 days, and the number is fixed when the vault is made.",
    fix="Set softDeleteRetentionInDays to 7 to 90.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "softDeleteRetentionInDays": 5
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
    "softDeleteRetentionInDays": 30
  }
}
""",
    find=_find,
)
