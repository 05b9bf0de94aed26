"""Azure Resource Manager's routes for key vaults, role assignments and template deployments."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import shapes
from amlwidgets.sandbox.api import NOT_FOUND, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.vaults.access import ROLES, Access
from amlwidgets.sandbox.vaults.vaults import vault_id
from amlwidgets.sandbox.wire import Response

if TYPE_CHECKING:
    from amlwidgets.sandbox.vaults.vaults import Vaults

ROUTES = Routes()
_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = _SUBSCRIPTION + "/resourceGroups/{group}"
_VAULTS = "/providers/Microsoft.KeyVault/vaults"
_VAULT = _GROUP + _VAULTS + "/{vault}"
_DELETED = _SUBSCRIPTION + "/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{vault}"
_ROLE_ASSIGNMENTS = "/providers/Microsoft.Authorization/roleAssignments"
_ROLE_DEFINITIONS = "/providers/Microsoft.Authorization/roleDefinitions"
_DEPLOYMENT = _GROUP + "/providers/Microsoft.Resources/deployments/{deployment}"
_DEPLOYED = "deployment"


def _access(call: Call) -> Access:
    return call.app.access


def _vaults(call: Call) -> Vaults:
    return _access(call).vaults


def _id(call: Call) -> str:
    return vault_id(call["subscription"], call["group"], call["vault"])


# -- vaults


def _vault_body(call: Call) -> dict[str, Any]:
    body = call.document()
    shapes.check(body, shapes.VAULT)
    return body


@ROUTES.add("GET", _VAULT)
def get_vault(call: Call) -> Response:
    """Return one vault."""
    return json_response(_vaults(call).need(_id(call)))


@ROUTES.add("PUT", _VAULT)
def put_vault(call: Call) -> Response:
    """Make a vault, or replace it with all of its properties."""
    return json_response(_vaults(call).put(_id(call), _vault_body(call), call.query("api-version")))


@ROUTES.add("PATCH", _VAULT)
def patch_vault(call: Call) -> Response:
    """Change some of a vault's properties."""
    return json_response(_vaults(call).patch(_id(call), _vault_body(call)))


@ROUTES.add("DELETE", _VAULT)
def delete_vault(call: Call) -> Response:
    """Delete a vault; it can be recovered."""
    return json_response({}) if _vaults(call).delete(_id(call)) else Response(204)


@ROUTES.add("PUT", _VAULT + "/accessPolicies/{operation}")
def change_policies(call: Call) -> Response:
    """Add, replace or remove access policies."""
    policies = _vaults(call).change_policies(_id(call), call["operation"], _vault_body(call))
    name = f"{_id(call)}/accessPolicies/"
    return json_response(
        {"id": name, "type": "Microsoft.KeyVault/vaults/accessPolicies", "properties": {"accessPolicies": policies}}
    )


@ROUTES.add("GET", _GROUP + _VAULTS)
def list_by_group(call: Call) -> Response:
    """List the vaults of a resource group."""
    return json_response({"value": _vaults(call).all(call["group"])})


@ROUTES.add("GET", _SUBSCRIPTION + _VAULTS)
def list_all(call: Call) -> Response:
    """List the vaults of the subscription."""
    return json_response({"value": _vaults(call).all()})


@ROUTES.add("GET", _SUBSCRIPTION + "/providers/Microsoft.KeyVault/deletedVaults")
def list_deleted(call: Call) -> Response:
    """List the vaults that can be recovered."""
    return json_response({"value": [_deleted(vault) for vault in _vaults(call).deleted()]})


@ROUTES.add("GET", _DELETED)
def get_deleted(call: Call) -> Response:
    """Return one vault that can be recovered."""
    found = next((v for v in _vaults(call).deleted() if v["name"].lower() == call["vault"].lower()), None)
    if found is None:
        text = f"The specified deleted vault '{call['vault']}' does not exist."
        raise ApiError(NOT_FOUND, "DeletedVaultNotFound", text)
    return json_response(_deleted(found))


@ROUTES.add("POST", _DELETED + "/purge")
def purge(call: Call) -> Response:
    """Forget a deleted vault."""
    _vaults(call).purge(call["vault"])
    return json_response({})


def _deleted(vault: dict[str, Any]) -> dict[str, Any]:
    subscription = vault["id"].split("/")[2]
    where = f"/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/{vault['location']}/deletedVaults"
    properties = {
        "vaultId": vault["id"],
        "location": vault["location"],
        "deletionDate": vault["deleted"],
        "scheduledPurgeDate": vault["purge"],
        "tags": vault["tags"],
    }
    return {"id": f"{where}/{vault['name']}", "name": vault["name"], "properties": properties}


# -- roles


