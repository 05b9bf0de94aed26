"""KV20 name-not-unique: a name without anything unique."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.origin import calls, origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        found = origin(vault.resource.evaluator, get(vault.resource.raw, "name"))
        names = {call.name for call in calls(found.evaluator, found.raw)}
        if found.by not in ("caller", "given") and not names & {"uniquestring", "guid", "newguid", "utcnow"}:
            text = f"The name {vault.name} has nothing that makes it unique."
            yield vault.resource, f"{vault.resource.pointer}/name", text


CHECK = Check(
    id="KV20",
    slug="name-not-unique",
    severity="low",
    why="Names of vaults are unique in the world, and stay taken while a deleted vault can be recovered.",
    fix="Use concat('kv', uniqueString(resourceGroup().id)).",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "[concat(parameters('base'), '-kv')]",
  "properties": {
    "accessPolicies": []
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "[concat('kv', uniqueString(resourceGroup().id))]",
  "properties": {
    "accessPolicies": []
  }
}
""",
    find=_find,
    parameters="""
{
  "base": {
    "type": "string",
    "maxLength": 10
  }
}
""",
)
