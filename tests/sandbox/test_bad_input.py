"""Bodies of the wrong shape: every value of a good request is replaced by every kind of value that it is not."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import pytest

from amlwidgets.sandbox import tokens
from amlwidgets.sandbox.app import App
from amlwidgets.sandbox.clock import Clock
from amlwidgets.sandbox.identity import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, ensure_identity
from amlwidgets.sandbox.wire import Headers
from amlwidgets.sandbox.workspaces import ensure_workspace

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
SCOPE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
MMS = ("eastus.modelmanagement.azureml.net", "/modelmanagement/v1.0" + SCOPE)
ARM = ("management.azure.com", "")
OWN = ("127.0.0.1", "")
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/vault-of-tests"
ACCEPTED, REFUSED, NOT_IMPLEMENTED = 202, 400, 501
VALUES = [None, True, "x", "", "3", -1, 0, 1.5, 1e400, 10**30, [], ["x"], [None], [[]], {}, {"a": 1}, "ä" * 5000]

IMAGE = {
    "driverProgram": "d.py",
    "modelIds": [],
    "assets": [{"id": "score.py", "url": "aml://artifact/LocalUpload/a/score.py", "mimeType": "x", "unpack": False}],
    "environment": {
        "name": "e",
        "version": None,
        "python": {"condaDependencies": {"dependencies": ["python=3.11"]}},
        "docker": {"baseImage": "b"},
        "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py"},
    },
}
ON_CLUSTER = {
    "name": "web",
    "computeType": "AKS",
    "computeName": "sandbox-aks",
    "environmentImageRequest": IMAGE,
    "containerResourceRequirements": {"cpu": 0.5, "cpuLimit": 1, "memoryInGB": 1, "memoryInGBLimit": 1, "gpu": None},
    "autoScaler": {
        "autoscaleEnabled": True,
        "minReplicas": 1,
        "maxReplicas": 3,
        "refreshPeriodInSeconds": 1,
        "targetUtilization": 70,
    },
    "numReplicas": None,
    "maxConcurrentRequestsPerContainer": 1,
    "maxQueueWaitMs": 500,
    "scoringTimeoutMs": 1000,
    "authEnabled": True,
    "aadAuthEnabled": False,
    "appInsightsEnabled": False,
    "namespace": None,
    "livenessProbeRequirements": {"periodSeconds": 10},
    "dataCollection": {"storageEnabled": False, "eventHubEnabled": False},
    "keys": {"primaryKey": "a", "secondaryKey": "b"},
    "kvTags": {"a": "b"},
    "properties": {"a": "b"},
    "description": "d",
}
IN_INSTANCE = {
    "name": "web",
    "computeType": "ACI",
    "environmentImageRequest": IMAGE,
    "containerResourceRequirements": {"cpu": 0.5, "memoryInGB": 1},
    "keys": {"primaryKey": "a"},
    "dnsNameLabel": "label",
    "authEnabled": True,
}
COMPUTE = {
    "location": "eastus",
    "properties": {
        "computeType": "AKS",
        "resourceId": f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/small-aks",
        "properties": {
            "agentCount": 3,
            "agentVmSize": "Standard_D3_v2",
            "clusterPurpose": "DevTest",
            "sslConfiguration": {"status": "Disabled"},
            "loadBalancerType": "PublicIp",
            "aksNetworkingConfiguration": {"subnetId": None},
        },
    },
}
VAULT_BODY = {
    "location": "eastus",
    "tags": {"a": "b"},
    "properties": {
        "tenantId": "72f988bf-86f1-41af-91ab-2d7cd011db47",
        "sku": {"family": "A", "name": "standard"},
        "accessPolicies": [
            {
                "tenantId": "72f988bf-86f1-41af-91ab-2d7cd011db47",
                "objectId": "72f988bf-86f1-41af-91ab-2d7cd011db48",
                "permissions": {"keys": ["get"], "secrets": ["get"], "certificates": ["get"]},
            }
        ],
        "enableRbacAuthorization": False,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": 90,
        "enablePurgeProtection": None,
        "createMode": "default",
        "networkAcls": {"bypass": "AzureServices", "defaultAction": "Allow"},
    },
}
ROLE = {
    "properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/00482a5a-887f-4fb3-b363-3b7fe8e74483",
        "principalId": "72f988bf-86f1-41af-91ab-2d7cd011db48",
    }
}
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"name": {"type": "string", "defaultValue": "vault-of-tests"}},
    "variables": {"place": "[resourceGroup().location]"},
    "resources": [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2022-07-01",
            "name": "[parameters('name')]",
            "location": "[variables('place')]",
            "condition": True,
            "dependsOn": [],
            "properties": VAULT_BODY["properties"],
        }
    ],
    "outputs": {"o": {"type": "string", "value": "[parameters('name')]"}},
}
DEPLOYMENT = {"properties": {"mode": "Incremental", "template": TEMPLATE, "parameters": {"name": {"value": "vault-b"}}}}
OLDER_IMAGE = {
    "name": "img",
    "driverProgram": "driver",
    "imageFlavor": "WebApiContainer",
    "imageType": "Docker",
    "modelIds": [],
    "assets": [{"id": "driver", "url": "aml://artifact/LocalUpload/a/d.py", "mimeType": "application/x-python"}],
    "targetRuntime": {
        "runtimeType": "Python",
        "targetArchitecture": "amd64",
        "properties": {"pipRequirements": "aml://artifact/a", "condaEnvFile": "aml://artifact/b"},
    },
    "kvTags": {},
    "properties": {},
    "description": "d",
}
PACKAGE = {"imageRequest": IMAGE, "packageType": "DockerBuildContext"} | IMAGE
PATCH = [
    {"op": "replace", "path": "/autoScaler/maxReplicas", "value": 2},
    {"op": "replace", "path": "/containerResourceRequirements/cpu", "value": 1},
    {"op": "replace", "path": "/numReplicas", "value": 2},
    {"op": "replace", "path": "/scoringTimeoutMs", "value": 100},
    {"op": "replace", "path": "/maxQueueWaitMs", "value": 100},
    {"op": "replace", "path": "/kvTags", "value": {}},
    {"op": "replace", "path": "/properties/a", "value": "b"},
    {"op": "replace", "path": "/imageId", "value": None},
    {"op": "replace", "path": "/environmentImageRequest", "value": IMAGE},
    {"op": "replace", "path": "/livenessProbeRequirements", "value": {"periodSeconds": 1}},
    {"op": "replace", "path": "/dataCollection/storageEnabled", "value": False},
]
CASES = {
    "create a service on a cluster": ("POST", MMS, "/services", ON_CLUSTER),
    "create a service in an instance": ("POST", MMS, "/services", IN_INSTANCE),
    "validate a service": ("POST", MMS, "/services/validate", {"type": "Create", "createRequest": ON_CLUSTER}),
    "change a service": ("PATCH", MMS, "/services/there", PATCH),
    "regenerate keys": ("POST", MMS, "/services/there/regenerateKeys", {"keyType": "Primary", "keyValue": "a"}),
    "create an image": ("POST", MMS, "/images", OLDER_IMAGE),
    "make a package": ("POST", MMS, "/packages", PACKAGE),
    "attach a compute": ("PUT", ARM, SCOPE + "/computes/mine", COMPUTE),
    "make a compute": (
        "PUT",
        ARM,
        SCOPE + "/computes/mine",
        {"properties": {"computeType": "AKS", "properties": COMPUTE["properties"]["properties"]}},
    ),
    "make a cluster": (
        "POST",
        OWN,
        "/sandbox/clusters",
        {"name": "c", "nodes": 2, "size": "Standard_D3_v2", "group": "g", "subscription": "s", "taints": ["a: b"]},
    ),
    "put a vault": ("PUT", ARM, VAULT, VAULT_BODY),
    "patch a vault": ("PATCH", ARM, VAULT, VAULT_BODY),
    "change policies": ("PUT", ARM, VAULT + "/accessPolicies/add", VAULT_BODY),
    "assign a role": ("PUT", ARM, VAULT + "/providers/Microsoft.Authorization/roleAssignments/n", ROLE),
    "deploy a template": ("PUT", ARM, GROUP + "/providers/Microsoft.Resources/deployments/d", DEPLOYMENT),
    "redeploy": ("POST", OWN, "/sandbox/redeploy", {"template": TEMPLATE, "parameters": {}, "group": "g"}),
}


class Asked(SimpleNamespace):
    """A request as the app sees it, with its body at hand."""

    def json(self):
        return json.loads(json.dumps(self.content))


@pytest.fixture
def app(tmp_path, monkeypatch):
    found = App(tmp_path, ensure_identity(tmp_path), Clock("quick"), lambda: None)
    ensure_workspace(found.store)
    # What is begun is not of interest here, only whether it may begin.
    monkeypatch.setattr(found.lifecycle, "begin", lambda *_: None)
    yield found
    found.close()


def ask(app, method, host, path, content):
    token = tokens.issue(app.identity, "https://management.core.windows.net/")
    own = {"Authorization": f"Bearer {token}", "x-amlwidgets-secret": app.identity.secret}
    return app.handle(
        Asked(
            method=method,
            host=host,
            authority=host,
            scheme="https",
            path=path,
            raw_path=path,
            query={"api-version": "2022-07-01"},
            headers=Headers(list(own.items())),
            content=content,
        )
    )


def places(value, path=()):
    """Every place in a document, the document itself first."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(document, path, value):
    if not path:
        return value
    made = copy.deepcopy(document)
    target = made
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return made


