"""KV22 name-may-be-invalid: a name that may be too long, or is not legal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.naming import LEGAL, LIMIT, UNLIMITED, is_known, longest_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        longest = longest_name(vault.resource.evaluator, get(vault.resource.raw, "name"))
        if longest > LIMIT:
            size = "any number of" if longest == UNLIMITED else f"up to {longest}"
            text = f"The name {vault.name} can have {size} characters; {LIMIT} are allowed."
        elif is_known(vault.resource.name) and not LEGAL.fullmatch(vault.name):
            text = f"The name {vault.name} is not one that a vault can have."
        else:
            continue
        yield vault.resource, f"{vault.resource.pointer}/name", text


CHECK = Check(
    id="KV22",
    slug="name-may-be-invalid",
    severity="low",
    why="A name has 3 to 24 characters, a letter first, letters, digits and single hyphens.",
    fix="Limit the parameters with maxLength, or build the name from uniqueString.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "[concat(parameters('free'), '-kv')]",
  "properties": {
    "accessPolicies": []
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "[concat(parameters('base'), '-kv')]",
  "properties": {
    "accessPolicies": []
  }
}
""",
    find=_find,
    parameters="""
{
  "base": {
    "type": "string",
    "maxLength": 10
  },
  "free": {
    "type": "string"
  }
}
""",
)