@ROUTES.add("GET", "/{scope:path}" + _ROLE_ASSIGNMENTS)
def list_assignments(call: Call) -> Response:
    """List role assignments on a scope and above it."""
    scope = f"/{call['scope'].strip('/')}/".lower()
    found = [_assignment(call, a) for a in _access(call).assignments() if scope.startswith(f"{a['scope'].lower()}/")]
    wanted = call.query("$filter")
    if wanted.lower().startswith("principalid eq"):
        principal = wanted.split("'")[1] if "'" in wanted else wanted.split()[-1]
        found = [item for item in found if item["properties"]["principalId"].lower() == principal.lower()]
    return json_response({"value": found})


@ROUTES.add("PUT", "/{scope:path}" + _ROLE_ASSIGNMENTS + "/{name}")
def assign(call: Call) -> Response:
    """Assign a role."""
    body = call.document()
    shapes.check(body, shapes.ROLE_ASSIGNMENT)
    properties = body.get("properties") or {}
    role, principal = str(properties.get("roleDefinitionId")), str(properties.get("principalId"))
    made = _access(call).assign(call["scope"], call["name"], principal, role)
    return json_response(_assignment(call, made), status=201)


@ROUTES.add("DELETE", "/{scope:path}" + _ROLE_ASSIGNMENTS + "/{name}")
def unassign(call: Call) -> Response:
    """Take a role assignment back."""
    return json_response({}) if _access(call).unassign(call["scope"], call["name"]) else Response(204)


@ROUTES.add("GET", "/{scope:path}" + _ROLE_DEFINITIONS)
def list_roles(call: Call) -> Response:
    """List the built-in roles that the sandbox knows, all of them or those of a name."""
    wanted = call.query("$filter")
    name = wanted.split("'")[1] if "'" in wanted else ""
    return json_response({"value": [_role(key) for key, role in ROLES.items() if name in ("", role)]})


@ROUTES.add("GET", "/{scope:path}" + _ROLE_DEFINITIONS + "/{role}")
def get_role(call: Call) -> Response:
    """Return a built-in role."""
    if call["role"].lower() not in ROLES:
        text = f"The specified role definition with ID '{call['role']}' does not exist."
        raise ApiError(NOT_FOUND, "RoleDefinitionDoesNotExist", text)
    return json_response(_role(call["role"].lower()))


def _role(identifier: str) -> dict[str, Any]:
    return {
        "id": f"{_ROLE_DEFINITIONS}/{identifier}",
        "name": identifier,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": ROLES[identifier],
            "type": "BuiltInRole",
            "permissions": [],
            "assignableScopes": ["/"],
        },
    }


def _assignment(call: Call, assignment: dict[str, Any]) -> dict[str, Any]:
    subscription = call["scope"].split("/")[1] if call["scope"].count("/") else ""
    definition = f"/subscriptions/{subscription}{_ROLE_DEFINITIONS}/{assignment['role']}"
    return {
        "id": f"{assignment['scope']}{_ROLE_ASSIGNMENTS}/{assignment['name']}",
        "name": assignment["name"],
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": definition,
            "principalId": assignment["principalId"],
            "principalType": "ServicePrincipal",
            "scope": assignment["scope"],
        },
    }


# -- deployments


@ROUTES.add("PUT", _DEPLOYMENT)
def deploy(call: Call) -> Response:
    """Deploy a template."""
    body = call.document()
    shapes.check(body, shapes.DEPLOYMENT)
    properties = body.get("properties") or {}
    if str(properties.get("mode") or "Incremental").lower() != "incremental":
        raise ApiError(501, "NotImplementedInSandbox", "The sandbox does not implement deployments of mode Complete.")
    if properties.get("templateLink") or properties.get("parametersLink"):
        raise ApiError(501, "NotImplementedInSandbox", "The sandbox does not implement deployments with templateLink.")
    outcome = call.app.templates.deploy(
        properties.get("template"),
        {"parameters": properties.get("parameters") or {}},
        call["subscription"],
        call["group"],
        call["deployment"],
    )
    identifier = _DEPLOYMENT.format(**call.params)
    document = {
        "id": identifier,
        "name": call["deployment"],
        "type": "Microsoft.Resources/deployments",
        "properties": {
            "provisioningState": "Succeeded",
            "mode": "Incremental",
            "correlationId": str(uuid.uuid4()),
            "outputs": outcome.outputs,
            "outputResources": [{"id": identifier} for identifier in (*outcome.applied, *outcome.noted)],
        },
    }
    call.app.store.put(_DEPLOYED, "", identifier.lower(), document)
    return json_response(document | {"sandbox": asdict(outcome)}, status=200)


@ROUTES.add("GET", _DEPLOYMENT)
def get_deployment(call: Call) -> Response:
    """Return a deployment that was made."""
    found = call.app.store.get(_DEPLOYED, "", _DEPLOYMENT.format(**call.params).lower())
    if found is None:
        raise ApiError(NOT_FOUND, "DeploymentNotFound", f"Deployment '{call['deployment']}' could not be found.")
    return json_response(found)
