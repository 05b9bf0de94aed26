"""KV26 objectid-empty: an access policy for nobody."""

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
        if resource.condition is False:
            continue  # a guard: it is not deployed while the parameter is empty
        found = property_of(resource, "accessPolicies")
        for index, entry in enumerate(found.value if isinstance(found.value, list) else []):
            if get(entry, "objectId") == "":
                pointer = f"{found.pointer}/{index}/objectId"
                yield resource, pointer, "An access policy has an empty object id by default."


CHECK = Check(
    id="KV26",
    slug="objectid-empty",
    severity="medium",
    why="An empty object id is refused: the deployment fails where the parameter is not given.",
    fix="Leave the entry out when the parameter is empty, with if() or a condition.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [
      {
        "objectId": "[parameters('who')]",
        "permissions": {}
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
    parameters="""
{
  "who": {
    "type": "string",
    "defaultValue": ""
  }
}
""",
)
