"""KV05 dependson-not-declared: a workspace waits for a vault that this template may not declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.expressions import FunctionCall, Literal
from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.view import VAULT, calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for workspace in view.workspaces:
        written = get(workspace.raw, "dependsOn")
        for index, raw in enumerate(written if isinstance(written, list) else []):
            found = [call for call in calls(workspace.evaluator, raw) if call.name == "resourceid"]
            vaults = [call for call in found if _is_vault(call)]
            known = any(str(d).lower() == v.resource.id.lower() for v in view.vaults for d in workspace.depends_on)
            if any(_names_group(call) for call in vaults) or (vaults and not known):
                text = "The workspace waits for a vault that this template declares only in its own resource group."
                yield workspace, f"{workspace.pointer}/dependsOn/{index}", text


def _is_vault(call: FunctionCall) -> bool:
    return any(isinstance(a, Literal) and str(a.value).lower() == VAULT.lower() for a in call.arguments)


def _names_group(call: FunctionCall) -> bool:
    first = call.arguments[0]
    return not (isinstance(first, Literal) and str(first.value).lower() == VAULT.lower())


CHECK = Check(
    id="KV05",
    slug="dependson-not-declared",
    severity="medium",
    why=(
        "ARM drops a dependency on a resource whose condition is false only if it is the id declared "
        "here; any other id is not defined in the template."
    ),
    fix=(
        "Build the id with resourceId(type, name) alone, as the vault is declared, and leave it out where "
        "the vault is not declared."
    ),
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": []
  }
},
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "SystemAssigned"
  },
  "dependsOn": [
    "[resourceId(parameters('group'), 'Microsoft.KeyVault/vaults', 'v1')]"
  ],
  "properties": {
    "keyVault": "[resourceId('Microsoft.KeyVault/vaults', 'v1')]"
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": []
  }
},
{
  "type": "Microsoft.MachineLearningServices/workspaces",
  "apiVersion": "2023-04-01",
  "name": "w",
  "identity": {
    "type": "SystemAssigned"
  },
  "dependsOn": [
    "[resourceId('Microsoft.KeyVault/vaults', 'v1')]"
  ],
  "properties": {
    "keyVault": "[resourceId('Microsoft.KeyVault/vaults', 'v1')]"
  }
}
""",
    find=_find,
    parameters="""
{
  "group": {
    "type": "string",
    "defaultValue": "[resourceGroup().name]"
  }
}
""",
)
