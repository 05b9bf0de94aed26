"""A registry on loopback with one image; it can refuse, and be as slow as a test wants."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from private_engine import files_of

_CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS"}
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """Serves ``thing:1``, one layer of random bytes.

    Args:
        mb: Size of the layer.
        program: Of this machine; it is in the image and runs for 600 s.
        login: User and password that it wants.
        status: Answered to everything instead, when not 0.
        held: The second half of the layer comes once this is set.
    """

    def __init__(
        self,
        mb: int = 1,
        status: int = 0,
        held: threading.Event | None = None,
        program: str = "",
        login: tuple[str, str] | None = None,
    ) -> None:
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w", dereference=True) as tar:
            entry = tarfile.TarInfo("ballast")
            entry.size = mb << 20
            tar.addfile(entry, io.BytesIO(os.urandom(entry.size)))
            for path in files_of(program) if program else ():
                tar.add(path, path.lstrip("/"))
        packed = gzip.compress(layer.getvalue(), 0)
        config = json.dumps({
            "architecture": "amd64", "os": "linux", "config": {"Cmd": [program, "600"]} if program else {}, "history": [],
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer.getvalue())]},
        }).encode()  # fmt: skip
        sizes = {"config": config, "layer": packed}
        self.blobs = {_digest(content): content for content in sizes.values()}
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": _digest(config)},
            "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(packed), "digest": _digest(packed)}],
        }).encode()  # fmt: skip
        self.digest, self.status = _digest(self.manifest), status
        self.held, self.asked = held, []
        self.wanted = f"Basic {base64.b64encode(':'.join(login).encode()).decode()}" if login else ""
        self.half_sent = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": self}))
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        if self.held is not None:
            self.held.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def do_GET(self) -> None:
        registry, what = self.registry, self.path.rpartition("/")[2]
        registry.asked.append((self.path, self.headers.get("Authorization", "")))
        denied = registry.wanted and self.headers.get("Authorization") != registry.wanted
        if status := 401 if denied else registry.status:
            self.answer(
                json.dumps(
                    {"errors": [{"code": _CODES.get(status, "UNKNOWN"), "message": "said by the registry"}]}
                ).encode(),
                "application/json",
                status,
            )
        elif self.path == "/v2/":
            self.answer(b"{}", "application/json")
        elif "/manifests/" in self.path and what in ("1", registry.digest):
            self.answer(registry.manifest, MANIFEST)
        elif what in registry.blobs:
            self.answer(registry.blobs[what], "application/octet-stream")
        else:
            self.answer(
                b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}', "application/json", 404
            )

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(self, content: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", _digest(content))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
        self.end_headers()
        if self.command == "HEAD":
            return
        half = (
            len(content) // 2
            if self.registry.held is not None and kind == "application/octet-stream" and len(content) > 100_000
            else 0
        )
        try:
            self.wfile.write(content[:half])
            if half:
                self.registry.half_sent.set()
                self.registry.held.wait(120)
            self.wfile.write(content[half:])
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
