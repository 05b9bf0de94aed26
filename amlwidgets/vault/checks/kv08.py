"""KV08 child-op-not-add: a child accessPolicies that does not add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.values import Unknown
from amlwidgets.vault.check import Check
from amlwidgets.vault.view import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for child in view.of(POLICIES):
        operation = str(child.name).rpartition("/")[2]
        if isinstance(child.name, Unknown) and "{" in operation:
            continue  # whoever deploys says which
        if operation.lower() != "add":
            yield child, f"{child.pointer}/name", f"The access policies are changed by “{operation}”, not by “add”."


CHECK = Check(
    id="KV08",
    slug="child-op-not-add",
    severity="high",
    why="replace swaps the whole list, and remove takes entries away: the same wipe by another door.",
    fix="End the name of the child in /add.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults/accessPolicies",
  "apiVersion": "2022-07-01",
  "name": "v1/replace",
  "properties": {
    "accessPolicies": []
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults/accessPolicies",
  "apiVersion": "2022-07-01",
  "name": "v1/add",
  "properties": {
    "accessPolicies": []
  }
}
""",
    find=_find,
)
