"""KV04 condition-defaults-to-create: a condition that is true by default, with an empty list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        decided = vault.resource.conditional and vault.resource.condition is True
        if decided and vault.empties and not vault.by_roles:
            pointer = f"{vault.resource.pointer}/condition"
            text = f"By default the vault {vault.name} is deployed again, with an empty list of access policies."
            yield vault.resource, pointer, text


CHECK = Check(
    id="KV04",
    slug="condition-defaults-to-create",
    severity="medium",
    why="A second run with the same parameters empties the list, as if there were no condition.",
    fix='Give the parameter no default, or "existing" after the first run.',
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "condition": "[equals(parameters('option'), 'new')]",
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
  "condition": "[equals(parameters('must'), 'new')]",
  "properties": {
    "accessPolicies": []
  }
}
""",
    find=_find,
    parameters="""
{
  "option": {
    "type": "string",
    "defaultValue": "new"
  },
  "must": {
    "type": "string"
  }
}
""",
)
