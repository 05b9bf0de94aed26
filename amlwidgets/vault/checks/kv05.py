"""KV05 dependson-not-declared: a workspace waits for a vault that this template may not declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expressions import FunctionCall, Literal
from amlwidgets.arm.reader import get
from amlwidgets.vault.check import Check
from amlwidgets.vault.identifiers import is_vault_id
from amlwidgets.vault.origin import nodes, nodes_in
from amlwidgets.vault.view import VAULT, tail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.evaluate import Evaluator
    from amlwidgets.arm.expand import Resource
    from amlwidgets.arm.expressions import Expression
    from amlwidgets.vault.view import View

_VAULT = VAULT.lower()


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    declared_in: dict[tuple[str, ...], set[str]] = {}
    for vault in view.vaults:
        declared_in.setdefault(vault.resource.path, set()).update((vault.resource.id.lower(), tail(vault.resource.id)))
    for workspace in view.workspaces:
        written = get(workspace.raw, "dependsOn")
        declared = declared_in.get(workspace.path, set())
        for index, raw in enumerate(written if isinstance(written, list) else []):
            waits_for = str(workspace.evaluator.evaluate(raw)).lower()
            elsewhere = is_vault_id(waits_for) and waits_for not in declared
            if elsewhere or _group_may_change(workspace, raw):
                text = "The workspace waits for a vault that this template declares only in its own resource group."
                yield workspace, f"{workspace.pointer}/dependsOn/{index}", text


def _group_may_change(workspace: Resource, raw: Any) -> bool:
    """Whether an identifier of a vault names a resource group that a parameter decides."""
    for where, call in nodes(workspace.evaluator, raw):
        if isinstance(call, FunctionCall) and call.name == "resourceid":
            kinds = [
                n for n, a in enumerate(call.arguments) if isinstance(a, Literal) and str(a.value).lower() == _VAULT
            ]
            if kinds and any(_has_parameter(where, part) for part in call.arguments[: kinds[0]]):
                return True
    return False


def _has_parameter(evaluator: Evaluator, part: Expression) -> bool:
    return any(isinstance(n, FunctionCall) and n.name == "parameters" for _, n in nodes_in(evaluator, part))


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
