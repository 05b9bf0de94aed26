"""AML03 no-identity: a workspace without an identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import find_key, get
from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for workspace in view.workspaces:
        identity = get(workspace.body, "identity")
        if not identity or str(get(identity, "type")).lower() == "none":
            key = find_key(workspace.raw, "identity")
            where = workspace.pointer if key is None else f"{workspace.pointer}/{key}"
            yield workspace, where, f"The workspace {workspace.name} has no identity."


CHECK = Check(
    id="AML03",
    slug="no-identity",
    severity="high",
    why=("The identity is what gets the access to vault, storage and registry; without one the workspace is refused."),
    fix='Add identity: {"type": "SystemAssigned"}.',
    bad="""
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "properties": {
    "keyVault": "/x/providers/Microsoft.KeyVault/vaults/v1"
  }
}
""",
    good="""
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "SystemAssigned"
  },
  "properties": {
    "keyVault": "/x/providers/Microsoft.KeyVault/vaults/v1"
  }
}
""",
    find=_find,
)
