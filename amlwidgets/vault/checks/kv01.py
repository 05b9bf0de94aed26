"""KV01 vault-policies-wiped: a vault without a condition has an empty list of access policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.view import bare_parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        policies = vault.policies
        by_parameter = bare_parameter(policies.raw)
        if not vault.resource.conditional and not vault.by_roles and policies.value == [] and not by_parameter:
            text = f"Each deployment empties the access policies of the vault {vault.name}."
            yield vault.resource, policies.pointer, text


CHECK = Check(
    id="KV01",
    slug="vault-policies-wiped",
    severity="high",
    why=(
        "A vault in a template replaces the stored list each time the template is deployed; the entry of "
        "the workspace is gone then, and images fail with a bare 500."
    ),
    fix=(
        "Take the vault out of the template and pass its id as a parameter, or give it a condition, or "
        "let it use roles."
    ),
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
    "enableRbacAuthorization": true
  }
}
""",
    find=_find,
)
