"""Where a template is deployed, and the identifiers that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.values import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Scope:
    """Subscription, resource group and place of a deployment.

    The defaults stand for what is not known yet; identifiers made of them can be compared all the same.
    """

    subscription: str = "{subscription}"
    group: str = "{resource group}"
    location: str = "{location}"
    tenant: str = "{tenant}"
    deployment: str = "{deployment}"

    @property
    def group_id(self) -> str:
        """ARM identifier of the resource group."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    def resource_id(self, kind: str, names: Sequence[str], group: str | None = None) -> str:
        """Return the identifier of a resource in this scope.

        Args:
            kind: Full type, such as ``"Microsoft.KeyVault/vaults/secrets"``.
            names: One name for each part of the type after its provider.
            group: Another resource group.
        """
        if kind.lower() == "microsoft.resources/resourcegroups":
            return f"/subscriptions/{self.subscription}/resourceGroups/{names[0]}"
        base = self.group_id if group is None else f"/subscriptions/{self.subscription}/resourceGroups/{group}"
        return f"{base}/providers/{interleaved(kind, names)}"

    def document(self, what: str) -> dict[str, Any]:
        """Return what ``subscription()``, ``resourceGroup()``, ``tenant()`` or ``deployment()`` gives."""
        documents: dict[str, dict[str, Any]] = {
            "subscription": {
                "id": f"/subscriptions/{self.subscription}",
                "subscriptionId": self.subscription,
                "tenantId": self.tenant,
                "displayName": self.subscription,
            },
            "resourcegroup": {"id": self.group_id, "name": self.group, "location": self.location, "tags": {}},
            "tenant": {"tenantId": self.tenant, "displayName": self.tenant},
            "deployment": {
                "name": self.deployment,
                "properties": Unknown("the deployment itself", kind="object"),
                "location": self.location,
            },
        }
        return documents[what]


def interleaved(kind: str, names: Sequence[str]) -> str:
    """Return ``provider/type/name/type/name`` of a type and its names."""
    provider, *types = kind.split("/")
    pairs = [part for pair in zip(types, names, strict=False) for part in pair]
    return "/".join([provider, *pairs])
