"""KV19 api-version-retiring: an API version from before 2026-02-01."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View

NEWEST = "2026-02-01"


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for vault in view.vaults:
        version = vault.resource.api_version
        if version and version[:10] < NEWEST:
            pointer = f"{vault.resource.pointer}/apiVersion"
            yield (
                vault.resource,
                pointer,
                f"The API version {version} of the vault {vault.name} is announced to retire.",
            )


CHECK = Check(
    id="KV19",
    slug="api-version-retiring",
    severity="info",
    why=(
        "Versions of the control plane before that are announced to retire on 27 February 2027, and the "
        "default for roles changes with them."
    ),
    fix="Use 2026-02-01 or later, with enableRbacAuthorization written out.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": []
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2026-02-01",
  "name": "v1",
  "properties": {
    "accessPolicies": []
  }
}
""",
    find=_find,
)
