"""Scoring: ``http://<label>.<region>.azurecontainer.io/…`` goes to the service's container.

While no container is ready the answer is 503, as a load balancer without back-ends gives it; when the container
breaks the connection in the middle of a request (its worker was killed) it is 502. azureml-core repeats both.
"""

from __future__ import annotations

import hmac
import socket
from typing import TYPE_CHECKING

from amlwidgets.sandbox import services
from amlwidgets.sandbox.api import Call, Routes, json_response
from amlwidgets.sandbox.upstream import open_exchange
from amlwidgets.sandbox.wire import WireError

if TYPE_CHECKING:
    from amlwidgets.sandbox.protocols import Container
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
_PATH = "/{path:path}"
_RESUME_SECONDS = 30.0
_HIDDEN = ("Host", "Authorization", "Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Expect")


@ROUTES.add("GET", _PATH, open_=True)
@ROUTES.add("POST", _PATH, open_=True)
@ROUTES.add("OPTIONS", _PATH, open_=True)
@ROUTES.add("PUT", _PATH, open_=True)
@ROUTES.add("DELETE", _PATH, open_=True)
@ROUTES.add("HEAD", _PATH, open_=True)
def score(call: Call) -> Response:
    """Pass a request on to the container."""
    holder = call.app.store.get(services.LABEL, "", call.request.host.partition(".")[0])
    service = holder and call.app.store.get(services.KIND, holder["scope"], holder["service"])
    if not holder or not service:
        return _problem(404, "ServiceNotFound", f"No service has the address {call.request.host} any more.")
    if service["authEnabled"] and not _has_key(call, service["keys"]):
        return _problem(401, "Unauthorized", "Send one of the service's keys as 'Authorization: Bearer KEY'.")
    container = _ready(call, holder["scope"], holder["service"])
    if container is None:
        return _problem(503, "ServiceUnavailable", f"No container of {service['name']} is ready.")
    return _pass_on(call, container)


def _has_key(call: Call, keys: dict[str, str]) -> bool:
    scheme, _, given = call.request.headers.get("Authorization").partition(" ")
    fits = [hmac.compare_digest(given.strip().encode(), key.encode()) for key in keys.values()]
    return scheme.lower() == "bearer" and any(fits)


def _ready(call: Call, scope: str, name: str) -> Container | None:
    lifecycle = call.app.lifecycle
    # Right after a restart of the sandbox the containers of finished services are on their way.
    lifecycle.wait_ready(scope, name, _RESUME_SECONDS)
    container = lifecycle.container(scope, name)
    return container if container is not None and container.status().state == "Ready" else None


def _pass_on(call: Call, container: Container) -> Response:
    request = call.request
    headers = request.headers.without(*_HIDDEN, "Content-Length", "Transfer-Encoding").pairs
    try:
        connection = socket.create_connection(("127.0.0.1", container.spec.port), 10)
        return open_exchange(connection, request, request.target, [("Host", request.authority), *headers])
    except (OSError, WireError):
        return _problem(502, "BadGateway", "The container closed the connection without an answer.")


def _problem(status: int, code: str, message: str) -> Response:
    return json_response({"code": code, "statusCode": status, "message": message, "details": []}, status=status)
