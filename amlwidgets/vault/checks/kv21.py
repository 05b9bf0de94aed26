"""KV21 name-unstable: a name that is another at every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.expressions import FunctionCall, Literal, Member
from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.origin import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.arm.expressions import Expression
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        parts = nodes(vault.resource.evaluator, get(vault.resource.raw, "name"))
        found = {name for _, part in parts if (name := _unstable(part))}
        if found:
            text = f"The vault's name depends on {min(found)}, which is another at every deployment."
            yield vault.resource, f"{vault.resource.pointer}/name", text


def _unstable(part: Expression) -> str:
    """Return what a part of a name is called, if it is another at every deployment."""
    if isinstance(part, FunctionCall):
        return {"utcnow": "utcNow()", "newguid": "newGuid()"}.get(part.name, "")
    of_deployment = (
        isinstance(part, Member) and isinstance(part.target, FunctionCall) and part.target.name == "deployment"
    )
    named = isinstance(part, Member) and isinstance(part.index, Literal) and str(part.index.value).lower() == "name"
    return "deployment().name" if of_deployment and named else ""


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
