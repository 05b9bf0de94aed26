"""The ``az`` commands for people who do it by hand (keyvault-arm.md, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.permissions import ADMINISTRATOR, ALL_BUT_PURGE, ROLE_NAMES
from amlwidgets.vault.seen import ROLES

if TYPE_CHECKING:
    from amlwidgets.vault.seen import Seen


def grant(seen: Seen) -> str:
    """Return the command that gives the workspace's identity its access."""
    if seen.mode == ROLES:
        return (
            f"az role assignment create --assignee-object-id {seen.identity} --assignee-principal-type ServicePrincipal"
            f' --role "{ROLE_NAMES[ADMINISTRATOR]}" --scope {seen.vault_id}'
        )
    given = [
        f"--{kind[:-1]}-permissions {' '.join(ALL_BUT_PURGE[kind])}" for kind in ("secrets", "keys", "certificates")
    ]
    where = f"az keyvault set-policy -n {seen.vault} -g {seen.vault_group} --object-id {seen.identity}"
    return " \\\n  ".join([where, *given])


def sync_keys(seen: Seen) -> str:
    """Return the command that lets the workspace read its keys anew."""
    return f"az ml workspace sync-keys -n {seen.workspace} -g {seen.group}"


def bypass(seen: Seen) -> str:
    """Return the command that lets trusted services through the vault's firewall."""
    return f"az keyvault update -n {seen.vault} -g {seen.vault_group} --bypass AzureServices"


def recover(seen: Seen) -> str:
    """Return the command that brings a deleted vault back."""
    return f"az keyvault recover -n {seen.vault}"


def show(seen: Seen) -> str:
    """Return the command that shows what the checklist looks at."""
    query = "properties.{rbac:enableRbacAuthorization,policies:accessPolicies[].objectId,network:networkAcls}"
    return f'az keyvault show -n {seen.vault or "VAULT"} --query "{query}"'
