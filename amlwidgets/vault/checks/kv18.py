"""KV18 no-path-to-vault: no public access and no private endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.arm.reader import get
from amlwidgets.arm.values import Unknown
from amlwidgets.vault.check import Check
from amlwidgets.vault.view import ENDPOINT, property_of, tail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View

_ANY = "*"
_LINKS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    reached = {where for endpoint in view.of(ENDPOINT) for where in _reached(endpoint)}
    for vault in view.vaults:
        found = vault.get("publicNetworkAccess")
        if str(found.value).lower() == "disabled" and not reached & {tail(vault.resource.id), _ANY}:
            text = f"The vault {vault.name} has no public access, and no private endpoint leads to it."
            yield vault.resource, found.pointer, text


def _reached(endpoint: Resource) -> Iterator[str]:
    """Yield the vaults that an endpoint leads to; any one where that is not known."""
    for kind in _LINKS:
        links = property_of(endpoint, kind).value
        if isinstance(links, Unknown):
            yield _ANY
        for link in links if isinstance(links, list) else []:
            properties = get(link, "properties")
            if _is_for_vaults(get(properties, "groupIds")):
                target = get(properties, "privateLinkServiceId")
                yield _ANY if isinstance(target, Unknown) else tail(str(target))


def _is_for_vaults(groups: Any) -> bool:
    named = groups if isinstance(groups, list) else [groups]
    return any(isinstance(group, Unknown) or str(group).lower() == "vault" for group in named)


CHECK = Check(
    id="KV18",
    slug="no-path-to-vault",
    severity="medium",
    why="Nothing can reach the vault, the workspace neither.",
    fix="Add a private endpoint with the group vault, or allow public access for trusted services.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "publicNetworkAccess": "Disabled"
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults",
  "apiVersion": "2022-07-01",
  "name": "v1",
  "properties": {
    "accessPolicies": [],
    "publicNetworkAccess": "Enabled"
  }
}
""",
    find=_find,
)
