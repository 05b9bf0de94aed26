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
    from amlwidgets.vault.view import Vault, View

_LINKS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    endpoints = view.of(ENDPOINT)
    for vault in view.vaults:
        found = vault.get("publicNetworkAccess")
        if str(found.value).lower() == "disabled" and not any(_leads_to(one, vault) for one in endpoints):
            text = f"The vault {vault.name} has no public access, and no private endpoint leads to it."
            yield vault.resource, found.pointer, text


def _leads_to(endpoint: Resource, vault: Vault) -> bool:
    lists = [property_of(endpoint, kind).value for kind in _LINKS]
    links = [link for links in lists if isinstance(links, list) for link in links]
    return any(_joins(get(link, "properties"), vault) for link in links) or any(isinstance(x, Unknown) for x in lists)


def _joins(link: Any, vault: Vault) -> bool:
    """Whether a connection is one to the vault, or may be."""
    groups, target = get(link, "groupIds"), get(link, "privateLinkServiceId")
    named = groups if isinstance(groups, list) else [groups]
    if not any(isinstance(group, Unknown) or str(group).lower() == "vault" for group in named):
        return False
    return isinstance(target, Unknown) or tail(str(target)) == tail(vault.resource.id)


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
