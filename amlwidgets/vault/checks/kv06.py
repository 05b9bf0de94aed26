"""KV06 policies-param-default-empty: the list comes from a parameter that is empty by default."""

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
        found = origin(resource.evaluator, policies.raw)
        if found.by == "default":
            name = found.parameter
            text = (
                f"Without a value for “{name}” each deployment empties the access policies of the vault {vault.name}."
            )
            yield resource, policies.pointer, text


CHECK = Check(
    id="KV06",
    slug="policies-param-default-empty",
    severity="high",
    why="Whoever deploys without giving the parameter empties the list.",
    fix="Leave the default out, so that the caller has to decide.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": "[parameters('policies')]"
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": "[parameters('must')]"
  }
}
""",
    find=_find,
    parameters="""
{
  "policies": {
    "type": "array",
    "defaultValue": []
  },
  "must": {
    "type": "array"
  }
}
""",
)
