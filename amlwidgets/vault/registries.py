"""Which declared registry belongs to which declared workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import get
from amlwidgets.arm.values import Unknown
from amlwidgets.vault.view import REGISTRY, ROLES, property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View


def linked_registries(view: View) -> Iterator[tuple[Resource, Resource]]:
    """Yield each declared registry with a workspace that uses it."""
    for workspace in view.workspaces:
        used = str(property_of(workspace, "containerRegistry").value).lower()
        for registry in view.of(REGISTRY):
            if used == registry.id.lower():
                yield registry, workspace


_KINDS = (f"{REGISTRY}/providers/roleAssignments".lower(), ROLES.lower())
_PULLING = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d",  # AcrPull
    "b24988ac-6180-42a0-ab88-20f7382dd24c",  # Contributor
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",  # Owner
}


def uses_own_identity(workspace: Resource) -> bool:
    """Whether a workspace has a user-assigned identity."""
    return "userassigned" in str(get(get(workspace.body, "identity"), "type")).lower()


def gives_pull(view: View, registry: Resource) -> bool:
    """Whether the template assigns a role that may pull from a registry, or one that cannot be told."""
    return any(
        _on(role, registry) and _pulls(role)
        for role in view.resources
        if role.type.lower() in _KINDS and not role.existing
    )


def _on(role: Resource, registry: Resource) -> bool:
    name = str(registry.name).lower()
    if role.type.lower() == _KINDS[0]:
        return str(role.name).lower().startswith(f"{name}/")
    scope = str(get(role.body, "scope") or "").lower()
    return not scope or name in scope or scope in registry.id.lower()


def _pulls(role: Resource) -> bool:
    identifier = property_of(role, "roleDefinitionId").value
    return isinstance(identifier, Unknown) or str(identifier).lower().rpartition("/")[2] in _PULLING
