"""KV28 complete-mode: a nested deployment of mode Complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check
from amlwidgets.vault.view import property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for resource in view.of("Microsoft.Resources/deployments"):
        mode = property_of(resource, "mode")
        if str(mode.value).lower() == "complete":
            text = f"The deployment {resource.name} deletes whatever it does not name."
            yield resource, mode.pointer, text


CHECK = Check(
    id="KV28",
    slug="complete-mode",
    severity="high",
    why=(
        "Everything in the resource group that the template does not name is deleted, the vault and the workspace too."
    ),
    fix="Use mode Incremental.",
    bad="""
{
  "type": "Microsoft.Resources/deployments",
  "apiVersion": "2022-09-01",
  "name": "d",
  "properties": {
    "mode": "Complete",
    "template": {
      "resources": []
    }
  }
}
""",
    good="""
{
  "type": "Microsoft.Resources/deployments",
  "apiVersion": "2022-09-01",
  "name": "d",
  "properties": {
    "mode": "Incremental",
    "template": {
      "resources": []
    }
  }
}
""",
    find=_find,
)
