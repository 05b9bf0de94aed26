"""Artifacts: where to upload and from where to download (azureml-core-wire.md, section 3)."""

from __future__ import annotations

import posixpath
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import artifacts
from amlwidgets.sandbox.api import SCOPE, ApiError, Call, Routes, json_response

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
BASE = "/artifact/v2.0" + SCOPE + "/artifacts"
MAX_BATCH = 500
_NAMED = "{origin}/{container}/{path:path}"


def _artifact(origin: str, container: str, path: str) -> dict[str, Any]:
    return {
        "artifactId": f"{origin}/{container}/{path}",
        "origin": origin,
        "container": container,
        "path": path,
        "etag": None,
        "createdTime": datetime.now(UTC).isoformat(),
        "dataPath": None,
        "tags": {},
    }


def _content(call: Call, artifact: str, permissions: str = "r") -> dict[str, str]:
    origin, container, path = artifact.split("/", 2)
    uri = call.app.blobs.link(artifacts.container(call.app, call.scope), artifact, permissions)
    return {"contentUri": uri, "origin": origin, "container": container, "path": path}


def _safe(path: str) -> str:
    if not path or path.startswith("/") or ".." in path.split("/"):
        raise ApiError(400, "BadRequest", f"'{path}' is not a path below the container.")
    # A run uploads its outputs folder as ./outputs; HTTP clients take the dot out of the link that is made of it.
    return posixpath.normpath(path)


@ROUTES.add("POST", BASE + "/batch/metadata/{origin}/{container}")
def batch_metadata(call: Call) -> Response:
    """Announce files; the answer says where to put each."""
    origin, container = call["origin"], call["container"]
    entries = call.document().get("paths") or []
    paths = {str(entry.get("path", "")): _safe(str(entry.get("path", ""))) for entry in entries}
    if len(paths) > MAX_BATCH:
        raise ApiError(400, "BadRequest", f"At most {MAX_BATCH} paths can be announced in one request.")
    return json_response(
        {
            "artifacts": {sent: _artifact(origin, container, path) for sent, path in paths.items()},
            "artifactContentInformation": {
                sent: _content(call, f"{origin}/{container}/{path}", "rcw") for sent, path in paths.items()
            },
            "errors": {},
        }
    )


@ROUTES.add("POST", BASE + "/batch/metadata/{origin}/{container}/{path:path}")
def batch_metadata_below(call: Call) -> Response:
    """Refuse a container name with slashes, which would escape its folder."""
    raise ApiError(400, "BadRequest", f"'{call['container']}/{call['path']}' is not a container.")


@ROUTES.add("GET", f"{BASE}/prefix/contentinfo/{_NAMED}")
def by_prefix(call: Call) -> Response:
    """Return links to every file at or below a path."""
    prefix = f"{call['origin']}/{call['container']}/{call['path']}"
    value = [_content(call, name) for name in artifacts.under(call.app, call.scope, prefix)]
    return json_response({"value": value, "continuationToken": None})


@ROUTES.add("GET", f"{BASE}/contentinfo/{_NAMED}")
def by_path(call: Call) -> Response:
    """Return the link to one file."""
    return json_response(_content(call, _existing(call)))


@ROUTES.add("GET", f"{BASE}/metadata/{_NAMED}")
def metadata(call: Call) -> Response:
    """Return what is known of one file."""
    _existing(call)
    return json_response(_artifact(call["origin"], call["container"], call["path"]))


@ROUTES.add("GET", f"{BASE}/content/{_NAMED}")
def content(call: Call) -> Response:
    """Return one file."""
    from amlwidgets.sandbox.wire import Response as Answer

    blob = artifacts.find(call.app, call.scope, _existing(call))
    if blob is None:
        raise ApiError(404, "ArtifactNotFound", "The file does not exist.")
    return Answer(200, blob.read(), [("Content-Type", blob.content_type)], blob.length)


@ROUTES.add("POST", f"{BASE}/content/{_NAMED}")
def upload(call: Call) -> Response:
    """Store one file that comes with the request."""
    path = _safe(call["path"])
    name = f"{call['origin']}/{call['container']}/{path}"
    call.app.blobs.put(artifacts.container(call.app, call.scope), name, call.request.body)
    return json_response(_artifact(call["origin"], call["container"], path))


@ROUTES.add("GET", f"{BASE}/write/{_NAMED}")
def write_link(call: Call) -> Response:
    """Return a link under which one file may be written."""
    return json_response(_content(call, f"{call['origin']}/{call['container']}/{_safe(call['path'])}", "rcw"))


@ROUTES.add("GET", BASE + "/{origin}/{container}")
def list_container(call: Call) -> Response:
    """List the files of a container."""
    return _listing(call, f"{call['origin']}/{call['container']}")


@ROUTES.add("GET", f"{BASE}/{_NAMED}")
def list_path(call: Call) -> Response:
    """List the files below a path."""
    return _listing(call, f"{call['origin']}/{call['container']}/{call['path']}")


def _listing(call: Call, prefix: str) -> Response:
    names = artifacts.under(call.app, call.scope, prefix)
    return json_response({"value": [_artifact(*name.split("/", 2)) for name in names], "continuationToken": None})


def _existing(call: Call) -> str:
    name = f"{call['origin']}/{call['container']}/{call['path']}"
    if artifacts.find(call.app, call.scope, name) is None:
        raise ApiError(404, "ArtifactNotFound", f"The artifact {name} does not exist.")
    return name
