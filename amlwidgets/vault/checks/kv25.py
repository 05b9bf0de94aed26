"""KV25 tenant-literal: a tenant written as a number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.view import POLICIES, property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        tenant = vault.get("tenantId")
        if GUID.fullmatch(str(tenant.raw)):
            yield vault.resource, tenant.pointer, f"The vault {vault.name} has its tenant written out."
    for resource in [*(vault.resource for vault in view.vaults), *view.of(POLICIES)]:
        policies = property_of(resource, "accessPolicies")
        for index, entry in enumerate(policies.raw if isinstance(policies.raw, list) else []):
            if GUID.fullmatch(str(get(entry, "tenantId"))):
                pointer = f"{policies.pointer}/{index}/tenantId"
                yield resource, pointer, "An access policy has its tenant written out."


CHECK = Check(
    id="KV25",
    slug="tenant-literal",
    severity="low",
    why="The template works in one directory only, and in another it locks everybody out.",
    fix="Use subscription().tenantId.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "tenantId": "72f988bf-86f1-41af-91ab-2d7cd011db47"
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
    "tenantId": "[subscription().tenantId]"
  }
}
""",
    find=_find,
)
