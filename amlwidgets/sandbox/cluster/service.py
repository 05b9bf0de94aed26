"""What a service on a cluster has beyond a container instance: the request's checks, its document and its view.

Source of names and defaults: azureml-core's ``AksServiceDeploymentConfiguration`` (deployment.md, section 5.1).
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.api import ApiError
from amlwidgets.sandbox.router.autoscaler import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.sandbox.clock import Clock

AKS = "AKS"
MAX_TIMEOUT_MS = 300_000
"""Largest ``scoring_timeout_ms`` that the service takes (users' reports)."""

DOWN_AFTER_SECONDS, LEAST_DOWN_AFTER_SECONDS = 60.0, 10.0
"""After how long replicas that are not needed go: Azure's minute, and what is left of it in quick mode."""

_AUTOSCALER = {
    "autoscaleEnabled": True,
    "minReplicas": 1,
    "maxReplicas": 10,
    "refreshPeriodInSeconds": 1,
    "targetUtilization": 70,
}
_DEFAULTS: dict[str, Any] = {
    "numReplicas": None,
    "maxConcurrentRequestsPerContainer": 1,
    "maxQueueWaitMs": 500,
    "scoringTimeoutMs": 60_000,
    "namespace": None,
    "livenessProbeRequirements": None,
    "dataCollection": {"storageEnabled": False, "eventHubEnabled": False},
}
SCALING = (
    "autoScaler",
    "numReplicas",
    "maxConcurrentRequestsPerContainer",
    "maxQueueWaitMs",
    "scoringTimeoutMs",
    "authEnabled",
    "aadAuthEnabled",
)
"""What changes how a service is served, not what its replicas are made of."""


def is_on_cluster(service: dict[str, Any] | None) -> bool:
    """Whether a service runs on a cluster, not in a container instance."""
    return service is not None and service["computeType"] == AKS


def fields(request: dict[str, Any]) -> dict[str, Any]:
    """Return what the document of a service on a cluster has beyond that of a container instance.

    Args:
        request: The client's create request.
    """
    found = {key: _or(request.get(key), default) for key, default in _DEFAULTS.items()}
    asked = request.get("autoScaler") or {}
    scaler = {key: _or(asked.get(key), default) for key, default in _AUTOSCALER.items()}
    if found["numReplicas"] is not None and not asked.get("autoscaleEnabled"):
        scaler["autoscaleEnabled"] = False
    tokens = bool(request.get("aadAuthEnabled"))
    keys = request.get("authEnabled")
    resources = request.get("containerResourceRequirements") or {}
    cpu, memory = resources.get("cpu") or 0.1, resources.get("memoryInGB") or 0.5
    return found | {
        "computeName": request.get("computeName"),
        "autoScaler": scaler,
        "authEnabled": (not tokens) if keys is None else bool(keys),
        "aadAuthEnabled": tokens,
        "containerResourceRequirements": {
            "cpu": cpu,
            "cpuLimit": resources.get("cpuLimit"),
            "memoryInGB": memory,
            "memoryInGBLimit": resources.get("memoryInGBLimit"),
            "gpu": resources.get("gpu") or 0,
        },
    }


def check(service: dict[str, Any]) -> None:
    """Check the settings of a service's document.

    Raises:
        ApiError: One of them is not valid; the message names it.
    """
    scaler = service["autoScaler"]
    if missing := next((key for key in _AUTOSCALER if scaler.get(key) is None), None):
        raise ApiError(400, "BadRequest", f"autoScaler.{missing} is missing.")
    if scaler["autoscaleEnabled"]:
        if scaler["minReplicas"] > scaler["maxReplicas"]:
            text = f"minReplicas ({scaler['minReplicas']}) is larger than maxReplicas ({scaler['maxReplicas']})."
            raise ApiError(400, "BadRequest", text)
        if not 0 < scaler["targetUtilization"] <= 100:  # noqa: PLR2004 - percent
            text = f"targetUtilization has to be 1 to 100 percent, not {scaler['targetUtilization']}."
            raise ApiError(400, "BadRequest", text)
    elif not isinstance(service["numReplicas"], int) or service["numReplicas"] < 1:
        raise ApiError(400, "BadRequest", "numReplicas has to be at least 1 where autoscaling is off.")
    if not 0 < service["scoringTimeoutMs"] <= MAX_TIMEOUT_MS:
        text = f"scoringTimeoutMs has to be 1 to {MAX_TIMEOUT_MS}, not {service['scoringTimeoutMs']}."
        raise ApiError(400, "BadRequest", text)
    if service["authEnabled"] and service["aadAuthEnabled"]:
        raise ApiError(400, "BadRequest", "authEnabled and aadAuthEnabled cannot both be true.")


def first_count(service: dict[str, Any]) -> int:
    """Return the number of replicas that a new service begins with."""
    scaler = service["autoScaler"]
    return int(scaler["minReplicas"] if scaler["autoscaleEnabled"] else service["numReplicas"])


def rule(service: dict[str, Any], clock: Clock) -> Rule | None:
    """Return the autoscaler's settings; None where the number of replicas is fixed."""
    scaler = service["autoScaler"]
    if not scaler["autoscaleEnabled"]:
        return None
    return Rule(
        minimum=int(scaler["minReplicas"]),
        maximum=int(scaler["maxReplicas"]),
        target=scaler["targetUtilization"] / 100,
        refresh_seconds=float(scaler["refreshPeriodInSeconds"]),
        down_after_seconds=clock.wait(DOWN_AFTER_SECONDS, at_least=LEAST_DOWN_AFTER_SECONDS),
    )


def gate(service: dict[str, Any], is_token: Callable[[str], bool]) -> Callable[[str], bool]:
    """Return what says of an ``Authorization`` header whether it opens the service."""
    keys = [str(key).encode() for key in service["keys"].values()]
    by_key, by_token = service["authEnabled"], service["aadAuthEnabled"]

    def may_enter(header: str) -> bool:
        scheme, _, given = header.partition(" ")
        if not by_key and not by_token:
            return True
        if scheme.lower() != "bearer":
            return False
        if by_token:
            return is_token(given.strip())
        fits = [hmac.compare_digest(given.strip().encode(), key) for key in keys]
        return any(fits)

    return may_enter


def view(service: dict[str, Any], shown: dict[str, Any], address: str, replicas: dict[str, int]) -> dict[str, Any]:
    """Return the service as the client gets it.

    Args:
        service: Its document.
        shown: The view that it would have as a container instance.
        address: The cluster's.
        replicas: Its replicas by state (``ready``, ``wanted``).
    """
    base = f"http://{address}:80/api/v1/service/{service['name']}"
    answered = shown["scoringUri"] is not None
    added = {key: service[key] for key in (*SCALING, "computeName", "namespace", "livenessProbeRequirements")}
    return (
        shown
        | added
        | {
            "dataCollection": service["dataCollection"],
            "scoringUri": f"{base}/score" if answered else None,
            "swaggerUri": f"{base}/swagger.json" if answered else None,
            "publicIp": address if answered else None,
            "publicFqdn": None,
            "deploymentStatus": {"availableReplicas": replicas["ready"], "replicas": replicas["wanted"]},
            "keys": None,
        }
    )


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
