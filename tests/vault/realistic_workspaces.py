"""Workspaces, registries, computes and keys of one's own in templates as teams deploy them, as in ``realistic``."""

from __future__ import annotations

from holdout import KV_ID
from parts import (
    ACR_ID,
    CMK_ID,
    OWN,
    PID,
    Case,
    acr,
    cmk,
    compute,
    encrypted,
    param,
    safe,
    with_acr,
    ws,
)

WORKSPACES = {
    # -- workspaces
    "no vault by default": Case(safe(parameters={"v": param("")}, workspace=ws(properties={"keyVault": "[parameters('v')]"})), "AML01"),
    "another thing as vault": Case(safe(workspace=ws(properties={"keyVault": ACR_ID})), "AML01"),
    "the vault of a module": Case(
        safe(workspace=ws(properties={"keyVault": "[reference('kvModule').outputs.id.value]"})), silent="AML01"
    ),
    "an identity of no kind": Case(safe(workspace=ws(identity={"type": "None"})), "AML03"),
    "an identity by a variable": Case(
        safe(workspace=ws(identity="[variables('who')]"), variables={"who": {"type": "SystemAssigned"}}), silent="AML03"
    ),
    "an identity that is null by default": Case(
        safe(workspace=ws(identity="[if(parameters('own'), createObject('type', 'SystemAssigned'), json('null'))]"),
             parameters={"own": param(False, "bool")}), "AML03"
    ),
    # -- registries
    "no admin user": Case(with_acr(acr(adminUserEnabled=False)), "AML04"),
    "no admin user, and no workspace uses it": Case(safe(acr(adminUserEnabled=False)), silent="AML04"),
    "no admin user, with an identity of its own": Case(
        safe(acr(adminUserEnabled=False), workspace=ws(identity=OWN, properties={"containerRegistry": ACR_ID}),
             parameters={"identityId": PID}), silent="AML04"
    ),
    "quarantine by default": Case(
        safe(acr(policies={"quarantinePolicy": {"status": "[parameters('q')]"}}), parameters={"q": param("Enabled")}), "AML05"
    ),
    "trust enabled, quarantine not": Case(
        safe(acr(policies={"quarantinePolicy": {"status": "disabled"}, "trustPolicy": {"status": "enabled"}})), silent="AML05"
    ),
    "a private registry, a builder that is empty": Case(
        with_acr(acr(publicNetworkAccess="Disabled"), imageBuildCompute=""), "AML08"
    ),
    "a registry that denies": Case(with_acr(acr(networkRuleSet={"defaultAction": "Deny"})), "AML08", "AML04"),
    "a private registry with a builder": Case(
        with_acr(acr(publicNetworkAccess="Disabled"), imageBuildCompute="[concat(parameters('name'), '-cpu')]"), silent="AML08"
    ),
    "no bypass of the registry": Case(with_acr(acr(networkRuleBypassOptions="None")), "AML10"),
    "bypass of the registry": Case(with_acr(acr(networkRuleBypassOptions="AzureServices")), silent="AML10"),
    # -- computes
    "an instance in the workspace": Case(
        safe(workspace={**ws(), "resources": [{**compute("ComputeInstance"), "type": "computes", "name": "ci"}]}), "AML06"
    ),
    "a cluster of nodes": Case(safe(compute("AmlCompute")), silent="AML06"),
    "a cluster that is attached": Case(
        safe(compute("AKS", properties={"resourceId": "[parameters('aks')]"}), parameters={"aks": PID}), silent="AML06"
    ),
    "a cluster that is made, with an empty id": Case(safe(compute("AKS", properties={"resourceId": ""})), "AML06"),
    "an instance with a condition": Case(
        safe(compute("ComputeInstance", condition="[parameters('first')]"), parameters={"first": param(False, "bool")}),
        silent="AML06",
    ),
    # -- keys of one's own
    "the key in its own vault, written otherwise": Case(
        safe(workspace=encrypted(f"[toLower({KV_ID[1:-1]})]"), parameters={"cmk": param("Enabled")}), "AML07"
    ),
    "the key in a vault without purge protection": Case(
        safe(cmk(enablePurgeProtection=None), workspace=encrypted(CMK_ID), parameters={"cmk": param("Enabled")}), "AML07"
    ),
    "the key in a vault with purge protection": Case(
        safe(cmk(), workspace=encrypted(CMK_ID), parameters={"cmk": param("Enabled")}), silent="AML07"
    ),
    "encryption that is off": Case(
        safe(workspace=encrypted(KV_ID), parameters={"cmk": param("Disabled")}), silent="AML07"
    ),
    "the edition enterprise by default": Case(
        safe(workspace=ws(sku={"name": "[parameters('sku')]", "tier": "[parameters('sku')]"}),
             parameters={"sku": param("Enterprise", allowedValues=["Basic", "Enterprise"])}), "AML09"
    ),
    "the edition enterprise allowed": Case(
        safe(workspace=ws(sku={"name": "[parameters('sku')]"}),
             parameters={"sku": param("Basic", allowedValues=["Basic", "Enterprise"])}), silent="AML09"
    ),
}  # fmt: skip
