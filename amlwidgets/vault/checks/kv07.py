"""KV07 policies-circular: the list refers to the vault itself, or to the workspace that waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.view import calls, worth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import Vault, View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        for call in calls(vault.resource.evaluator, vault.policies.raw):
            if call.name != "reference" or not call.arguments:
                continue
            target = str(worth(vault.resource.evaluator, call.arguments[0])).lower()
            users = [w.id.lower() for w in view.workspaces if _waits(w, vault)]
            if target in (vault.resource.id.lower(), vault.resource.symbol.lower() or None, *users):
                text = f"The access policies of the vault {vault.name} refer to what waits for the vault."
                yield vault.resource, vault.policies.pointer, text
                break


def _waits(workspace: Resource, vault: Vault) -> bool:
    names = (vault.resource.id.lower(), vault.name.lower(), vault.resource.symbol.lower())
    return any(str(dependency).lower() in names for dependency in workspace.depends_on)


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
