"""The sandbox's own routes, on its loopback address; each wants the secret of the state folder."""

from __future__ import annotations

import hmac
import os
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from amlwidgets._version import __version__
from amlwidgets.sandbox import tokens
from amlwidgets.sandbox.api import ApiError, Call, Routes, json_response
from amlwidgets.sandbox.workspaces import ensure_workspace, workspace_names

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
SECRET_HEADER = "x-amlwidgets-secret"  # noqa: S105 - the name of a header
_ARM = "https://management.core.windows.net/"


def _guard(call: Call, given: str) -> None:
    if not hmac.compare_digest(given.encode(), call.app.identity.secret.encode()):
        raise ApiError(403, "Forbidden", "This route belongs to the owner of the sandbox.")


def guard(call: Call) -> None:
    """Let the owner of the state folder in, and nobody else.

    Raises:
        ApiError: The secret is missing or wrong.
    """
    _guard(call, call.request.headers.get(SECRET_HEADER))


@ROUTES.add("POST", "/msi/{secret}/token", open_=True)
def managed_identity(call: Call) -> Response:
    """Give a token, as the identity endpoint of an Azure machine does; the secret is in its address."""
    _guard(call, call["secret"])
    form = parse_qs(call.request.body.read_all().decode("utf-8", "replace"))
    return _token(call, form.get("resource", [_ARM])[-1])


@ROUTES.add("GET", "/msi/{secret}/token", open_=True)
def managed_identity_by_query(call: Call) -> Response:
    """Give a token to a client that asks with GET."""
    _guard(call, call["secret"])
    return _token(call, call.query("resource", _ARM))


def _token(call: Call, resource: str) -> Response:
    if not tokens.knows(resource):
        text = f"The sandbox has no token for {resource}, only for Azure Resource Manager and Azure Machine Learning."
        raise ApiError(400, "invalid_resource", text)
    seconds = call.app.faults.token_seconds(call.request, tokens.LIFETIME)
    return json_response(
        {
            "token_type": "Bearer",
            "access_token": tokens.issue(call.app.identity, resource, seconds=seconds),
            "expires_on": str(int(time.time()) + seconds),
            "expires_in": str(seconds),
            "resource": resource,
        }
    )


@ROUTES.add("GET", "/sandbox/status", open_=True)
def status(call: Call) -> Response:
    """Say what runs."""
    guard(call)
    app = call.app
    return json_response(
        {
            "pid": os.getpid(),
            "version": __version__,
            "url": app.identity.url,
            "home": str(app.home),
            "speed": app.clock.speed,
            "runtime": app.runtime,
            "started": app.started,
            "workspaces": workspace_names(app.store),
            "models": len(app.store.all("model")),
            "services": app.lifecycle.summary(),
            "faults": app.faults.view(),
        }
    )


@ROUTES.add("POST", "/sandbox/workspaces", open_=True)
def make_workspace(call: Call) -> Response:
    """Make a workspace unless it exists."""
    guard(call)
    body = call.document()
    try:
        names = [str(body[key]) for key in ("subscription_id", "resource_group", "workspace_name")]
    except KeyError as exc:
        raise ApiError(400, "BadRequest", f"The workspace's {exc.args[0]} is missing.") from exc
    return json_response(ensure_workspace(call.app.store, *names))


@ROUTES.add("POST", "/sandbox/reset", open_=True)
def reset(call: Call) -> Response:
    """Forget everything but the sandbox's own identity."""
    guard(call)
    local = call.app.local_services()
    call.app.reset(images=call.flag("images"))
    return json_response({"localServices": local})


@ROUTES.add("POST", "/sandbox/stop", open_=True)
def stop(call: Call) -> Response:
    """End the program once this answer is on its way; it says which local web services end with it."""
    guard(call)
    local = call.app.local_services()
    threading.Timer(0.05, call.app.stop).start()
    return json_response({"pid": os.getpid(), "localServices": local})
