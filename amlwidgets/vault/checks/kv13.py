"""KV13 auth-mode-implicit: it is not said whether policies or roles are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        if not vault.get("enableRbacAuthorization").present:
            text = f"The vault {vault.name} does not say whether it uses access policies or roles."
            yield vault.resource, vault.resource.pointer, text


CHECK = Check(
    id="KV13",
    slug="auth-mode-implicit",
    severity="medium",
    why=(
        "What that means depends on the API version: from 2026-02-01 on new vaults use roles, before they "
        "used policies."
    ),
    fix="Write enableRbacAuthorization out, false or true.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": []
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
    "enableRbacAuthorization": false
  }
}
""",
    find=_find,
)
