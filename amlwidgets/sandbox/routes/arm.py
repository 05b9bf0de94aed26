"""Azure Resource Manager: subscriptions and workspaces (azureml-core-wire.md, sections 1 and 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.api import SCOPE, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.engine.registry import USER, password
from amlwidgets.sandbox.identity import SUBSCRIPTION
from amlwidgets.sandbox.vaults.access import principal_of, vault_of
from amlwidgets.sandbox.workspaces import KIND, find_workspace

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
_TYPE = "Microsoft.MachineLearningServices/workspaces"


def _subscription(call: Call, subscription: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{subscription}",
        "subscriptionId": subscription,
        "tenantId": call.app.identity.tenant,
        "displayName": "amlwidgets sandbox",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": {"spendingLimit": "Off", "quotaId": "Sandbox", "locationPlacementId": "Sandbox"},
    }


def _workspace(call: Call, workspace: dict[str, Any]) -> dict[str, Any]:
    group = f"/subscriptions/{workspace['subscription']}/resourceGroups/{workspace['group']}/providers"
    return {
        "id": workspace["id"],
        "name": workspace["name"],
        "type": _TYPE,
        "location": workspace["location"],
        "tags": {},
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {
            "type": "SystemAssigned",
            "principalId": principal_of(workspace),
            "tenantId": call.app.identity.tenant,
        },
        "properties": {
            "friendlyName": workspace["name"],
            "description": "A workspace of the amlwidgets sandbox",
            "workspaceId": workspace["workspaceId"],
            "discoveryUrl": f"https://{workspace['location']}.api.azureml.ms/discovery",
            "provisioningState": "Succeeded",
            "creationTime": workspace["created"],
            "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{call.app.identity.account}",
            "keyVault": vault_of(workspace),
            "applicationInsights": f"{group}/Microsoft.Insights/components/sandbox-insights",
            "containerRegistry": f"{group}/Microsoft.ContainerRegistry/registries/sandboxregistry",
            "mlFlowTrackingUri": f"azureml://{workspace['location']}.api.azureml.ms/mlflow/v1.0{workspace['id']}",
        },
    }


@ROUTES.add("GET", "/subscriptions")
def subscriptions(call: Call) -> Response:
    """List the subscriptions in which there are workspaces, and the sandbox's own."""
    names = {SUBSCRIPTION: None} | {workspace["subscription"]: None for workspace in call.app.store.all(KIND)}
    return json_response({"value": [_subscription(call, name) for name in names]})


@ROUTES.add("GET", "/tenants")
def tenants(call: Call) -> Response:
    """List the one directory."""
    tenant = call.app.identity.tenant
    return json_response({"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant}]})


@ROUTES.add("GET", SCOPE)
def get_workspace(call: Call) -> Response:
    """Return one workspace."""
    found = find_workspace(call.app.store, call.scope)
    if found is None:
        raise ApiError(
            404,
            "ResourceNotFound",
            f"The Resource '{_TYPE}/{call['workspace']}' under resource group '{call['group']}' was not found.",
        )
    return json_response(_workspace(call, found))


def _listed(call: Call, group: str | None) -> Response:
    wanted = call["subscription"].lower()
    found = [w for w in call.app.store.all(KIND) if w["subscription"].lower() == wanted]
    if group is not None:
        found = [w for w in found if w["group"].lower() == group.lower()]
    return json_response({"value": [_workspace(call, workspace) for workspace in found]})


@ROUTES.add("GET", "/subscriptions/{subscription}/resources")
def resources(call: Call) -> Response:
    """List the workspaces of a subscription (``Workspace.list``); other types do not exist here."""
    if "workspaces" not in call.query("$filter"):
        return json_response({"value": []})
    return _listed(call, None)


@ROUTES.add("GET", f"/subscriptions/{{subscription}}/providers/{_TYPE}")
def list_by_subscription(call: Call) -> Response:
    """List the workspaces of a subscription."""
    return _listed(call, None)


@ROUTES.add("GET", f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{_TYPE}")
def list_by_group(call: Call) -> Response:
    """List the workspaces of a resource group."""
    return _listed(call, call["group"])


@ROUTES.add("GET", "/subscriptions/{subscription}/resourceGroups/{group}/resources")
def group_resources(call: Call) -> Response:
    """List the workspaces of a resource group (``Workspace.list(resource_group=)``)."""
    return _listed(call, call["group"])


@ROUTES.add("POST", SCOPE + "/listKeys")
def list_keys(call: Call) -> Response:
    """Return the workspace's keys: those of the registry are real, the others are invented and open nothing."""
    get_workspace(call)
    account = call.app.identity.account
    return json_response(
        {
            "userStorageKey": "c2FuZGJveA==",
            "userStorageResourceId": f"{call['group']}/{account}",
            "userStorageArmId": f"/subscriptions/{call['subscription']}/resourceGroups/{call['group']}"
            f"/providers/Microsoft.Storage/storageAccounts/{account}",
            "appInsightsInstrumentationKey": "00000000-0000-0000-0000-000000000000",
            "containerRegistryCredentials": {
                "location": call.scope,
                "username": USER,
                "passwords": [{"name": "password", "value": password(call.app.identity)}],
            },
        }
    )
