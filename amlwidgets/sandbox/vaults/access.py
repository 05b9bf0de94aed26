"""Whether a workspace can reach its key vault: every image needs secrets that lie there.

Source: keyvault-arm.md, sections 1 and 3.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.api import ApiError
from amlwidgets.sandbox.vaults.vaults import ALL_BUT_PURGE, SEEDED, Vaults, vault_id
from amlwidgets.sandbox.wire import Response
from amlwidgets.sandbox.workspaces import KIND as WORKSPACE

if TYPE_CHECKING:
    from amlwidgets.sandbox.store import Store

ASSIGNMENT = "role-assignment"
ROLES = {
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "21090545-7ca7-4776-b22c-e363652d74d2": "Key Vault Reader",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
}
"""Built-in roles, by their identifier."""

_GIVES_SECRETS = ("Key Vault Administrator", "Key Vault Secrets Officer", "Key Vault Secrets User")
BODY = {
    "code": "InternalServerError",
    "statusCode": 500,
    "message": "An internal server error occurred. Please try again. If the problem persists, contact support",
}
"""All that the service says, in the words that the guides quote."""


class InternalServerError(ApiError):
    """The management service's answer when it cannot read its own secrets."""

    def __init__(self) -> None:
        super().__init__(500, str(BODY["code"]), str(BODY["message"]))

    def response(self) -> Response:
        """Return the answer as the guides show it, headers included."""
        headers = [
            ("Content-Type", "application/json"),
            ("api-supported-versions", "2018-03-01-preview, 2018-11-19"),
            ("x-ms-client-session-id", ""),
            ("Strict-Transport-Security", "max-age=15724800; includeSubDomains; preload"),
        ]
        return Response(500, [json.dumps(BODY, separators=(",", ":")).encode()], headers)


class Access:
    """What workspaces may do with their vaults.

    Args:
        store: Where workspaces, vaults and role assignments are kept.
        tenant: The one directory.
    """

    def __init__(self, store: Store, tenant: str) -> None:
        self._store, self._tenant = store, tenant
        self.vaults = Vaults(store, tenant, self._seed)

    def check(self, scope: str) -> None:
        """Refuse to build an image while the workspace's identity cannot read the vault.

        Raises:
            InternalServerError: It cannot; the answer does not say why, as Azure's does not.
        """
        workspace = self._store.get(WORKSPACE, "", scope)
        if workspace is not None and self.obstacle(workspace):
            raise InternalServerError

    def obstacle(self, workspace: dict[str, Any]) -> str:
        """Return why a workspace's identity cannot read the vault's secrets; empty when it can."""
        vault = self.vaults.find(vault_of(workspace))
        if vault is None:
            return "the vault does not exist"
        properties = vault["properties"]
        rules = properties.get("networkAcls") or {}
        if str(rules.get("defaultAction")).lower() == "deny" and str(rules.get("bypass")).lower() == "none":
            return "the vault's firewall lets no trusted service pass"
        if properties.get("enableRbacAuthorization"):
            given = self.roles(vault["id"], principal_of(workspace))
            return "" if any(role in _GIVES_SECRETS for role in given) else "the identity has no role on the vault"
        entries = [e for e in properties.get("accessPolicies") or [] if _is_for(e, principal_of(workspace))]
        granted = {p.lower() for entry in entries for p in (entry.get("permissions") or {}).get("secrets") or []}
        return "" if granted & {"get", "all"} else "the identity has no access policy on the vault"

    def grant(self, workspace: dict[str, Any]) -> None:
        """Give a workspace's identity its entry, as the service does when a workspace is made."""
        vault = self.vaults.find(vault_of(workspace))
        if vault is None:
            return
        if vault["properties"].get("enableRbacAuthorization"):
            self.assign(vault["id"], str(uuid.uuid4()), principal_of(workspace), next(iter(ROLES)), by_service=True)
            return
        entry = {"tenantId": self._tenant, "objectId": principal_of(workspace), "permissions": ALL_BUT_PURGE}
        self.vaults.change_policies(vault["id"], "add", {"properties": {"accessPolicies": [entry]}})

    # -- roles

    def assign(self, scope: str, name: str, principal: str, role: str, *, by_service: bool = False) -> dict[str, Any]:
        """Assign a role to a principal.

        Args:
            scope: ARM identifier to which it applies.
            name: Identifier of the assignment.
            principal: Object id.
            role: Identifier of the role, alone or as an ARM identifier.
            by_service: The service gives it of its own accord; it is not in the way when a template gives it again.

        Raises:
            ApiError: There is no such role, or it is assigned already.
        """
        role_id = role.rstrip("/").rpartition("/")[2].lower()
        if role_id not in ROLES:
            raise ApiError(
                404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{role_id}' does not exist."
            )
        scope = "/" + scope.strip("/")
        for other in self.assignments():
            same = (other["scope"].lower(), other["principalId"], other["role"]) == (scope.lower(), principal, role_id)
            if same and other["name"] != name and not other.get("byService"):
                raise ApiError(409, "RoleAssignmentExists", "The role assignment already exists.")
        document = {"name": name, "scope": scope, "principalId": principal, "role": role_id, "byService": by_service}
        self._store.put(ASSIGNMENT, "", f"{scope}/{name}".lower(), document)
        return document

    def unassign(self, scope: str, name: str) -> bool:
        """Take a role assignment back; False when there was none."""
        return self._store.delete(ASSIGNMENT, "", f"/{scope.strip('/')}/{name}".lower())

    def assignments(self) -> list[dict[str, Any]]:
        """Return every role assignment."""
        return self._store.all(ASSIGNMENT)

    def roles(self, scope: str, principal: str) -> list[str]:
        """Return the names of the roles that a principal has on a scope, those of scopes above it included."""
        inside = scope.lower().rstrip("/") + "/"
        return [
            ROLES[assignment["role"]]
            for assignment in self.assignments()
            if assignment["principalId"].lower() == principal.lower()
            and inside.startswith(assignment["scope"].lower().rstrip("/") + "/")
        ]

    # -- what there is from the beginning

    def _seed(self) -> None:
        for workspace in self._store.all(WORKSPACE):
            if self._store.get(SEEDED, "", workspace["workspaceId"]) is None:
                self._first_vault(workspace)

    def _first_vault(self, workspace: dict[str, Any]) -> None:
        with self._store.transaction():
            if self._store.get(SEEDED, "", workspace["workspaceId"]) is not None:
                return
            self._store.put(SEEDED, "", workspace["workspaceId"], {})
            identifier = vault_of(workspace)
            if self.vaults.find(identifier) is None and not workspace.get("keyVault"):
                self.vaults.put(identifier, {"properties": {"accessPolicies": [], "enableRbacAuthorization": False}})
                self.grant(workspace)


def principal_of(workspace: dict[str, Any]) -> str:
    """Return the object id of a workspace's own identity; a workspace that is made anew has another one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"principal:{workspace['workspaceId']}"))


def vault_of(workspace: dict[str, Any]) -> str:
    """Return the ARM identifier of a workspace's vault."""
    if workspace.get("keyVault"):
        return str(workspace["keyVault"])
    stem = "".join(c for c in workspace["name"] if c.isalnum())[:11] or "ws"
    name = f"kv{stem}{workspace['workspaceId'].replace('-', '')[:8]}"
    return vault_id(workspace["subscription"], workspace["group"], name)


def _is_for(entry: dict[str, Any], principal: str) -> bool:
    return str(entry.get("objectId")).lower() == principal.lower()
