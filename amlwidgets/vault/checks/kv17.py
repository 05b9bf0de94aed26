"""KV17 firewall-bypass-implicit: the firewall does not say what may bypass it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.origin import may_be

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        action, bypass = vault.get("networkAcls", "defaultAction"), vault.get("networkAcls", "bypass")
        may_deny = str(action.value).lower() == "deny" or may_be(vault.resource.evaluator, action.raw, "deny")
        if action.present and may_deny and not bypass.present:
            text = f"The firewall of the vault {vault.name} does not say which services may bypass it."
            yield vault.resource, action.pointer, text


CHECK = Check(
    id="KV17",
    slug="firewall-bypass-implicit",
    severity="info",
    why="The service lets trusted services pass by default; written out, nobody has to know.",
    fix="Write networkAcls.bypass: AzureServices.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "networkAcls": {
      "defaultAction": "Deny"
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
