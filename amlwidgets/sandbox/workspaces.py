"""Workspaces of the sandbox."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.api import SCOPE, scope_key
from amlwidgets.sandbox.identity import REGION, RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE

if TYPE_CHECKING:
    from amlwidgets.sandbox.store import Store

KIND = "workspace"


def ensure_workspace(
    store: Store, subscription: str = SUBSCRIPTION, group: str = RESOURCE_GROUP, name: str = WORKSPACE
) -> dict[str, Any]:
    """Return the workspace of that name, made at the first call."""
    key = scope_key(subscription, group, name)
    with store.transaction():
        found = store.get(KIND, "", key)
        if found is None:
            found = {
                "subscription": subscription,
                "group": group,
                "name": name,
                "id": SCOPE.format(subscription=subscription, group=group, workspace=name),
                "workspaceId": str(uuid.uuid4()),
                "location": REGION,
                "created": datetime.now(UTC).isoformat(),
            }
            store.put(KIND, "", key, found)
    return found


def find_workspace(store: Store, scope: str) -> dict[str, Any] | None:
    """Return the workspace whose :func:`scope_key` is ``scope``; None when there is none."""
    return store.get(KIND, "", scope)


def workspace_names(store: Store) -> list[str]:
    """Return the names of all workspaces, oldest first."""
    return [str(workspace["name"]) for workspace in store.all(KIND)]


def workspace_scopes(store: Store) -> list[str]:
    """Return the :func:`scope_key` of all workspaces, oldest first."""
    return [scope_key(str(w["subscription"]), str(w["group"]), str(w["name"])) for w in store.all(KIND)]
