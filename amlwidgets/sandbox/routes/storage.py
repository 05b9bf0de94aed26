"""Blob storage of the sandbox's own account: put, blocks, ranges, head; each by a signed link."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from amlwidgets.sandbox.api import Call, Routes
from amlwidgets.sandbox.wire import Response

if TYPE_CHECKING:
    from amlwidgets.sandbox.blobs import Blob

ROUTES = Routes()
_VERSION = "2019-07-07"
_PATH = "/{container}/{name:path}"
_BLOCK = re.compile(r"<(Latest|Uncommitted|Committed)>([^<]*)</")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def _headers(blob: Blob | None = None) -> list[tuple[str, str]]:
    common = [("x-ms-request-id", str(uuid.uuid4())), ("x-ms-version", _VERSION)]
    if blob is None:
        return common
    return [
        *common,
        ("ETag", blob.etag),
        ("Last-Modified", blob.last_modified),
        ("x-ms-blob-type", blob.kind),
        ("Accept-Ranges", "bytes"),
    ]


def _error(status: int, code: str, message: str) -> Response:
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    headers = [*_headers(), ("Content-Type", "application/xml"), ("x-ms-error-code", code)]
    return Response(status, f'<?xml version="1.0" encoding="utf-8"?>{error}'.encode(), headers)


def _refusal(call: Call, permission: str) -> Response | None:
    """Return the answer to a link that does not allow this; else put the blob's true name into the call."""
    name = call.app.blobs.named(call["container"], call["name"], call.request.query, permission)
    if name is not None:
        call.params["name"] = name
        return None
    return _error(
        403,
        "AuthenticationFailed",
        "Server failed to authenticate the request. The link's signature does not fit, or it has expired.",
    )


@ROUTES.add("PUT", _PATH, open_=True)
def put(call: Call) -> Response:
    """Store a blob, one block of it, or the list of its blocks."""
    refusal = _refusal(call, "w")
    if refusal is not None:
        return refusal
    step = call.query("comp")
    if step == "block":
        call.app.blobs.stage(call["container"], call["name"], call.query("blockid"), call.request.body)
        return Response(201, b"", _headers())
    if step not in ("", "blocklist"):
        return _error(501, "NotImplementedInSandbox", f"The sandbox does not implement PUT blob with comp={step}.")
    exists = call.app.blobs.get(call["container"], call["name"]) is not None
    if call.request.headers.get("If-None-Match") == "*" and exists:
        return _error(409, "BlobAlreadyExists", "The specified blob already exists.")
    return _put_whole(call) if step == "" else _put_list(call)


def _put_whole(call: Call) -> Response:
    kind = call.request.headers.get("x-ms-blob-type", "BlockBlob")
    if kind != "BlockBlob":
        return _error(501, "NotImplementedInSandbox", f"The sandbox does not implement blobs of type {kind}.")
    blob = call.app.blobs.put(call["container"], call["name"], call.request.body, _content_type(call))
    return Response(201, b"", _headers(blob))


def _put_list(call: Call) -> Response:
    blocks = [match[1] for match in _BLOCK.findall(call.request.body.read_all().decode("utf-8", "replace"))]
    blob = call.app.blobs.commit(call["container"], call["name"], blocks, _content_type(call))
    if blob is None:
        return _error(400, "InvalidBlockList", "The specified block list is invalid.")
    return Response(201, b"", _headers(blob))


def _content_type(call: Call) -> str:
    headers = call.request.headers
    return headers.get("x-ms-blob-content-type") or headers.get("Content-Type")


@ROUTES.add("HEAD", _PATH, open_=True)
def head(call: Call) -> Response:
    """Return the properties of a blob."""
    found = _find(call)
    if isinstance(found, Response):
        found.body, found.length = b"", 0
        return found
    return Response(200, b"", [*_headers(found), _length(found), ("Content-Type", found.content_type)])


def _length(blob: Blob) -> tuple[str, str]:
    return ("Content-Length", str(blob.length))


@ROUTES.add("GET", _PATH, open_=True)
def get(call: Call) -> Response:
    """Return a blob or a range of it."""
    found = _find(call)
    if isinstance(found, Response):
        return found
    headers = [*_headers(found), ("Content-Type", found.content_type)]
    wanted = _RANGE.fullmatch(call.request.headers.get("x-ms-range") or call.request.headers.get("Range"))
    if wanted is None:
        return Response(200, found.read(), headers, found.length)
    start = int(wanted[1])
    end = min(int(wanted[2]) if wanted[2] else found.length - 1, found.length - 1)
    if start >= found.length or end < start:
        refusal = _error(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
        refusal.headers.append(("Content-Range", f"bytes */{found.length}"))
        return refusal
    length = end - start + 1
    headers.append(("Content-Range", f"bytes {start}-{end}/{found.length}"))
    return Response(206, found.read(start, length), headers, length)


def _find(call: Call) -> Blob | Response:
    refusal = _refusal(call, "r")
    if refusal is not None:
        return refusal
    blob = call.app.blobs.get(call["container"], call["name"])
    return blob or _error(404, "BlobNotFound", "The specified blob does not exist.")
