"""Key vaults as the management plane keeps them: a PUT replaces, a PATCH changes, ``accessPolicies/add`` merges.

Source: the models of azure-mgmt-keyvault, and keyvault-arm.md section 3 with the error texts that it quotes.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.api import NOT_FOUND, ApiError
from amlwidgets.sandbox.identity import REGION

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.sandbox.store import Store

VAULT, DELETED, SEEDED = "vault", "deleted-vault", "vault-seeded"
TYPE = "Microsoft.KeyVault/vaults"
RBAC_BY_DEFAULT = "2026-02-01"
"""From this API version on, a new vault that does not say otherwise uses roles, not policies."""

MAX_POLICIES = 1024
RETENTION_DAYS = (7, 90)
OPERATIONS = ("add", "replace", "remove")
ALL_BUT_PURGE = {
    "secrets": ["get", "list", "set", "delete", "recover", "backup", "restore"],
    "keys": [
        "get", "list", "create", "update", "import", "delete", "recover", "backup", "restore",
        "encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey",
    ],
    "certificates": [
        "get", "list", "create", "update", "import", "delete", "recover", "backup", "restore",
        "managecontacts", "manageissuers", "getissuers", "listissuers", "setissuers", "deleteissuers",
    ],
}  # fmt: skip
"""What a workspace gets when its service writes its entry."""

_NAME = re.compile(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]")
_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/Microsoft\.KeyVault/vaults/(?P<name>[^/]+)",
    re.IGNORECASE,
)
_KEPT = (
    "tenantId", "sku", "accessPolicies", "enableRbacAuthorization", "enableSoftDelete", "softDeleteRetentionInDays",
    "enablePurgeProtection", "enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment",
    "networkAcls", "publicNetworkAccess", "createMode", "vaultUri",
)  # fmt: skip


def vault_id(subscription: str, group: str, name: str) -> str:
    """Return the ARM identifier of a vault."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{TYPE}/{name}"


def bad(code: str, message: str, status: int = 400) -> ApiError:
    """Return the error of a request that a vault refuses."""
    return ApiError(status, code, message)


