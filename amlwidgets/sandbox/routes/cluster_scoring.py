"""Scoring on a cluster: ``http://ADDRESS:80/api/v1/service/NAME/score`` goes to the router."""

from __future__ import annotations

import socket

from amlwidgets.sandbox import services
from amlwidgets.sandbox.api import Call, Routes, text_response
from amlwidgets.sandbox.cluster.service import is_on_cluster
from amlwidgets.sandbox.upstream import open_exchange
from amlwidgets.sandbox.wire import Response, WireError

ROUTES = Routes()
_PATH = "/{path:path}"
_RESUME_SECONDS = 30.0
_HIDDEN = ("Host", "Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Expect")


@ROUTES.add("GET", _PATH, open_=True)
@ROUTES.add("POST", _PATH, open_=True)
@ROUTES.add("OPTIONS", _PATH, open_=True)
@ROUTES.add("PUT", _PATH, open_=True)
@ROUTES.add("DELETE", _PATH, open_=True)
@ROUTES.add("HEAD", _PATH, open_=True)
def score(call: Call) -> Response:
    """Pass a request on to the router, which asks for the key."""
    _wait_for_replicas(call)
    headers = call.request.headers.without(*_HIDDEN, "Content-Length", "Transfer-Encoding").pairs
    try:
        connection = socket.create_connection(("127.0.0.1", call.app.lifecycle.fleet.router.port), 10)
        return open_exchange(
            connection, call.request, call.request.target, [("Host", call.request.authority), *headers]
        )
    except (OSError, WireError) as exc:
        return text_response(f"The sandbox's router does not answer: {exc}\n", status=502)


def _wait_for_replicas(call: Call) -> None:
    """Right after a restart of the sandbox the replicas of finished services are on their way."""
    lifecycle = call.app.lifecycle
    if not lifecycle.reviving:
        return
    name = call.request.path.split("/")[4] if call.request.path.count("/") > 4 else ""  # noqa: PLR2004
    for scope, service in call.app.store.scoped(services.KIND):
        if service["name"] == name and is_on_cluster(service):
            lifecycle.wait_ready(scope, name, _RESUME_SECONDS)
