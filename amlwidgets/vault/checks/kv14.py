"""KV14 policies-ignored-under-rbac: access policies of a vault that uses roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.view import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        if not vault.by_roles:
            continue
        if isinstance(vault.policies.value, list) and vault.policies.value:
            text = f"The vault {vault.name} uses roles; these access policies have no effect."
            yield vault.resource, vault.policies.pointer, text
        for child in view.of(POLICIES):
            if str(child.name).lower().startswith(f"{vault.name.lower()}/"):
                text = f"The vault {vault.name} uses roles; this access policy has no effect."
                yield child, child.pointer, text


CHECK = Check(
    id="KV14",
    slug="policies-ignored-under-rbac",
    severity="medium",
    why="They are stored and ignored: nobody gets access by them.",
    fix="Assign roles on the vault instead (Microsoft.Authorization/roleAssignments).",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "enableRbacAuthorization": true,
    "accessPolicies": [
      {
        "tenantId": "[subscription().tenantId]",
        "objectId": "5b1a3c1e-1111-4222-8333-444455556666",
        "permissions": {
          "secrets": [
            "get"
          ]
        }
      }
    ]
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "enableRbacAuthorization": true,
    "accessPolicies": []
  }
}
""",
    find=_find,
)
