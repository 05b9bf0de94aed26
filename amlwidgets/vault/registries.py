"""Which declared registry belongs to which declared workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.view import REGISTRY, property_of

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
