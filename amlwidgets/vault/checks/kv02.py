"""KV02 vault-policies-replaced: a vault without a condition has a fixed list of access policies."""

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
        if resource.conditional or vault.by_roles or not policies.value or not isinstance(policies.value, list):
            continue
        found = origin(resource.evaluator, policies.raw)
        if found.by != "given":
            list_ = "this list" if found.by == "template" else f"the default of “{found.parameter}”"
            text = f"Each deployment replaces the access policies of the vault {vault.name} by {list_}."
            yield resource, policies.pointer, text


CHECK = Check(
    id="KV02",
    slug="vault-policies-replaced",
    severity="high",
    why=("Entries that were added later, the one of the workspace among them, vanish with the next deployment."),
    fix=("Keep the vault conditional or outside the template, and add people with an accessPolicies/add child."),
    bad="""
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
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "condition": "[equals(parameters('option'), 'new')]",
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
    parameters="""
{
  "option": {
    "type": "string"
  }
}
""",
)
