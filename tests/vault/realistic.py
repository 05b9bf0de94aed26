"""Vaults in templates as teams deploy them, written from the rules: what must fire in each, and what comes near and must not."""

from __future__ import annotations

from holdout import KV, KV_ID, NAME, PERSON, VARIABLES, _vault, _whole, _workspace
from parts import (
    ACR_ID,
    BLOB_DATA,
    KV_ADMIN,
    OWN,
    PID,
    TENANT,
    Case,
    acr,
    child,
    endpoint,
    kv,
    module,
    named,
    param,
    private,
    role,
    safe,
    secret,
    vault_module,
    who,
    ws,
)

VAULTS = {
    # -- who loses access
    "wiped by the parameters file": Case(
        safe(), "KV01|KV06", parameters={"policies": []}
    ),
    "kept by the parameters file": Case(
        _whole([kv(), _workspace()], {"policies": param([], "array"), **NAME}, VARIABLES),
        silent="KV01 KV02 KV06", parameters={"policies": [PERSON]}
    ),
    "a module is given the policies": Case(
        _whole([module(vault_module({"policies": param([], "array")}),
                       {"kvName": "[variables('vaultName')]", "policies": "[parameters('policies')]"})],
               {"policies": param(kind="array")}, VARIABLES),
        silent="KV01 KV02 KV06",
    ),
    "a module is given an empty list": Case(
        _whole([module(vault_module({"policies": param(kind="array")}),
                       {"kvName": "[variables('vaultName')]", "policies": []})], {}, VARIABLES),
        "KV01|KV06",
    ),
    "a module is given nothing": Case(
        _whole([module(vault_module({"policies": param([], "array")}), {"kvName": "kv"})]), "KV06"
    ),
    "a list in a variable": Case(safe(variables={"team": [PERSON]}, accessPolicies="[variables('team')]"), "KV02", "KV01"),
    "a list joined of two": Case(
        safe(variables={"team": [PERSON]}, accessPolicies="[concat(variables('team'), createArray(variables('team')[0]))]"),
        "KV02",
    ),
    "a list that a parameter holds by default": Case(
        _whole([kv(), _workspace()], {"policies": param([PERSON], "array"), **NAME}, VARIABLES), "KV02", "KV06"
    ),
    "a list from a copy loop": Case(
        safe(parameters={"people": param(["a", "b"], "array")},
             accessPolicies=None, copy=[{"name": "accessPolicies", "count": "[length(parameters('people'))]",
                "input": who("[parameters('people')[copyIndex('accessPolicies')]]")}]),
        "KV02", "KV03",
    ),
    "policies are written by recover": Case(
        _whole([{**_vault(createMode="recover"), "condition": "[parameters('recover')]"}],
               {"recover": param(False, "bool")}, VARIABLES),
        silent="KV03 KV09",
    ),
    "no list, and roles by a parameter": Case(
        _whole([_vault(enableRbacAuthorization="[parameters('rbac')]")], {"rbac": param(True, "bool")}, VARIABLES),
        silent="KV03 KV13",
    ),
    "no list": Case(_whole([_vault(), _workspace()], NAME, VARIABLES), "KV03", "KV01"),
    "the condition asks for the opposite": Case(
        _whole([{**kv(accessPolicies=[]), "condition": "[not(parameters('vaultExists'))]"}],
               {"vaultExists": param(True, "bool")}, VARIABLES),
        silent="KV01 KV04",
    ),
    "the condition is true by default": Case(
        _whole([{**kv(accessPolicies=[]), "condition": "[empty(parameters('existingVault'))]"}],
               {"existingVault": param("")}, VARIABLES),
        "KV04", "KV01",
    ),
    # -- what waits for the vault
    "waits by the group's own name": Case(
        safe(workspace=ws(dependsOn=["[resourceId(resourceGroup().name, 'Microsoft.KeyVault/vaults', variables('vaultName'))]"])),
        silent="KV05 AML02",
    ),
    "waits by the full type": Case(
        safe(workspace=ws(dependsOn=["[concat('Microsoft.KeyVault/vaults/', variables('vaultName'))]"])), silent="KV05 AML02"
    ),
    "waits for a vault of elsewhere": Case(
        safe(workspace=ws(dependsOn=[KV_ID, "[concat('Microsoft.KeyVault/vaults/', 'shared')]"])), "KV05"
    ),
    "waits for one that is not declared": Case(
        safe(workspace=ws(dependsOn=[KV_ID, "[resourceId('Microsoft.KeyVault/vaults', 'shared')]"])), "KV05"
    ),
    "waits for a vault within a nested deployment": Case(
        _whole([module(vault_module({"policies": param(kind="array")}), {"kvName": "kv", "policies": "[parameters('policies')]"}),
                ws(dependsOn=["[resourceId('Microsoft.KeyVault/vaults', 'kv')]"])],
               {"policies": param(kind="array"), **NAME}, VARIABLES),
        "KV05",
    ),
    "waits for the nested deployment": Case(
        _whole([module(vault_module({"policies": param(kind="array")}), {"kvName": "kv", "policies": "[parameters('policies')]"}),
                ws(dependsOn=["[resourceId('Microsoft.Resources/deployments', 'kvModule')]"])],
               {"policies": param(kind="array"), **NAME}, VARIABLES),
        silent="KV05 AML02",
    ),
    "waits by its private endpoint": Case(
        safe({**endpoint(["vault"]), "dependsOn": [KV_ID]},
             workspace=ws(dependsOn=["[resourceId('Microsoft.Network/privateEndpoints', 'pe-team')]"])),
        silent="AML02 KV05",
    ),
    "waits for the registry alone": Case(safe(acr(), workspace=ws(dependsOn=[ACR_ID])), "AML02", "KV05"),
    "reads the policies around a nested deployment": Case(
        _whole([module(vault_module({"policies": param(kind="array")}), {
                    "kvName": "[parameters('kv')]",
                    "policies": "[if(equals(parameters('option'),'existing'), reference(variables('id'),'2022-07-01')"
                                ".accessPolicies, createArray())]"})],
               {"kv": param(), "option": param(allowedValues=["new", "existing"])},
               {"id": "[resourceId('Microsoft.KeyVault/vaults', parameters('kv'))]"}),
        silent="KV07 KV01 KV20",
    ),
    "reads its own policies": Case(
        safe(variables={"id": KV_ID}, accessPolicies="[reference(variables('id'), '2022-07-01').accessPolicies]"), "KV07"
    ),
    "reads another vault's policies": Case(
        safe(accessPolicies="[reference(resourceId('Microsoft.KeyVault/vaults', 'other'), '2022-07-01').accessPolicies]"),
        silent="KV07 KV01 KV02",
    ),
    "gives the workspace that waits for it an entry": Case(
        safe(accessPolicies=[who("[reference(resourceId('Microsoft.MachineLearningServices/workspaces', "
                                 "parameters('name')), '2024-04-01', 'full').identity.principalId]")]),
        "KV07",
    ),
    # -- children
    "a child adds": Case(safe(child("[format('{0}/{1}', variables('vaultName'), 'add')]")), silent="KV08 KV14"),
    "a child within the vault adds": Case(
        _whole([{**kv(), "resources": [child("add", kind="accessPolicies")]}], {"policies": param(kind="array")}, VARIABLES),
        silent="KV08",
    ),
    "a child whose name is not known": Case(
        safe(child("[parameters('operation')]"), parameters={"operation": param()}), silent="KV08"
    ),
    "a child replaces": Case(safe(child("[concat(variables('vaultName'), '/', 'replace')]")), "KV08"),
    "a child of a vault with roles": Case(
        safe(child("[concat(variables('vaultName'), '/add')]"), enableRbacAuthorization=True, accessPolicies=[]), "KV14"
    ),
    "a child of another vault": Case(
        safe(child("other/add"), enableRbacAuthorization=True, accessPolicies=[]), silent="KV14"
    ),
    "policies that the caller may give, under roles": Case(safe(enableRbacAuthorization=True), silent="KV14 KV01 KV06"),
    # -- fixed or refused by Azure
    "recover in a variable": Case(safe(variables={"mode": "recover"}, createMode="[variables('mode')]"), "KV09"),
    "recover by a parameter": Case(
        safe(parameters={"mode": param("default")}, createMode="[parameters('mode')]"), silent="KV09"
    ),
    "soft delete off by default": Case(
        safe(parameters={"sd": param(False, "bool")}, enableSoftDelete="[parameters('sd')]"), "KV10"
    ),
    "soft delete on": Case(safe(enableSoftDelete=True), silent="KV10"),
    "purge protection false": Case(safe(enablePurgeProtection="[false()]"), "KV11", "KV12"),
    "purge protection true or absent": Case(
        safe(parameters={"purge": param(False, "bool")},
             enablePurgeProtection="[if(parameters('purge'), true(), json('null'))]"),
        silent="KV11 KV12",
    ),
    "purge protection left out": Case(
        _whole([{**kv(), "properties": {k: v for k, v in kv()["properties"].items() if "Purge" not in k and "Rbac" not in k}}],
               {"policies": param(kind="array")}, VARIABLES),
        "KV12 KV13 KV19", "KV11",
    ),
    "a new API version": Case(
        _whole([{**kv(), "apiVersion": "2026-02-01"}], {"policies": param(kind="array")}, VARIABLES), silent="KV19 KV13"
    ),
    "retention too short": Case(safe(parameters={"d": param(1, "int")}, softDeleteRetentionInDays="[parameters('d')]"), "KV23"),
    "retention at its ends": Case(safe(softDeleteRetentionInDays=7), silent="KV23"),
    # -- roles
    "an identity of its own with storage roles only": Case(
        safe(role(BLOB_DATA), workspace=ws(identity=OWN), enableRbacAuthorization=True, accessPolicies=[],
             parameters={"identityId": PID, "principal": PID}),
        "KV15",
    ),
    "an identity of its own with the role in the group": Case(
        safe(role(KV_ADMIN), workspace=ws(identity=OWN), enableRbacAuthorization=True, accessPolicies=[],
             parameters={"identityId": PID, "principal": PID}),
        silent="KV15",
    ),
    "a role written as the vault's child": Case(
        safe(role(KV_ADMIN, kind=f"{KV}/providers/roleAssignments",
                  name="[concat(variables('vaultName'), '/Microsoft.Authorization/', guid('x'))]"),
             workspace=ws(identity=OWN), enableRbacAuthorization=True, accessPolicies=[],
             parameters={"identityId": PID, "principal": PID}),
        silent="KV15",
    ),
    "another vault with roles": Case(
        safe(role(KV_ADMIN, KV_ID), {**kv("othervault", enableRbacAuthorization=True, accessPolicies=[])},
             workspace=ws(identity=OWN), enableRbacAuthorization=True, accessPolicies=[],
             parameters={"identityId": PID, "principal": PID}),
        silent="KV15",
    ),
    # -- network
    "closed to trusted services": Case(
        safe(parameters={"bypass": param("None", allowedValues=["None", "AzureServices"])},
             networkAcls={"defaultAction": "Deny", "bypass": "[parameters('bypass')]"}),
        "KV16", "KV17",
    ),
    "open, with bypass none": Case(safe(networkAcls={"defaultAction": "Allow", "bypass": "None"}), silent="KV16 KV17"),
    "closed by a value that may be given": Case(
        safe(parameters={"action": param("Allow", allowedValues=["Allow", "Deny"])},
             networkAcls={"defaultAction": "[parameters('action')]"}),
        "KV17", "KV16",
    ),
    "never closed": Case(
        safe(parameters={"action": param("Allow", allowedValues=["Allow"])},
             networkAcls={"defaultAction": "[parameters('action')]"}),
        silent="KV17",
    ),
    "rules in a variable": Case(
        safe(variables={"acls": {"defaultAction": "Deny", "ipRules": []}}, networkAcls="[variables('acls')]"), "KV17"
    ),
    "private, an endpoint for the storage in a net named vault": Case(
        safe(endpoint(["blob"], "[parameters('storageId')]", "pe-vault"), parameters={"storageId": PID}, **private()), "KV18"
    ),
    "private with an endpoint": Case(safe(endpoint(["Vault"]), **private()), silent="KV18"),
    "private with an endpoint whose groups a variable names": Case(
        safe(endpoint("[variables('groups')]"), variables={"groups": ["vault"]}, **private()), silent="KV18"
    ),
    "private with an endpoint by a parameter": Case(
        safe(endpoint(["[parameters('group')]"]), parameters={"group": PID}, **private()), silent="KV18"
    ),
    # -- names
    "a fixed name": named("team-vault", fires="KV20", silent="KV22 KV21"),
    "a name that is not legal": named("team_vault--1", fires="KV22"),
    "a name that ends in a hyphen": named("team-", fires="KV22"),
    "a short name with a number first": named("1v", fires="KV22"),
    "a name that the caller gives": named("[variables('kv')]", {"kvName": param()}, {"kv": "[toLower(parameters('kvName'))]"},
                                           silent="KV20 KV21 KV22"),
    "a name through a module": Case(
        _whole([module(vault_module({"policies": param(kind="array")}), {
            "kvName": "[parameters('kvName')]", "policies": "[parameters('policies')]"})],
            {"kvName": param(), "policies": param(kind="array")}),
        silent="KV20 KV22",
    ),
    "a name by newGuid": named("[variables('kv')]", {"seed": param("[newGuid()]")},
                                {"kv": "[concat('kv', take(parameters('seed'), 8))]"}, fires="KV21"),
    "a seed that was given": named("[concat('kv', uniqueString(parameters('seed')))]", {"seed": param("[newGuid()]")},
                                    given={"seed": "fixed"}, silent="KV21 KV20"),
    "a name by the deployment's place": named("[concat('kv', uniqueString(deployment().location))]", silent="KV21 KV20"),
    "a name by the deployment's name": named("[concat('kv', uniqueString(deployment().name))]", fires="KV21"),
    "a long format": named("[format('kv-{0}-{1}', parameters('team'), uniqueString(resourceGroup().id))]",
                            {"team": param(maxLength=8)}, fires="KV22", silent="KV20"),
    "a format that fits": named("[take(format('kv-{0}-{1}', parameters('team'), uniqueString(resourceGroup().id)), 24)]",
                                 {"team": param(maxLength=8)}, silent="KV22 KV20"),
    "a name with if": named("[if(parameters('short'), 'kv1', concat(parameters('team'), '-key-vault'))]",
                             {"short": param(True, "bool"), "team": param()}, fires="KV22 KV20"),
    # -- entries
    "everything in a variable": Case(
        safe(variables={"all": {"secrets": ["all"]}}, accessPolicies=[{**PERSON, "permissions": "[variables('all')]"}]), "KV24"
    ),
    "permissions that the caller gives": Case(
        safe(parameters={"p": param(kind="object")}, accessPolicies=[{**PERSON, "permissions": "[parameters('p')]"}]),
        silent="KV24",
    ),
    "purge, named by a secret": Case(safe(accessPolicies=[{**PERSON, "permissions": {"secrets": ["get", "Purge"]}}]), "KV24"),
    "permissions of the child": Case(
        safe(child("[concat(variables('vaultName'), '/add')]", entries=[{**PERSON, "permissions": {"keys": ["all"]}}])), "KV24"
    ),
    "a tenant written out in an entry": Case(safe(accessPolicies=[{**PERSON, "tenantId": TENANT}]), "KV25"),
    "a tenant in a parameter": Case(safe(parameters={"t": param(TENANT)}, tenantId="[parameters('t')]"), silent="KV25"),
    "nobody by default": Case(safe(parameters={"oid": param("")}, accessPolicies=[who()]), "KV26"),
    "nobody, in a variable": Case(
        safe(parameters={"oid": param("")}, variables={"list": [who()]}, accessPolicies="[variables('list')]"), "KV26"
    ),
    "nobody, with a guard": Case(
        safe(parameters={"oid": param("")}, variables={"list": [who()]},
             accessPolicies="[if(empty(parameters('oid')), createArray(), variables('list'))]"),
        silent="KV26",
    ),
    "nobody, and a child that is not made then": Case(
        safe(child("[concat(variables('vaultName'), '/add')]", "[not(empty(parameters('oid')))]", [who()]),
             parameters={"oid": param("")}),
        silent="KV26",
    ),
    # -- secrets
    "keys within a text of an output": Case(
        safe(parameters={"storage": PID}, outputs={"cs": {"type": "string", "value":
             "[format('DefaultEndpointsProtocol=https;AccountKey={0}', listKeys(parameters('storage'), '2023-01-01').keys[0].value)]"}}),
        "KV27",
    ),
    "a module's output gives keys": Case(
        safe(module(_whole([acr()], outputs={"pw": {"type": "string", "value":
             f"[listCredentials({ACR_ID[1:-1]}, '2023-07-01').passwords[0].value]"}}), name="acr")), "KV27"
    ),
    "keys as a secure output": Case(
        safe(parameters={"storage": PID}, outputs={"k": {"type": "securestring", "value":
             "[listKeys(parameters('storage'), '2023-01-01').keys[0].value]"}}), silent="KV27"
    ),
    "keys within a resource": Case(
        safe(secret("[listKeys(parameters('storage'), '2023-01-01').keys[0].value]"), parameters={"storage": PID}), silent="KV27"
    ),
    "a secure parameter goes out": Case(
        safe(parameters={"token": param(kind="secureString")}, outputs={"t": {"type": "string", "value":
             "[concat('Bearer ', parameters('token'))]"}}), "KV27"
    ),
    "a function of the caller named list": Case(
        safe(outputs={"names": {"type": "array", "value": "[createArray(toLower('A'))]"}}), silent="KV27"
    ),
    "a secret joined from a plain parameter": Case(
        safe(secret("[concat('Server=db;Password=', parameters('password'))]"), parameters={"password": PID}), "KV27"
    ),
    "a secret from a variable of a plain parameter": Case(
        safe(secret("[variables('cs')]"), parameters={"password": param("")},
             variables={"cs": "[format('Password={0}', parameters('password'))]"}), "KV27"
    ),
    "a secret from a secure parameter and a plain host": Case(
        safe(secret("[format('Server={0};Password={1}', parameters('host'), parameters('password'))]"),
             parameters={"password": param(kind="secureString"), "host": PID}), silent="KV27"
    ),
    "a secret written out": Case(safe(secret("correct-horse-battery-staple")), "KV27"),
    "a secret that a module takes from a secure parameter": Case(
        safe(module(_whole([secret("[parameters('value')]", "kv/s")], {"value": param(kind="securestring")}),
                    {"value": "[parameters('token')]"}), parameters={"token": param(kind="secureString")}), silent="KV27"
    ),
    "a secret that a module makes plain": Case(
        safe(module(_whole([secret("[parameters('value')]", "kv/s")], {"value": param()}),
                    {"value": "[parameters('token')]"}), parameters={"token": param(kind="secureString")}), "KV27"
    ),
    "a plain parameter that a module calls secure": Case(
        safe(module(_whole([secret("[parameters('value')]", "kv/s")], {"value": param(kind="securestring")}),
                    {"value": "[parameters('token')]"}), parameters={"token": PID}), "KV27"
    ),
    "a secret made within a vault": Case(
        _whole([{**kv(), "resources": [{"type": "secrets", "apiVersion": "2023-07-01", "name": "s",
               "properties": {"value": "[parameters('pw')]"}}]}], {"policies": param(kind="array"), "pw": PID}, VARIABLES),
        "KV27",
    ),
    "complete mode by a parameter": Case(
        safe(module(_whole([]), mode="[parameters('mode')]"), parameters={"mode": param("Complete")}), "KV28"
    ),
    "an incremental module within a module": Case(safe(module(_whole([module(_whole([]))]))), silent="KV28"),
    "a complete module within a module": Case(safe(module(_whole([module(_whole([]), mode="Complete", name="in")]))), "KV28"),
}  # fmt: skip
