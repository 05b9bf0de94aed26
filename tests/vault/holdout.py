"""Templates written from the rules, as people write them, and ways to write the same one differently."""

from __future__ import annotations

import json

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
KV, WS = "Microsoft.KeyVault/vaults", "Microsoft.MachineLearningServices/workspaces"
KV_ID = "[resourceId('Microsoft.KeyVault/vaults', variables('vaultName'))]"


def _whole(resources, parameters=None, variables=None, outputs=None, **more):
    parts = {"$schema": SCHEMA, **more, "contentVersion": "1.0.0.0", "parameters": parameters, "variables": variables}
    return {k: v for k, v in {**parts, "resources": resources, "outputs": outputs}.items() if v is not None}


def _vault(name="[variables('vaultName')]", **properties):
    return {
        "type": KV, "apiVersion": "2023-07-01", "name": name, "location": "[resourceGroup().location]",
        "properties": {
            "tenantId": "[subscription().tenantId]", "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": False, "enablePurgeProtection": True, **properties,
        },
    }  # fmt: skip


def _workspace(vault=KV_ID, waits=(KV_ID,), identity=None, **more):
    return {
        "type": WS, "apiVersion": "2024-04-01", "name": "[parameters('name')]", "location": "[resourceGroup().location]",
        "identity": identity or {"type": "SystemAssigned"}, "dependsOn": list(waits), **more,
        "properties": {"friendlyName": "[parameters('name')]", "keyVault": vault},
    }  # fmt: skip


NAME = {"name": {"type": "string", "defaultValue": "teamws"}}
VARIABLES = {"vaultName": "[concat('kv', uniqueString(resourceGroup().id))]"}
PERSON = {
    "tenantId": "[subscription().tenantId]", "objectId": "5b1a3c1e-1111-4222-8333-444455556666",
    "permissions": {"secrets": ["get", "list"]},
}  # fmt: skip

EMPTY = _whole([_vault(accessPolicies=[]), _workspace()], NAME, VARIABLES)
PEOPLE = _whole([_workspace(), _vault(accessPolicies=[PERSON])], NAME, VARIABLES)
BY_PARAMETER = _whole(
    [_vault(accessPolicies="[parameters('policies')]"), _workspace()],
    {"policies": {"type": "array", "defaultValue": []}, **NAME},
    VARIABLES,
)
BY_VARIABLE = _whole(
    [_vault(accessPolicies="[variables('none')]"), _workspace()], NAME, {**VARIABLES, "none": "[createArray()]"}
)
TEAM_VARIABLE = _whole(
    [_vault(accessPolicies="[variables('team')]"), _workspace()], NAME, {**VARIABLES, "team": [PERSON]}
)
TEAM_DEFAULT = _whole(
    [_vault(accessPolicies="[parameters('team')]"), _workspace()],
    {"team": {"type": "array", "defaultValue": [PERSON]}, **NAME},
    VARIABLES,
)
LOOP_OF_PEOPLE = _whole(
    [
        _vault(copy=[{"name": "accessPolicies", "count": 1, "input": PERSON}]),
        _workspace(),
    ],
    NAME,
    VARIABLES,
)
ADDED = _whole(
    [
        _vault(accessPolicies=[]),
        _workspace(),
        {
            "type": f"{KV}/accessPolicies",
            "apiVersion": "2023-07-01",
            "name": "[concat(variables('vaultName'), '/add')]",
            "dependsOn": [KV_ID],
            "properties": {"accessPolicies": [PERSON]},
        },
    ],
    NAME,
    VARIABLES,
)
CONDITION = _whole(
    [{"condition": "[equals(parameters('kvNewOrExisting'), 'new')]", **_vault(accessPolicies=[])}, _workspace()],
    {"kvNewOrExisting": {"type": "string", "defaultValue": "new", "allowedValues": ["new", "existing"]}, **NAME},
    VARIABLES,
)
BOOLEAN = _whole(
    [{"condition": "[parameters('deployVault')]", **_vault(accessPolicies=[])}, _workspace()],
    {"deployVault": {"type": "bool", "defaultValue": True}, **NAME},
    VARIABLES,
)
WITH_OTHERS = _whole(
    [
        _vault(accessPolicies=[]),
        {
            "type": f"{KV}/secrets", "apiVersion": "2023-07-01", "name": "[concat(variables('vaultName'), '/token')]",
            "dependsOn": [KV_ID], "properties": {"value": "[parameters('token')]"},
        },
        _workspace("[variables('vaultId')]", ["[variables('vaultId')]"]),
        {
            "type": "Microsoft.Network/privateEndpoints", "apiVersion": "2023-11-01", "name": "pe-kv",
            "location": "[resourceGroup().location]", "dependsOn": ["[variables('vaultName')]"],
            "properties": {"privateLinkServiceConnections": [{"name": "c", "properties": {
                "privateLinkServiceId": KV_ID, "groupIds": ["vault"]}}]},
        },
    ],
    {"token": {"type": "secureString"}, **NAME},
    {**VARIABLES, "vaultId": KV_ID},
    {"uri": {"type": "string", "value": "[reference(variables('vaultName')).vaultUri]"}},
)  # fmt: skip
SYMBOLIC = _whole(
    {
        "logs": {"existing": True, "type": KV, "apiVersion": "2023-07-01", "name": "otherteam"},
        "kv": _vault(accessPolicies=[]),
        "ws": _workspace(waits=["kv"]),
    },
    NAME,
    VARIABLES,
    {"uri": {"type": "string", "value": "[reference('kv').vaultUri]"}},
    languageVersion="2.0",
)
OWN_IDENTITY = _whole(
    [
        _vault(accessPolicies=[]),
        _workspace(
            identity={
                "type": "UserAssigned",
                "userAssignedIdentities": {
                    "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'mine')]": {}
                },
            }
        ),
    ],
    NAME,
    VARIABLES,
)
ODD_CASE = json.loads(
    json.dumps(EMPTY)
    .replace('"properties"', '"Properties"')
    .replace('"accessPolicies"', '"AccessPolicies"')
    .replace(KV, "microsoft.keyvault/Vaults")
)

