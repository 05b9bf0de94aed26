"""AML06 compute-not-idempotent: a compute that is made again by every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.view import COMPUTE, property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for compute in view.of(COMPUTE):
        kind = str(property_of(compute, "computeType").value).lower()
        made = kind == "computeinstance" or (kind == "aks" and not property_of(compute, "resourceId").value)
        if made and not compute.conditional:
            pointer = property_of(compute, "computeType").pointer
            yield compute, pointer, f"The compute {compute.name} is created by every deployment."


CHECK = Check(
    id="AML06",
    slug="compute-not-idempotent",
    severity="medium",
    why=("A cluster or compute instance that is created here makes a second deployment fail, or is built anew."),
    fix="Attach an existing cluster by resourceId, or give the compute a condition.",
    bad="""
{
  "type": "Microsoft.MachineLearningServices/workspaces/computes",
  "apiVersion": "2023-04-01",
  "name": "w/aks",
  "properties": {
    "computeType": "AKS"
  }
}
""",
    good="""
{
  "type": "Microsoft.MachineLearningServices/workspaces/computes",
  "apiVersion": "2023-04-01",
  "name": "w/aks",
  "properties": {
    "computeType": "AKS",
    "resourceId": "[parameters('aksId')]"
  }
}
""",
    find=_find,
    parameters="""
{
  "aksId": {
    "type": "string"
  }
}
""",
)
