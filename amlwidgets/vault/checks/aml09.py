"""AML09 sku-enterprise: the edition enterprise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for workspace in view.workspaces:
        sku = get(workspace.body, "sku") or {}
        if "enterprise" in (str(get(sku, "name")).lower(), str(get(sku, "tier")).lower()):
            text = f"The workspace {workspace.name} asks for the edition enterprise."
            yield workspace, f"{workspace.pointer}/sku", text


CHECK = Check(
    id="AML09",
    slug="sku-enterprise",
    severity="low",
    why="That edition was withdrawn in 2020.",
    fix="Use the sku Basic.",
    bad="""
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "SystemAssigned"
  },
  "sku": {
    "name": "enterprise",
    "tier": "enterprise"
  },
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
  "sku": {
    "name": "Basic"
  },
  "properties": {
    "keyVault": "/x/providers/Microsoft.KeyVault/vaults/v1"
  }
}
""",
    find=_find,
)
