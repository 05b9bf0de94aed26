"""Looks at a workspace's key vault with the workspace's own credentials, and gives its identity access: nothing else.

The clients are azure-mgmt-keyvault and azure-mgmt-authorization, which azureml-core brings along; a sandbox answers the
same calls. Every look is a read. What this account may not read comes back as a reason, never as an exception.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.errors import NotAllowed, NotConnected, ServiceFailed
from amlwidgets.vault.permissions import ADMINISTRATOR, ALL_BUT_PURGE, ROLE_NAMES, SECRETS_OFFICER
from amlwidgets.vault.seen import POLICIES, ROLES, Built, Firewall, Holder, Seen

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE: dict[str, Any] = {"connection_timeout": 10, "read_timeout": 20, "retry_total": 1}
"""Somebody waits for the answer."""

_NOT_FOUND, _REFUSED = 404, (401, 403)
_OPENING = (ROLE_NAMES[ADMINISTRATOR], ROLE_NAMES[SECRETS_OFFICER])
_DATA_ACTION = "microsoft.keyvault/vaults/"


class _Unseen(Exception):
    """Something could not be looked at; the text says why."""


class _Absent(_Unseen):
    """There is no such thing."""


def look(ws: Any) -> Seen:
    """Look at a workspace's vault, its identity's access and its newest image.

    Args:
        ws: An ``azureml.core.Workspace``.

    Returns:
        What was seen. Never raises for what the service answers: that is a reason in ``why``.
    """
    seen = Seen(str(ws.name), str(ws.resource_group))
    for part in (_workspace, _vault, _roles, _deleted, _images):
        try:
            seen = part(ws, seen)
        except _Unseen as reason:
            name = part.__name__.lstrip("_")
            whys = {"workspace": ("vault", "identity", "roles", "deleted")}.get(name, (name,))
            seen = replace(seen, why=dict.fromkeys(whys, str(reason)) | seen.why)
    return seen


def grant(ws: Any, seen: Seen) -> str:
    """Give the workspace's identity its access: one policy entry, or one role. The only change that is ever made.

    Returns:
        What was done, in one sentence.

    Raises:
        NotAllowed: This account may not do that, or it is not known what to do.
        ServiceFailed: The service answers with another error.
    """
    if not seen.identity or not seen.mode or not seen.exists:
        raise NotAllowed("Vault or identity are not known, so nothing is changed.", code="vault-unseen")
    act = _assign if seen.mode == ROLES else _add_entry
    try:
        _guarded(lambda: act(ws, seen), "change this vault")
    except _Unseen as reason:
        todo = "Ask somebody who may; the command is beside it."
        if "may not" in str(reason):
            raise NotAllowed(f"Nothing was changed: {reason}.", code="vault-not-allowed", todo=todo) from reason
        raise ServiceFailed(f"Nothing was changed: {reason}.", code="vault-change", todo=todo) from reason
    what = "the role Key Vault Administrator on" if seen.mode == ROLES else "an entry in the access policies of"
    return f"The workspace's identity has {what} {seen.vault} now."


def context_of(seen: Seen) -> dict[str, str]:
    """Return what ``diagnose`` takes as context, as far as it was seen."""
    found: dict[str, str] = {}
    if seen.vault:
        found["vault_name"] = seen.vault
    if seen.identity:
        found["workspace_identity"] = seen.identity
    if seen.mode == POLICIES and seen.holders is not None:
        found["vault_policies"] = " ".join(holder.object_id for holder in seen.holders)
        if seen.entry is not None and not seen.entry.opens_secrets:
            # An entry that opens nothing counts as none.
            found["vault_policies"] = " ".join(h.object_id for h in seen.holders if h is not seen.entry)
    if seen.mode == ROLES and seen.roles is not None:
        found["vault_roles"] = ", ".join(seen.roles) if seen.opens else ""
    if seen.firewall is not None:
        found["vault_firewall"] = "open" if seen.firewall.lets_services_in else "closed"
    return found


# -- the looks


def _workspace(ws: Any, seen: Seen) -> Seen:
    details = _guarded(ws.get_details, "read the workspace")
    identity = details.get("identity") or {}
    users = identity.get("user_assigned_identities") or {}
    primary = str(details.get("primaryUserAssignedIdentity") or "").lower()
    own = next((value for key, value in users.items() if not primary or key.lower() == primary), None)
    principal = identity.get("principal_id") or (own or {}).get("principal_id") or ""
    why = {} if principal else {"identity": "the workspace names none"}
    vault = str(details.get("keyVault") or "")
    if not vault:
        why["vault"] = "the workspace names no vault"
    found = replace(seen, vault_id=vault, identity=str(principal), own_identity=not identity.get("principal_id"))
    return replace(found, location=str(details.get("location") or ""), why=why)


def _vault(ws: Any, seen: Seen) -> Seen:
    if not seen.vault_id:
        return seen
    client = _keyvault(ws, seen)
    try:
        vault = _guarded(lambda: client.vaults.get(seen.vault_group, seen.vault), f"read the vault {seen.vault}")
    except _Absent:
        return replace(seen, exists=False)
    properties = vault.properties
    mode = ROLES if properties.enable_rbac_authorization else POLICIES
    return replace(
        seen,
        exists=True,
        location=str(vault.location),
        mode=mode,
        holders=tuple(_holder(entry) for entry in properties.access_policies or []),
        firewall=_firewall(properties),
    )


def _holder(entry: Any) -> Holder:
    given = entry.permissions
    kinds = ("secrets", "keys", "certificates")
    return Holder(
        str(entry.object_id),
        {kind: tuple(_word(p) for p in getattr(given, kind, None) or ()) for kind in kinds},
    )


def _word(permission: Any) -> str:
    return str(getattr(permission, "value", permission)).lower()


def _firewall(properties: Any) -> Firewall:
    rules = properties.network_acls
    links = getattr(properties, "private_endpoint_connections", None) or []
    return Firewall(
        denies=_word(getattr(rules, "default_action", None)) == "deny",
        # Not written means AzureServices.
        bypass=_word(getattr(rules, "bypass", None) or "AzureServices") != "none",
        public=_word(getattr(properties, "public_network_access", None)) != "disabled",
        endpoints=sum(_word(_state_of(link)) == "approved" for link in links),
    )


def _state_of(link: Any) -> Any:
    return getattr(getattr(link, "private_link_service_connection_state", None), "status", "")


def _roles(ws: Any, seen: Seen) -> Seen:
    if seen.mode != ROLES or not seen.identity:
        return seen
    client = _authorization(ws, seen)
    wanted = f"principalId eq '{seen.identity}'"
    assigned = _guarded(
        lambda: list(client.role_assignments.list_for_scope(seen.vault_id, filter=wanted)),
        f"read the role assignments of {seen.vault}",
    )
    definitions = [
        _guarded(lambda a=one: client.role_definitions.get_by_id(a.role_definition_id), "read a role")  # type: ignore[misc]
        for one in assigned
    ]
    names = tuple(dict.fromkeys(str(definition.role_name) for definition in definitions))
    return replace(seen, roles=names, opens=any(_opens(definition) for definition in definitions))


def _opens(definition: Any) -> bool:
    """Whether a role opens secrets: one of the built-in ones, or by its data actions."""
    if str(definition.role_name) in _OPENING:
        return True
    actions = [str(action).lower() for p in definition.permissions or [] for action in p.data_actions or []]
    whole = (f"{_DATA_ACTION}*", f"{_DATA_ACTION}secrets/*", "*")
    return any(action in whole for action in actions)


def _deleted(ws: Any, seen: Seen) -> Seen:
    if not seen.vault_id or seen.exists:
        return seen
    client = _keyvault(ws, seen)
    try:
        _guarded(lambda: client.vaults.get_deleted(seen.vault, seen.location), "read deleted vaults")
    except _Absent:
        return replace(seen, deleted=False)
    return replace(seen, deleted=True)


def _images(ws: Any, seen: Seen) -> Seen:
    import warnings

    from azureml.core.image import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the class is deprecated; the guides' images are still made with it
        listed = _guarded(lambda: Image.list(ws), "read the workspace's images")
    newest = max((image for image in listed if image.created_time), key=lambda i: i.created_time, default=None)
    if newest is None:
        return replace(seen, looked=True)
    name = f"{newest.name}:{newest.version}"
    return replace(seen, looked=True, built=Built(name, str(newest.creation_state), newest.created_time.timestamp()))


# -- the one change


def _add_entry(ws: Any, seen: Seen) -> None:
    client = _keyvault(ws, seen)
    vault = client.vaults.get(seen.vault_group, seen.vault)
    entry = {
        "tenantId": str(vault.properties.tenant_id),
        "objectId": seen.identity,
        "permissions": ALL_BUT_PURGE,
    }
    client.vaults.update_access_policy(seen.vault_group, seen.vault, "add", {"properties": {"accessPolicies": [entry]}})


def _assign(ws: Any, seen: Seen) -> None:
    subscription = seen.vault_id.split("/")[2]
    role = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{ADMINISTRATOR}"
    # The same name each time: a second click changes nothing.
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{seen.vault_id}/{seen.identity}/{ADMINISTRATOR}".lower()))
    properties = {"roleDefinitionId": role, "principalId": seen.identity, "principalType": "ServicePrincipal"}
    _authorization(ws, seen).role_assignments.create(seen.vault_id, name, {"properties": properties})


# -- the clients


def _keyvault(ws: Any, seen: Seen) -> Any:
    try:
        from azure.mgmt.keyvault import KeyVaultManagementClient
    except ImportError as exc:
        raise _Unseen("azure-mgmt-keyvault is not installed") from exc
    return KeyVaultManagementClient(_credential(ws), seen.vault_id.split("/")[2], **_PATIENCE)


def _authorization(ws: Any, seen: Seen) -> Any:
    try:
        from azure.mgmt.authorization import AuthorizationManagementClient
    except ImportError as exc:
        raise _Unseen("azure-mgmt-authorization is not installed") from exc
    return AuthorizationManagementClient(_credential(ws), seen.vault_id.split("/")[2], **_PATIENCE)


def _credential(ws: Any) -> Any:
    """Return what signs in as the workspace does; azureml-core's authentication is a credential of Azure's clients."""
    return ws._auth_object  # noqa: SLF001 - azureml-core has no public way to it


def _guarded(call: Callable[[], Any], what: str) -> Any:
    """Return what a call of a client returns.

    Raises:
        _Absent: There is no such thing.
        _Unseen: It cannot be looked at, or changed.
    """
    try:
        return call()
    except _Unseen:
        raise
    except Exception as exc:
        status = getattr(exc, "status_code", None) or _status_in(exc)
        if status == _NOT_FOUND:
            raise _Absent(f"Azure knows of nothing to {what}") from exc
        if status in _REFUSED:
            raise _Unseen(f"this account may not {what} ({_code_of(exc)})") from exc
        if isinstance(exc, NotConnected) or type(exc).__name__ in ("ServiceRequestError", "ServiceResponseError"):
            raise _Unseen("Azure does not answer") from exc
        if type(exc).__name__ in ("ClientAuthenticationError", "AuthenticationException"):
            raise _Unseen("the sign-in of the workspace is no longer valid") from exc
        first = str(exc).strip().splitlines()
        raise _Unseen(f"the service answered: {mask(first[0] if first else type(exc).__name__)[:200]}") from exc


def _status_in(exc: Exception) -> int | None:
    """Return the status that azureml-core puts into its texts."""
    text = str(exc)
    return next((code for code in (*_REFUSED, _NOT_FOUND) if f"Response Code: {code}" in text), None) or (
        403 if "AuthorizationFailed" in text else None
    )


def _code_of(exc: Exception) -> str:
    error = getattr(exc, "error", None)
    return str(getattr(error, "code", "") or getattr(exc, "status_code", "") or "AuthorizationFailed")
