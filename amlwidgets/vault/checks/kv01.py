"""KV01 vault-policies-wiped: a vault without a condition has an empty list of access policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.origin import origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        policies, resource = vault.policies, vault.resource
        if resource.conditional or vault.by_roles or policies.value != []:
            continue
        if origin(resource.evaluator, policies.raw).by != "default":
            text = f"Each deployment empties the access policies of the vault {vault.name}."
            yield resource, policies.pointer, text


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
