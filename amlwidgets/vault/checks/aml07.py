"""AML07 cmk-vault: the key of the workspace lies in its own vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.view import property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for workspace in view.workspaces:
        if str(property_of(workspace, "encryption", "status").value).lower() != "enabled":
            continue
        key = property_of(workspace, "encryption", "keyVaultProperties", "keyVaultArmId")
        own = property_of(workspace, "keyVault").value
        if key.value and str(key.value).lower() == str(own).lower():
            yield workspace, key.pointer, "The key of the workspace lies in the workspace's own vault."
        vault = view.declared_vault(key.value)
        if vault is not None and vault.get("enablePurgeProtection").value is not True:
            yield workspace, key.pointer, f"The vault {vault.name} of the key has no purge protection."


CHECK = Check(
    id="AML07",
    slug="cmk-vault",
    severity="medium",
    why=(
        "Whoever empties or deletes that vault takes the key of all data with it; the vault of the key "
        "needs purge protection."
    ),
    fix="Use two vaults; the one with the key has purge protection.",
    bad="""
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "SystemAssigned"
  },
  "properties": {
    "keyVault": "[parameters('vaultId')]",
    "encryption": {
      "status": "Enabled",
      "keyVaultProperties": {
        "keyVaultArmId": "[parameters('vaultId')]"
      }
    }
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
    "keyVault": "[parameters('vaultId')]",
    "encryption": {
      "status": "Disabled",
      "keyVaultProperties": {
        "keyVaultArmId": ""
      }
    }
  }
}
""",
    find=_find,
    parameters="""
{
  "vaultId": {
    "type": "string"
  }
}
""",
)
