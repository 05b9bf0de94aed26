"""The sandbox's own routes about templates: the one that people make of a workspace, and deploying one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import shapes
from amlwidgets.sandbox.api import NOT_FOUND, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.identity import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE
from amlwidgets.sandbox.routes.control import guard
from amlwidgets.sandbox.vaults.access import principal_of, vault_of
from amlwidgets.sandbox.vaults.templates import new_name, wiping_template
from amlwidgets.sandbox.workspaces import KIND

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()


def _workspace(call: Call, name: str) -> dict[str, Any]:
    found = next((w for w in call.app.store.all(KIND) if w["name"].lower() == name.lower()), None)
    if found is None:
        raise ApiError(NOT_FOUND, "WorkspaceNotFound", f"There is no workspace {name}.")
    return found


@ROUTES.add("GET", "/sandbox/template", open_=True)
def template(call: Call) -> Response:
    """Return the template of a workspace, with its vault and an empty list of policies, as people make one."""
    guard(call)
    return json_response(wiping_template(_workspace(call, call.query("workspace", WORKSPACE))))


@ROUTES.add("POST", "/sandbox/redeploy", open_=True)
def redeploy(call: Call) -> Response:
    """Deploy a template; says which identities had access to which vault before, and which have it now."""
    guard(call)
    body = call.document()
    shapes.check(body, shapes.REDEPLOY)
    group = str(body.get("group") or RESOURCE_GROUP)
    before = _policies(call)
    content = body.get("template") or wiping_template(_workspace(call, WORKSPACE))
    outcome = call.app.templates.deploy(content, body.get("parameters"), SUBSCRIPTION, group, new_name())
    after = _policies(call)
    changed = {vault for vault in {*before, *after} if before.get(vault) != after.get(vault)}
    touched = changed | {identifier.lower() for identifier in outcome.applied if identifier.lower() in after}
    names = {vault["id"].lower(): vault["name"] for vault in call.app.access.vaults.all()}
    vaults = [
        {"name": names.get(vault, vault.rpartition("/")[2]), "before": before.get(vault), "after": after.get(vault)}
        for vault in sorted(touched)
    ]
    return json_response({"outcome": asdict(outcome), "vaults": vaults, "workspaces": _workspaces(call)})


def _policies(call: Call) -> dict[str, list[str]]:
    """Return by vault the object ids of its policies, or the words for its roles."""
    return {
        vault["id"].lower(): ["by roles"]
        if vault["properties"].get("enableRbacAuthorization")
        else [str(entry["objectId"]) for entry in vault["properties"].get("accessPolicies") or []]
        for vault in call.app.access.vaults.all()
    }


def _workspaces(call: Call) -> list[dict[str, Any]]:
    return [
        {
            "name": workspace["name"],
            "identity": principal_of(workspace),
            "vault": vault_of(workspace).rpartition("/")[2],
            "obstacle": call.app.access.obstacle(workspace),
        }
        for workspace in call.app.store.all(KIND)
    ]
