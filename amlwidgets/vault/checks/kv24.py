"""KV24 over-broad: a policy that gives everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.view import POLICIES, property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for resource in [*(vault.resource for vault in view.vaults), *view.of(POLICIES)]:
        found = property_of(resource, "accessPolicies")
        for entry in found.value if isinstance(found.value, list) else []:
            permissions = get(entry, "permissions")
            kinds = permissions.values() if isinstance(permissions, dict) else ()
            given = {str(p).lower() for kind in kinds if isinstance(kind, list) for p in kind}
            broad = sorted(given & {"all", "purge"})
            if broad:
                yield resource, found.pointer, f"An access policy gives {' and '.join(broad)}."
                break


CHECK = Check(
    id="KV24",
    slug="over-broad",
    severity="low",
    why='"all" includes purge: secrets can be destroyed for good.',
    fix="List the permissions that are needed.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [
      {
        "objectId": "x",
        "permissions": {
          "secrets": [
            "all"
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
    find=_find,
)