WIPING = {
    name.lower(): value
    for name, value in list(globals().items())
    if name.isupper() and isinstance(value, dict) and "resources" in value
}
"""Templates that take access away when they are deployed a second time."""


def nested(template, scope):
    """Return a template that deploys another one within it."""
    properties = {"mode": "Incremental", "expressionEvaluationOptions": {"scope": scope}}
    own = template.get("parameters", {})
    if scope == "inner":
        properties["parameters"] = {name: {"value": f"[parameters('{name}')]"} for name in own}
    content = (
        template if scope == "inner" else {k: v for k, v in template.items() if k not in ("parameters", "variables")}
    )
    deployment = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "inside"}
    deployment["properties"] = {**properties, "template": content}
    variables = template.get("variables") if scope == "outer" else None
    return _whole([deployment], json.loads(json.dumps(own)) or None, variables)


class Writer:
    """Writes a template as text; ``comments`` are put where a number generator says."""

    def __init__(self, random, *, indent="  ", newline="\n", comments=False, compact=False, bom=False):
        self.random, self.unit, self.newline = random, indent, newline
        self.comments, self.compact, self.bom, self.count = comments, compact, bom, 0

    def text(self, value):
        return ("\ufeff" if self.bom else "") + self._comment("") + self._value(value, "") + self.newline

    def _comment(self, indent, *, behind=False):
        if not self.comments or self.random.random() > 0.3:
            return ""
        self.count += 1
        if self.compact or self.random.random() < 0.4:
            return f" /* note {self.count}; */" if behind else f"/* note {self.count}; */{'' if self.compact else ' '}"
        return f" // note {self.count};" if behind else f"// note {self.count};{self.newline}{indent}"

    def _value(self, value, indent):
        if not isinstance(value, dict | list) or not value:
            return json.dumps(value)
        inner = indent + self.unit
        keys = list(value) if isinstance(value, dict) else range(len(value))
        members = []
        for place, key in enumerate(keys):
            name = f"{json.dumps(key)}:{'' if self.compact else ' '}" if isinstance(value, dict) else ""
            comma = "," if place + 1 < len(value) else ""
            behind = "" if self.compact else self._comment("", behind=True)
            members.append(self._comment(inner) + name + self._value(value[key], inner) + comma + behind)
        start, end = "{}" if isinstance(value, dict) else "[]"
        if self.compact:
            return start + "".join(members) + end
        between = self.newline + inner
        return start + between + between.join(members) + self.newline + indent + end
