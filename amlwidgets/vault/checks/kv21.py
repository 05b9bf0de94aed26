"""KV21 name-unstable: a name that is another at every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.view import calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        names = {call.name for call in calls(vault.resource.evaluator, get(vault.resource.raw, "name"))}
        found = names & {"utcnow", "newguid", "deployment"}
        if found:
            text = f"The vault's name depends on {min(found)}(), which is another at every deployment."
            yield vault.resource, f"{vault.resource.pointer}/name", text


CHECK = Check(
    id="KV21",
    slug="name-unstable",
    severity="high",
    why="Every deployment makes a new vault; the workspace keeps the first one, and names stay taken.",
    fix="Derive the name from the resource group: uniqueString(resourceGroup().id).",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "[concat('kv', uniqueString(deployment().name))]",
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
)
