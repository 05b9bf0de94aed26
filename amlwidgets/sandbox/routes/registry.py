"""The registry's routes on the sandbox's loopback address, for the Docker engine (distribution API, version 2)."""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING

from amlwidgets.docker_engine import connect
from amlwidgets.errors import AmlWidgetsError
from amlwidgets.sandbox.api import Call, Routes
from amlwidgets.sandbox.engine.client import REPOSITORY
from amlwidgets.sandbox.engine.registry import USER, open_repository, password
from amlwidgets.sandbox.wire import Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

ROUTES = Routes()
_VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_SECONDS = 600.0


def _refused(status: int, code: str, message: str, *headers: tuple[str, str]) -> Response:
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()
    return Response(status, body, [_VERSION, ("Content-Type", "application/json"), *headers])


def _unauthorized(call: Call) -> Response | None:
    if _is_open(call):
        return None
    pair = f"{USER}:{password(call.app.identity)}".encode()
    expected = "Basic " + base64.b64encode(pair).decode()
    if hmac.compare_digest(call.request.headers.get("Authorization").encode(), expected.encode()):
        return None
    return _refused(
        401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", 'Basic realm="amlwidgets sandbox"')
    )


def _is_open(call: Call) -> bool:
    """Whether nobody has to log in for this: to be greeted at ``localhost``, and for the base image's secret name."""
    name = call.params.get("name")
    return call.request.host == "localhost" and name in (None, open_repository(call.app.identity))


def _repository(call: Call) -> str:
    return f"{REPOSITORY}/base" if _is_open(call) else call["name"]


@ROUTES.add("GET", "/v2", open_=True)
def version(call: Call) -> Response:
    """Say that this is a registry, to who has its password: what ``docker login`` asks."""
    return _unauthorized(call) or Response(200, b"{}", [_VERSION, ("Content-Type", "application/json")])


@ROUTES.add("GET", "/v2/{name:path}/manifests/{reference}", open_=True)
def manifest(call: Call) -> Response:
    """Return an image's manifest."""
    refused = _unauthorized(call)
    if refused is not None:
        return refused
    try:
        client = connect(_SECONDS)
    except AmlWidgetsError as exc:
        return _refused(503, "UNAVAILABLE", exc.message)
    try:
        served = call.app.lifecycle.images.registry.find(client, _repository(call), call["reference"])
    finally:
        client.close()
    if served is None:
        return _refused(404, "MANIFEST_UNKNOWN", f"manifest unknown: {call['name']}:{call['reference']}")
    headers = [_VERSION, ("Content-Type", _MANIFEST), ("Docker-Content-Digest", served.digest)]
    return Response(200, served.manifest, headers)


@ROUTES.add("GET", "/v2/{name:path}/blobs/{digest}", open_=True)
def blob(call: Call) -> Response:
    """Return a configuration or a layer."""
    refused = _unauthorized(call)
    if refused is not None:
        return refused
    try:
        client = connect(_SECONDS)
    except AmlWidgetsError as exc:
        return _refused(503, "UNAVAILABLE", exc.message)
    found = call.app.lifecycle.images.registry.blob(client, call["digest"])
    if found is None:
        client.close()
        return _refused(404, "BLOB_UNKNOWN", f"blob unknown: {call['digest']}")
    size, parts = found
    headers = [_VERSION, ("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", call["digest"])]
    return Response(200, _closing(client, parts), headers, length=size)


def _closing(client: Any, parts: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from parts
    finally:
        client.close()


ROUTES.add("HEAD", "/v2/{name:path}/manifests/{reference}", open_=True)(manifest)
ROUTES.add("HEAD", "/v2/{name:path}/blobs/{digest}", open_=True)(blob)
