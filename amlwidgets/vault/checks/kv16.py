"""KV16 firewall-bypass-none: the firewall lets no trusted service pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        action, bypass = vault.get("networkAcls", "defaultAction"), vault.get("networkAcls", "bypass")
        if str(action.value).lower() == "deny" and bypass.present and str(bypass.value).lower() == "none":
            yield (
                vault.resource,
                bypass.pointer,
                f"The firewall of the vault {vault.name} lets no trusted service pass.",
            )


CHECK = Check(
    id="KV16",
    slug="firewall-bypass-none",
    severity="high",
    why=("The workspace reaches its vault as a trusted service; without the bypass images and endpoints fail."),
    fix="Set networkAcls.bypass to AzureServices.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "networkAcls": {
      "defaultAction": "Deny",
      "bypass": "None"
    }
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
    "networkAcls": {
      "defaultAction": "Deny",
      "bypass": "AzureServices"
    }
  }
}
""",
    find=_find,
)
