"""KV09 recover-hardcoded: createMode is recover, always."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        mode = vault.get("createMode")
        if not vault.resource.conditional and vault.recovers and vault.fixes(mode):
            text = f"The vault {vault.name} can only be recovered by this template, never made or changed."
            yield vault.resource, mode.pointer, text


CHECK = Check(
    id="KV09",
    slug="recover-hardcoded",
    severity="high",
    why="It works only while a deleted vault of that name exists; any other deployment fails.",
    fix='Take createMode from a parameter whose default is "default".',
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "createMode": "recover"
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "createMode": "default",
    "accessPolicies": []
  }
}
""",
    find=_find,
)