class Vaults:
    """The vaults of the sandbox's subscription.

    Args:
        store: Where they are kept.
        tenant: The one directory.
        seed: Called before the first look, to make the vaults that workspaces have from the beginning.
    """

    def __init__(self, store: Store, tenant: str, seed: Callable[[], None] = lambda: None) -> None:
        self._store, self._tenant, self._seed = store, tenant, seed

    # -- reading

    def find(self, identifier: str) -> dict[str, Any] | None:
        """Return a vault by its ARM identifier."""
        self._seed()
        return self._store.get(VAULT, "", identifier.lower())

    def need(self, identifier: str) -> dict[str, Any]:
        """Return a vault by its ARM identifier.

        Raises:
            ApiError: There is none.
        """
        found = self.find(identifier)
        if found is None:
            name = identifier.rpartition("/")[2]
            text = f"The Resource '{TYPE}/{name}' under resource group '{_parts(identifier)[1]}' was not found."
            raise bad("ResourceNotFound", text, NOT_FOUND)
        return found

    def all(self, group: str | None = None) -> list[dict[str, Any]]:
        """Return every vault, or those of a resource group."""
        self._seed()
        found = self._store.all(VAULT)
        return [v for v in found if group is None or _parts(v["id"])[1].lower() == group.lower()]

    def deleted(self) -> list[dict[str, Any]]:
        """Return the vaults that are deleted but can be recovered."""
        return self._store.all(DELETED)

    # -- writing

    def put(self, identifier: str, body: dict[str, Any], api_version: str = "") -> dict[str, Any]:
        """Make a vault, or replace one with all of its properties.

        Raises:
            ApiError: The request is not valid, or the name is taken.
        """
        name = _parts(identifier)[2]
        if not _NAME.fullmatch(name):
            text = (
                f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The "
                "name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens."
            )
            raise bad("VaultNameNotValid", text)
        properties = dict(body.get("properties") or {})
        with self._store.transaction():
            earlier = self.find(identifier)
            if properties.get("createMode") == "recover":
                earlier, properties = self._recover(identifier, properties)
            else:
                self._check_name(identifier, name)
            _check(properties, earlier, api_version)
            document = {
                "id": identifier,
                "name": name,
                "type": TYPE,
                "location": body.get("location") or REGION,
                "tags": body.get("tags") or {},
                "properties": self._kept(properties, earlier, name, api_version),
            }
            self._store.put(VAULT, "", identifier.lower(), document)
        return document

    def patch(self, identifier: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change some properties of a vault; policies that are given replace the earlier ones.

        Raises:
            ApiError: There is no such vault, or a value is not valid.
        """
        with self._store.transaction():
            vault = self.need(identifier)
            properties = vault["properties"] | (body.get("properties") or {})
            _check(properties, vault, "")
            vault |= {"properties": properties, "tags": body.get("tags", vault["tags"])}
            self._store.put(VAULT, "", identifier.lower(), vault)
        return vault

    def change_policies(self, identifier: str, operation: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Add, replace or remove access policies; returns those that there are then.

        Raises:
            ApiError: There is no such vault, operation or entry.
        """
        if operation.lower() not in OPERATIONS:
            raise bad("BadRequest", f"The operation is add, replace or remove, not '{operation}'.")
        given = (body.get("properties") or {}).get("accessPolicies")
        _check_policies(given)
        with self._store.transaction():
            vault = self.need(identifier)
            policies = {_who(entry): entry for entry in vault["properties"].get("accessPolicies") or []}
            for entry in given or []:
                if operation.lower() == "remove":
                    policies.pop(_who(entry), None)
                elif operation.lower() == "add":
                    policies[_who(entry)] = _merged(policies.get(_who(entry)), entry)
            found = list(given or []) if operation.lower() == "replace" else list(policies.values())
            vault["properties"]["accessPolicies"] = found
            self._store.put(VAULT, "", identifier.lower(), vault)
        return found

    def delete(self, identifier: str) -> bool:
        """Delete a vault; it can be recovered. False when there was none."""
        with self._store.transaction():
            vault = self.find(identifier)
            if vault is None:
                return False
            self._store.delete(VAULT, "", identifier.lower())
            days = int(vault["properties"].get("softDeleteRetentionInDays") or RETENTION_DAYS[1])
            moment = datetime.now(UTC)
            times = {"deleted": moment.isoformat(), "purge": (moment + timedelta(days=days)).isoformat()}
            self._store.put(DELETED, "", vault["name"].lower(), vault | times)
        return True

    def purge(self, name: str) -> None:
        """Forget a deleted vault.

        Raises:
            ApiError: There is none, or it is protected.
        """
        with self._store.transaction():
            vault = self._store.get(DELETED, "", name.lower())
            if vault is None:
                raise bad("DeletedVaultNotFound", f"The specified deleted vault '{name}' does not exist.", NOT_FOUND)
            if vault["properties"].get("enablePurgeProtection"):
                raise bad(
                    "DeletedVaultPurge", f"Operation 'DeletedVaultPurge' is not allowed: '{name}' is protected.", 409
                )
            self._store.delete(DELETED, "", name.lower())

    # -- the rules of a PUT

    def _recover(self, identifier: str, properties: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        name = _parts(identifier)[2]
        lost = self._store.get(DELETED, "", name.lower())
        if lost is None:
            text = f"A soft deleted vault with the given name does not exist. Vault name: '{name}'."
            raise bad("SoftDeletedVaultDoesNotExist", text, NOT_FOUND)
        self._store.delete(DELETED, "", name.lower())
        return lost, lost["properties"] | {"createMode": "recover", **properties}

    def _check_name(self, identifier: str, name: str) -> None:
        if self._store.get(DELETED, "", name.lower()) is not None:
            text = (
                "A vault with the same name already exists in deleted state. "
                "You need to either recover or purge existing key vault."
            )
            raise bad("ConflictError", text, 409)
        others = [vault for vault in self._store.all(VAULT) if vault["id"].lower() != identifier.lower()]
        if any(vault["name"].lower() == name.lower() for vault in others):
            text = (
                f"The vault name '{name}' is already in use. Vault names are globally unique so it is possible that "
                "the name is already taken."
            )
            raise bad("VaultAlreadyExists", text, 409)

    def _kept(
        self, properties: dict[str, Any], earlier: dict[str, Any] | None, name: str, api_version: str
    ) -> dict[str, Any]:
        before = (earlier or {}).get("properties") or {}
        kept = {key: properties[key] for key in _KEPT if properties.get(key) is not None}
        kept.pop("createMode", None)
        if "enableRbacAuthorization" not in kept:
            # An existing vault keeps its model; what a new one gets depends on the version that was asked.
            kept["enableRbacAuthorization"] = before.get("enableRbacAuthorization", api_version >= RBAC_BY_DEFAULT)
        if before.get("enablePurgeProtection"):
            kept["enablePurgeProtection"] = True
        fixed = before.get("softDeleteRetentionInDays") or kept.get("softDeleteRetentionInDays") or RETENTION_DAYS[1]
        return (
            {"tenantId": self._tenant, "accessPolicies": []}
            | kept
            | {
                "enableSoftDelete": True,
                "softDeleteRetentionInDays": fixed,
                "provisioningState": "Succeeded",
                "vaultUri": f"https://{name.lower()}.vault.azure.net/",
            }
        )


def _parts(identifier: str) -> tuple[str, str, str]:
    match = _ID.fullmatch(identifier)
    if match is None:
        raise bad("BadRequest", f"'{identifier}' is not the identifier of a key vault.")
    return match["subscription"], match["group"], match["name"]


def _check(properties: dict[str, Any], earlier: dict[str, Any] | None, api_version: str) -> None:
    before = (earlier or {}).get("properties") or {}
    rbac = properties.get(
        "enableRbacAuthorization", before.get("enableRbacAuthorization", api_version >= RBAC_BY_DEFAULT)
    )
    policies = properties.get("accessPolicies")
    if policies is None and not rbac and properties.get("createMode") != "recover":
        raise bad("BadRequest", "An invalid value was provided for 'accessPolicies'.")
    _check_policies(policies)
    if properties.get("enableSoftDelete") is False:
        raise bad(
            "BadRequest", 'The property "enableSoftDelete" cannot be set to false: soft delete cannot be turned off.'
        )
    if properties.get("enablePurgeProtection") is False:
        text = (
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is '
            "an irreversible action."
        )
        raise bad("BadRequest", text)
    days = properties.get("softDeleteRetentionInDays")
    if days is not None and not (isinstance(days, int) and RETENTION_DAYS[0] <= days <= RETENTION_DAYS[1]):
        raise bad("BadRequest", f"The property softDeleteRetentionInDays has to be 7 to 90, not {days}.")


def _check_policies(policies: Any) -> None:
    if policies is None:
        return
    if not isinstance(policies, list) or not all(isinstance(entry, dict) for entry in policies):
        raise bad("BadRequest", "An invalid value was provided for 'accessPolicies'.")
    if len(policies) > MAX_POLICIES:
        raise bad("BadRequest", f"A vault has at most {MAX_POLICIES} access policies, not {len(policies)}.")
    for entry in policies:
        try:
            uuid.UUID(str(entry.get("objectId")))
        except ValueError as exc:
            text = f"The parameter accessPolicies has an objectId that is no identifier: '{entry.get('objectId')}'."
            raise bad("BadRequest", text) from exc


def _who(entry: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(entry.get(key) or "").lower() for key in ("tenantId", "objectId", "applicationId"))


def _merged(earlier: dict[str, Any] | None, entry: dict[str, Any]) -> dict[str, Any]:
    old, new = (earlier or {}).get("permissions") or {}, entry.get("permissions") or {}
    kinds = {kind: list(dict.fromkeys([*(old.get(kind) or []), *(new.get(kind) or [])])) for kind in {**old, **new}}
    return entry | {"permissions": kinds}