@pytest.mark.parametrize("name", CASES)
def test_a_value_of_the_wrong_kind_is_refused_in_words(app, name):
    method, (host, prefix), path, body = CASES[name]
    assert ask(app, "POST", MMS[0], MMS[1] + "/services", ON_CLUSTER | {"name": "there"}).status == ACCEPTED
    failed, refused = [], set()
    for place in places(body):
        for value in VALUES:
            answer = ask(app, method, host, prefix + path, changed(body, place, value))
            if "The sandbox itself failed" in bytes(answer.body).decode() or answer.status in (500, 507):
                failed.append((".".join(map(str, place)), str(value)[:20], answer.status))
            if answer.status == REFUSED:
                refused.add(place)
    assert not failed
    assert refused, "nothing was refused: the request itself cannot be the good one"


def test_what_cannot_be_changed_is_refused_by_name(app):
    assert ask(app, "POST", MMS[0], MMS[1] + "/services", ON_CLUSTER).status == ACCEPTED
    for field, value in {"spec": {"root": "/"}, "name": "other", "state": "Healthy", "keys": {}}.items():
        patch = [{"op": "replace", "path": f"/{field}", "value": value}]
        answer = ask(app, "PATCH", MMS[0], MMS[1] + "/services/web", patch)
        assert answer.status == NOT_IMPLEMENTED
        assert field in bytes(answer.body).decode()
