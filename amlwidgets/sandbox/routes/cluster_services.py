"""Services on clusters: checks, views and access tokens, on top of the routes that all services share."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import services, tokens
from amlwidgets.sandbox.api import MMS, NOT_FOUND, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.cluster import service as documents
from amlwidgets.sandbox.cluster.replicas import ReplicaSet

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
_AUDIENCE = "https://ml.azure.com"


def check_request(call: Call, request: dict[str, Any]) -> None:
    """Check what a new service on a cluster asks for.

    Raises:
        ApiError: Its compute does not exist, or a setting is not valid.
    """
    name = str(request.get("computeName") or "")
    if call.app.lifecycle.fleet.clusters.compute(call.scope, name) is None:
        text = f"Compute target with name '{name}' not found in workspace {call['workspace']}."
        raise ApiError(NOT_FOUND, "ComputeNotFound", text)
    documents.check(documents.fields(request))


def view(call: Call, service: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """Return a service on a cluster as the client gets it."""
    fleet = call.app.lifecycle.fleet
    replicas = call.app.lifecycle.container(call.scope, service["name"])
    counts = {"ready": 0, "wanted": documents.first_count(service)}
    if isinstance(replicas, ReplicaSet):
        counts = {"ready": replicas.ready, "wanted": replicas.wanted}
    return documents.view(service, shown, fleet.address(call.scope, service["computeName"]), counts)


def apply(call: Call, service: dict[str, Any]) -> None:
    """Make changed settings of a running service count."""
    replicas = call.app.lifecycle.container(call.scope, service["name"])
    if isinstance(replicas, ReplicaSet):
        call.app.lifecycle.fleet.apply(call.scope, service, replicas)


@ROUTES.add("POST", MMS + "/services/{name}/token")
def access_token(call: Call) -> Response:
    """Give a token that opens a service with ``token_auth_enabled``."""
    service = call.app.store.get(services.KIND, call.scope, call["name"])
    if service is None:
        raise ApiError(NOT_FOUND, "ServiceNotFound", f"Service with name {call['name']} not found in this workspace.")
    if not service.get("aadAuthEnabled"):
        raise ApiError(400, "BadRequest", f"Token authentication is not enabled for service {call['name']}.")
    expires = time.time() + tokens.LIFETIME
    return json_response(
        {
            "accessToken": tokens.issue(call.app.identity, _AUDIENCE),
            "tokenType": "Bearer",
            "refreshAfter": datetime.fromtimestamp(expires - tokens.LIFETIME / 2, UTC).timestamp(),
            "expiryOn": expires,
        }
    )
