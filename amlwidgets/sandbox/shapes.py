"""What the values of a request have to be, and one sentence about the first that is something else.

A shape is a :class:`Kind`, a dictionary of shapes by field (fields that it does not name are let through), or a list
with the shape of its items. ``null`` stands for a value that is not given.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_COUNT = 1_000_000
_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of values.

    Attributes:
        words: What it is, for a sentence.
        fits: Whether a value is of the kind.
    """

    words: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_COUNT


TEXT = Kind("a text", lambda value: isinstance(value, str))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
COUNT = Kind(f"a whole number from 1 to {MAX_COUNT}", lambda value: _is_whole(value, 1))
COUNT_OR_NONE = Kind(f"a whole number from 0 to {MAX_COUNT}", lambda value: _is_whole(value, 0))
AMOUNT = Kind(f"a number above 0, at most {MAX_COUNT}", lambda value: _is_number(value) and 0 < value <= MAX_COUNT)
TEXTS = Kind("a list of texts", lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))


def check(value: Any, shape: Any, where: str = "the request body") -> None:
    """Hold a value to a shape.

    Args:
        value: Any JSON value.
        shape: See above.
        where: What the value is called, for the sentence.

    Raises:
        ApiError: 400, naming the first value that is of another kind.
    """
    if value is None:
        return
    if isinstance(shape, Kind):
        if not shape.fits(value):
            raise _refusal(where, shape.words, value)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise _refusal(where, "a list", value)
        for number, item in enumerate(value):
            if item is None:
                raise _refusal(f"{where}[{number}]", "given", item)
            check(item, shape[0], f"{where}[{number}]")
    else:
        _check_fields(value, shape, where)


def _check_fields(value: Any, shape: Mapping[str, Any], where: str) -> None:
    if not isinstance(value, dict):
        raise _refusal(where, "an object", value)
    for name, inner in shape.items():
        check(value.get(name), inner, name if where == "the request body" else f"{where}.{name}")


def _refusal(where: str, words: str, value: Any) -> ApiError:
    shown = json.dumps(value, ensure_ascii=False)
    shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"
    return ApiError(400, "BadRequest", f"{where} has to be {words}, not {shown}.")


# -- web services (azureml-core-wire.md, section 5)

IMAGE_REQUEST = {
    "driverProgram": TEXT,
    "modelIds": TEXTS,
    "assets": [{"id": TEXT, "url": TEXT, "mimeType": TEXT, "unpack": FLAG}],
    "environment": {
        "name": TEXT,
        "environmentVariables": OBJECT,
        "python": {"condaDependencies": OBJECT},
        "docker": {"baseImage": TEXT, "baseDockerfile": TEXT},
    },
}
SERVICE = {
    "name": TEXT,
    "computeType": TEXT,
    "computeName": TEXT,
    "imageId": TEXT,
    "environmentImageRequest": IMAGE_REQUEST,
    "description": TEXT,
    "location": TEXT,
    "dnsNameLabel": TEXT,
    "namespace": TEXT,
    "kvTags": OBJECT,
    "properties": OBJECT,
    "overwrite": FLAG,
    "authEnabled": FLAG,
    "aadAuthEnabled": FLAG,
    "appInsightsEnabled": FLAG,
    "sslEnabled": FLAG,
    "keys": {"primaryKey": TEXT, "secondaryKey": TEXT},
    "containerResourceRequirements": {
        "cpu": AMOUNT,
        "cpuLimit": AMOUNT,
        "memoryInGB": AMOUNT,
        "memoryInGBLimit": AMOUNT,
        "gpu": COUNT_OR_NONE,
    },
    "autoScaler": {
        "autoscaleEnabled": FLAG,
        "minReplicas": COUNT,
        "maxReplicas": COUNT,
        "refreshPeriodInSeconds": COUNT,
        "targetUtilization": COUNT,
    },
    "numReplicas": COUNT,
    "maxConcurrentRequestsPerContainer": COUNT,
    "maxQueueWaitMs": COUNT,
    "scoringTimeoutMs": COUNT,
    "livenessProbeRequirements": {
        "periodSeconds": COUNT,
        "initialDelaySeconds": COUNT_OR_NONE,
        "timeoutSeconds": COUNT,
        "failureThreshold": COUNT,
        "successThreshold": COUNT,
    },
    "dataCollection": {"storageEnabled": FLAG, "eventHubEnabled": FLAG},
}

# -- images of the older API (section 4), packages (section 6), computes (section 5)

IMAGE = {
    "name": TEXT,
    "driverProgram": TEXT,
    "modelIds": TEXTS,
    "assets": IMAGE_REQUEST["assets"],
    "targetRuntime": {
        "runtimeType": TEXT,
        "targetArchitecture": TEXT,
        "properties": {"pipRequirements": TEXT, "condaEnvFile": TEXT},
    },
    "dockerFileUri": TEXT,
    "baseImage": TEXT,
    "kvTags": OBJECT,
    "properties": OBJECT,
    "description": TEXT,
}
PACKAGE = {"imageRequest": IMAGE_REQUEST, "packageType": TEXT, "imageName": TEXT, "imageLabel": TEXT}
COMPUTE = {
    "properties": {
        "computeType": TEXT,
        "resourceId": TEXT,
        "properties": {
            "agentCount": COUNT,
            "agentVmSize": TEXT,
            "clusterPurpose": TEXT,
            "sslConfiguration": {"status": TEXT},
            "loadBalancerType": TEXT,
            "aksNetworkingConfiguration": OBJECT,
        },
    },
}
CLUSTER = {"name": TEXT, "nodes": COUNT, "size": TEXT, "group": TEXT, "subscription": TEXT, "taints": TEXTS}

# -- vaults, roles and templates (keyvault-arm.md, section 3)

VAULT_PROPERTIES = {
    "tenantId": TEXT,
    "sku": {"family": TEXT, "name": TEXT},
    "accessPolicies": [
        {
            "tenantId": TEXT,
            "objectId": TEXT,
            "applicationId": TEXT,
            "permissions": {"keys": TEXTS, "secrets": TEXTS, "certificates": TEXTS, "storage": TEXTS},
        }
    ],
    "enableRbacAuthorization": FLAG,
    "enableSoftDelete": FLAG,
    "softDeleteRetentionInDays": COUNT_OR_NONE,
    "enablePurgeProtection": FLAG,
    "createMode": TEXT,
    "publicNetworkAccess": TEXT,
    "networkAcls": {"bypass": TEXT, "defaultAction": TEXT},
}
VAULT = {"location": TEXT, "tags": OBJECT, "properties": VAULT_PROPERTIES}
ROLE_ASSIGNMENT = {"properties": {"roleDefinitionId": TEXT, "principalId": TEXT}}
WORKSPACE = {"identity": OBJECT, "properties": {"keyVault": TEXT}}
TEMPLATE = {"parameters": OBJECT, "variables": OBJECT, "outputs": OBJECT}
DEPLOYMENT = {"properties": {"mode": TEXT, "template": TEMPLATE, "parameters": OBJECT}}
REDEPLOY = {"template": TEMPLATE, "parameters": OBJECT, "group": TEXT}
