"""Comparing identifiers of resources: full ones, ``type/name``, and what waits for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.vault.view import VAULT, tail

if TYPE_CHECKING:
    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View

_VAULT = f"{VAULT.lower()}/"


def is_vault_id(identifier: str) -> bool:
    """Whether an identifier names a vault, not something in it."""
    found = tail(identifier)
    return found.startswith(_VAULT) and "/" not in found.removeprefix(_VAULT)


def waits(view: View, resource: Resource, target: Resource) -> bool:
    """Whether a resource waits for another one of its template, by itself or through what it waits for."""
    labels = view.labels.get(resource.path, {})
    waiting, seen = [resource], {id(resource)}
    while waiting:
        for entry in waiting.pop().depends_on:
            text = str(entry).lower()
            found = labels.get(text) or labels.get(tail(text))
            if found is target:
                return True
            if found is not None and id(found) not in seen:
                seen.add(id(found))
                waiting.append(found)
    return False
