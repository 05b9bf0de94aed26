"""KV27 secret-exposed: a secret leaves through an output, or comes from a plain parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get, pointer_key
from amlwidgets.vault.check import Check
from amlwidgets.vault.view import VAULT, bare_parameter, calls, property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for resource in view.of(f"{VAULT}/secrets"):
        found = property_of(resource, "value")
        name = bare_parameter(found.raw)
        kind = str(get(get(get(resource.evaluator.template, "parameters"), name), "type", "")).lower() if name else ""
        if kind == "string":
            yield resource, found.pointer, f"The secret comes from “{name}”, a parameter that is not secure."
    for name, output in (get(view.document.value, "outputs") or {}).items():
        names = {call.name for call in calls(view.evaluator, get(output, "value"))}
        if any(found.startswith("list") for found in names) and view.resources:
            pointer = f"/outputs/{pointer_key(name)}"
            yield view.resources[0], pointer, f"The output “{name}” gives keys away."


CHECK = Check(
    id="KV27",
    slug="secret-exposed",
    severity="high",
    why=(
        "Outputs and plain parameters are kept in the deployment history, readable by everybody who may "
        "read the resource group."
    ),
    fix="Leave the output out; give secrets by a parameter of type securestring.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults/secrets",
  "apiVersion": "2022-07-01",
  "name": "v1/s",
  "properties": {
    "value": "[parameters('plain')]"
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults/secrets",
  "apiVersion": "2022-07-01",
  "name": "v1/s",
  "properties": {
    "value": "[parameters('secret')]"
  }
}
""",
    find=_find,
    parameters="""
{
  "plain": {
    "type": "string"
  },
  "secret": {
    "type": "secureString"
  }
}
""",
)
