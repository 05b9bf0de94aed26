"""KV07 policies-circular: the list refers to the vault itself, or to the workspace that waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expressions import FunctionCall
from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.identifiers import waits
from amlwidgets.vault.origin import inside, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.arm.expressions import Expression
    from amlwidgets.vault.view import Vault, View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        here, resource = vault.resource.evaluator, vault.resource
        # What the template around it reads is read before the vault is deployed: there is no circle.
        found = [call for where, call in nodes(here, _written(vault)) if where is here and _refers(call)]
        if not found:
            continue
        users = [w.id.lower() for w in view.workspaces if waits(view, w, resource)]
        circular = {resource.id.lower(), resource.symbol.lower() or None, *users}
        if any(str(here.worth(inside(call)[0])).lower() in circular for call in found):
            text = f"The access policies of the vault {vault.name} refer to what waits for the vault."
            yield resource, vault.policies.pointer, text


def _written(vault: Vault) -> Any:
    """Return the list as it is written, which may be made by a copy loop."""
    properties = get(vault.resource.raw, "properties")
    return [vault.policies.raw, get(properties, "copy")]


def _refers(call: Expression) -> bool:
    return isinstance(call, FunctionCall) and call.name == "reference" and bool(call.arguments)


CHECK = Check(
    id="KV07",
    slug="policies-circular",
    severity="high",
    why="A resource cannot refer to itself while it is deployed: ARM finds a circular dependency.",
    fix=("Read the policies in the template around it, and pass them to a nested deployment with inner scope."),
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": "[reference(resourceId('Microsoft.KeyVault/vaults', 'v1'), '2022-07-01').accessPolicies]"
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": "[parameters('must')]"
  }
}
""",
    find=_find,
    parameters="""
{
  "must": {
    "type": "array"
  }
}
""",
)
