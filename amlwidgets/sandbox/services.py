"""What the sandbox keeps of a web service, and how the client sees it."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import ServiceState
from amlwidgets.sandbox.identity import REGION

if TYPE_CHECKING:
    from amlwidgets.sandbox.protocols import ContainerStatus

KIND = "service"
LABEL = "label"
"""Kind under which every DNS label that a service ever had is kept."""


def now() -> str:
    """Return the time as the services write it."""
    return datetime.now(UTC).isoformat()


def new_key() -> str:
    """Return a fresh service key."""
    return secrets.token_urlsafe(24)[:32]


def new_service(request: dict[str, Any], earlier: dict[str, Any] | None) -> dict[str, Any]:
    """Return the document of a service that is about to be deployed.

    Args:
        request: The client's create request.
        earlier: The service of that name which it replaces, whose address and keys it keeps.
    """
    keys = request.get("keys") or {}
    old_keys = (earlier or {}).get("keys") or {}
    resources = request.get("containerResourceRequirements") or {}
    return {
        "name": request["name"],
        "computeType": request["computeType"],
        "createdTime": now(),
        "updatedTime": now(),
        "description": request.get("description"),
        "kvTags": request.get("kvTags") or {},
        "properties": request.get("properties") or {},
        "location": request.get("location") or REGION,
        "authEnabled": bool(request.get("authEnabled")),
        "appInsightsEnabled": bool(request.get("appInsightsEnabled")),
        "sslEnabled": False,
        "containerResourceRequirements": {
            "cpu": resources.get("cpu") or 0.1,
            "memoryInGB": resources.get("memoryInGB") or 0.5,
        },
        "imageId": request.get("imageId"),
        "environmentImageRequest": request["environmentImageRequest"],
        "keys": {
            "primaryKey": keys.get("primaryKey") or old_keys.get("primaryKey") or new_key(),
            "secondaryKey": keys.get("secondaryKey") or old_keys.get("secondaryKey") or new_key(),
        },
        "label": request.get("dnsNameLabel") or (earlier or {}).get("label") or str(uuid.uuid4()),
        "state": ServiceState.TRANSITIONING.value,
        "error": None,
        "operationId": None,
        "revision": 0,
        "spec": None,
    }


def without_effect(service: dict[str, Any]) -> list[str]:
    """Return the settings of a service, by their names in the client, that the sandbox keeps and does nothing for."""
    collection = service.get("dataCollection") or {}
    asked = {
        "collect_model_data": collection.get("storageEnabled") or collection.get("eventHubEnabled"),
        "enable_app_insights": service.get("appInsightsEnabled"),
        "the liveness probe's settings": service.get("livenessProbeRequirements"),
        "namespace": service.get("namespace"),
        "gpu_cores (nodes with a GPU are declared, the replica itself has none)": service[
            "containerResourceRequirements"
        ].get("gpu"),
    }
    return [name for name, given in asked.items() if given]


def state_of(service: dict[str, Any], status: ContainerStatus | None) -> str:
    """Return the service's state; once deployed it is what its container says now."""
    if service["state"] not in (ServiceState.HEALTHY, ServiceState.UNHEALTHY):
        return str(service["state"])
    ready = status is not None and status.state == "Ready"
    return (ServiceState.HEALTHY if ready else ServiceState.UNHEALTHY).value


def view(service: dict[str, Any], status: ContainerStatus | None, models: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the service as the client gets it (required keys: azureml-core-wire.md, section 5)."""
    state = state_of(service, status)
    host = f"{service['label']}.{service['location']}.azurecontainer.io"
    answered = service["spec"] is not None and state != ServiceState.FAILED
    shown = {
        key: service[key]
        for key in (
            "name",
            "computeType",
            "createdTime",
            "updatedTime",
            "description",
            "kvTags",
            "properties",
            "location",
            "authEnabled",
            "appInsightsEnabled",
            "sslEnabled",
            "containerResourceRequirements",
            "environmentImageRequest",
            "error",
        )
    }
    return shown | {
        "id": service["name"],
        "state": state,
        "deploymentType": "Http",
        "createdBy": {"userName": "sandbox"},
        "scoringUri": f"http://{host}/score" if answered else None,
        "swaggerUri": f"http://{host}/swagger.json" if answered else None,
        "publicIp": "127.0.0.1" if answered else None,
        "publicFqdn": host,
        "imageId": None,
        "models": models,
        "modelDetails": models,
        "cname": None,
        "sslCertificate": None,
        "sslKey": None,
        "dataCollection": {"storageEnabled": False, "eventHubEnabled": False},
        "operationId": service["operationId"],
    }
