"""Parts of templates as teams write them, from which ``realistic`` puts its cases together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdout import KV, KV_ID, NAME, PERSON, VARIABLES, WS, _vault, _whole, _workspace

ACR, ROLE = "Microsoft.ContainerRegistry/registries", "Microsoft.Authorization/roleAssignments"
ENDPOINT, NESTED = "Microsoft.Network/privateEndpoints", "Microsoft.Resources/deployments"
ACR_ID = "[resourceId('Microsoft.ContainerRegistry/registries', 'teamregistry')]"
OWN = {"type": "UserAssigned", "userAssignedIdentities": {"[parameters('identityId')]": {}}}
BUILT_IN = "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '%s')]"
KV_ADMIN, BLOB_DATA = "00482a5a-887f-4fb3-b363-3b7fe8e74483", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


@dataclass
class Case:
    """A template, its parameters, and the checks that must and must not fire in it."""

    template: dict[str, Any]
    fires: str = ""
    silent: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


def kv(name="[variables('vaultName')]", **properties):
    return _vault(name, **{"accessPolicies": "[parameters('policies')]", **properties})


def safe(*resources, workspace=None, parameters=None, variables=None, outputs=None, **vault):
    """Return a template with a vault whose policies the caller gives, a workspace, and more."""
    given = {"policies": {"type": "array"}, **NAME, **(parameters or {})}
    ws = _workspace() if workspace is None else workspace
    return _whole([kv(**vault), *([ws] if ws else []), *resources], given, {**VARIABLES, **(variables or {})}, outputs)


def ws(**changes):
    found = _workspace()
    found["properties"] |= changes.pop("properties", {})
    return {**found, **changes}


def acr(**properties):
    base = {"adminUserEnabled": True, **properties}
    return {"type": ACR, "apiVersion": "2023-07-01", "name": "teamregistry", "sku": {"name": "Premium"},
            "location": "[resourceGroup().location]", "properties": base}  # fmt: skip


def with_acr(registry, **properties):
    return safe(registry, workspace=ws(properties={"containerRegistry": ACR_ID, **properties}))


def child(name, condition=None, entries=(PERSON,), kind=f"{KV}/accessPolicies"):
    made = {"type": kind, "apiVersion": "2023-07-01", "name": name, "dependsOn": [KV_ID],
            "properties": {"accessPolicies": list(entries)}}  # fmt: skip
    return made if condition is None else {"condition": condition, **made}


def secret(value, name="[format('{0}/db', variables('vaultName'))]"):
    return {"type": f"{KV}/secrets", "apiVersion": "2023-07-01", "name": name, "properties": {"value": value}}


def role(identifier, scope=None, kind=ROLE, name="[guid(resourceGroup().id, 'x')]"):
    found = {"type": kind, "apiVersion": "2022-04-01", "name": name, "properties": {
        "roleDefinitionId": BUILT_IN % identifier, "principalId": "[parameters('principal')]"}}  # fmt: skip
    return found if scope is None else {**found, "scope": scope}


def endpoint(group, target=KV_ID, name="pe-team", subnet="vault-subnet"):
    link = {"name": "link", "properties": {"privateLinkServiceId": target, "groupIds": group}}
    return {"type": ENDPOINT, "apiVersion": "2023-11-01", "name": name, "properties": {
        "subnet": {"id": f"[resourceId('vault-net', 'Microsoft.Network/virtualNetworks/subnets', 'n', '{subnet}')]"},
        "privateLinkServiceConnections": [link]}}  # fmt: skip


def module(template, given=None, name="kvModule", mode="Incremental", **more):
    """Return a nested deployment with scope inner, as Bicep writes a module."""
    properties = {"expressionEvaluationOptions": {"scope": "inner"}, "mode": mode, "template": template}
    if given:
        properties["parameters"] = {key: {"value": value} for key, value in given.items()}
    return {"type": NESTED, "apiVersion": "2022-09-01", "name": name, **more, "properties": properties}


def vault_module(parameters=None, **vault):
    return _whole([kv("[parameters('kvName')]", **vault)], {"kvName": {"type": "string"}, **(parameters or {})})


def compute(kind, **more):
    found = {"type": f"{WS}/computes", "apiVersion": "2024-04-01", "name": "[concat(parameters('name'), '/c1')]",
             "properties": {"computeType": kind}}  # fmt: skip
    found["properties"] |= more.pop("properties", {})
    return {**found, **more}


def param(default=None, kind="string", **more):
    return {"type": kind, **({} if default is None else {"defaultValue": default}), **more}


def named(name, parameters=None, variables=None, given=None, **changes):
    own = {"policies": param(kind="array"), **(parameters or {})}
    return Case(_whole([kv(name)], own, variables), parameters=given or {}, **changes)


def who(identity="[parameters('oid')]"):
    return {**PERSON, "objectId": identity}


CMK_ID = "[resourceId('Microsoft.KeyVault/vaults', 'team-cmk')]"
PID = param()


def encrypted(arm_id, own=KV_ID, status="[parameters('cmk')]"):
    block = {"status": status, "keyVaultProperties": {"keyVaultArmId": arm_id, "keyIdentifier": "k"}}
    return ws(properties={"keyVault": own, "encryption": block})


def cmk(**properties):
    return {**_vault("team-cmk"), "properties": {**_vault(enableRbacAuthorization=True)["properties"], **properties}}


def private(**more):
    return {"publicNetworkAccess": "Disabled", **more}
