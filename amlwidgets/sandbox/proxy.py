"""The loopback proxy: ends TLS for Azure ML's hosts and lets everything else pass untouched."""

from __future__ import annotations

import base64
import contextlib
import hmac
import logging
import re
import socket
import threading
from typing import TYPE_CHECKING

from amlwidgets.sandbox.upstream import BrokenAnswer, Upstream, forward, tunnel
from amlwidgets.sandbox.wire import Request, Response, WireError, read_request, split_authority, write_response

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from io import BufferedReader

    from amlwidgets.sandbox.authority import Authority
    from amlwidgets.sandbox.identity import Identity

LOG = logging.getLogger(__name__)
IDLE_SECONDS = 300
BACKLOG = 256
HTTPS_PORT = 443
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_LOCAL = ("127.0.0.1", "localhost")
_AZURE_ML = re.compile(
    r"(?:[a-z0-9-]+\.)?management\.azure\.com|login\.microsoftonline\.com"
    r"|(?:[a-z0-9-]+\.workspace\.)?[a-z0-9-]+\.api\.azureml\.ms|[a-z0-9-]+\.modelmanagement\.azureml\.net|[a-z0-9-]+\.experiments\.azureml\.net"
)
_CLUSTER = re.compile(r"203\.0\.113\.\d{1,3}")
# Addresses of clusters: a range that is reserved for documents, so nobody else can have one.
_SCORING = re.compile(r"([a-z0-9-]+)\.[a-z0-9]+\.azurecontainer\.io")


class Proxy:
    """A threaded server on 127.0.0.1; one thread per connection.

    Args:
        identity: Port and credentials.
        authority: Signs the certificates.
        upstream: Reaches other hosts.
        handle: Answers requests to Azure ML's hosts and to the sandbox itself.
        owns_label: Whether a DNS label belongs to a service of this sandbox, now or earlier.

    Raises:
        OSError: The port is taken.
    """

    def __init__(
        self,
        identity: Identity,
        authority: Authority,
        upstream: Upstream,
        handle: Callable[[Request], Response],
        owns_label: Callable[[str], bool],
    ) -> None:
        self._identity = identity
        self._authority = authority
        self._upstream = upstream
        self._handle = handle
        self._owns_label = owns_label
        pair = f"{identity.user}:{identity.password}".encode()
        self._credentials = "Basic " + base64.b64encode(pair).decode()
        self._listener: socket.socket | None = None

    def serve(self, listener: socket.socket) -> None:
        """Accept connections until :meth:`close` is called."""
        self._listener = listener
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True, name="connection").start()

    def close(self) -> None:
        """Stop accepting."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def owns(self, host: str) -> bool:
        """Whether the sandbox answers for ``host``."""
        if _AZURE_ML.fullmatch(host) or _CLUSTER.fullmatch(host) or host == self._identity.blob_host:
            return True
        match = _SCORING.fullmatch(host)
        return match is not None and self._owns_label(match[1])

    def _is_self(self, request: Request) -> bool:
        return request.host in _LOCAL and split_authority(request.authority, 80)[1] == self._identity.port

    # -- one connection

    def _run(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(IDLE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, connection.makefile("rb") as stream:
                self._talk(connection, stream)
        except (OSError, WireError, BrokenAnswer) as exc:
            LOG.debug("connection ended: %s", exc)
        except Exception:
            LOG.exception("connection failed")

    def _talk(self, connection: socket.socket, stream: BufferedReader) -> None:
        while (request := _next_request(connection, stream)) is not None:
            if request.method == "CONNECT":
                self._connect(connection, request)
                return
            through_proxy = "://" in request.target.split("?", 1)[0]
            request.locate("http", request.headers.get("Host"))
            if not through_proxy:
                # Without the proxy's credentials there is nothing but the sandbox's own routes, whatever Host says.
                local = request.host in _LOCAL
                again = self._answer(connection, request, self._handle if local else _misdirected)
            elif not self._may_use(request):
                again = self._answer(connection, request, _refuse)
            elif self.owns(request.host) or self._is_self(request):
                again = self._answer(connection, request, self._handle)
            else:
                again = self._forward(connection, request)
            if not again:
                return

    def _may_use(self, request: Request) -> bool:
        given = request.headers.get("Proxy-Authorization")
        return hmac.compare_digest(given.encode(), self._credentials.encode())

    def _answer(
        self, connection: socket.socket | ssl.SSLSocket, request: Request, handle: Callable[[Request], Response]
    ) -> bool:
        response = handle(request)
        # What the client still sends has to be read before the next request on this connection can be.
        again = request.keep_alive and request.body.drain()
        write_response(connection.sendall, request, response, close=not again)
        return again

    def _forward(self, connection: socket.socket, request: Request) -> bool:
        try:
            return forward(self._upstream, request, connection.sendall)
        except (OSError, WireError) as exc:
            refusal = _unreachable(request.authority, exc)
            return self._answer(connection, request, lambda _: refusal)

    def _connect(self, connection: socket.socket, request: Request) -> None:
        host, port = split_authority(request.target, HTTPS_PORT)
        if not self._may_use(request):
            write_response(connection.sendall, request, _refuse(request), close=True)
        elif port == HTTPS_PORT and self.owns(host):
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._end_tls(connection, host)
        else:
            self._tunnel(connection, request, host, port)

    def _end_tls(self, connection: socket.socket, host: str) -> None:
        with self._authority.context(host).wrap_socket(connection, server_side=True) as secure:
            with secure.makefile("rb") as stream:
                while (request := _next_request(secure, stream)) is not None:
                    request.locate("https", host)
                    if not self._answer(secure, request, self._handle):
                        break
            with contextlib.suppress(OSError):
                secure.unwrap()

    def _tunnel(self, connection: socket.socket, request: Request, host: str, port: int) -> None:
        try:
            other, _ = self._upstream.open("https", host, port)
        except OSError as exc:
            write_response(connection.sendall, request, _unreachable(request.target, exc), close=True)
            return
        with other:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            tunnel(connection, other)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on the loopback interface; port 0 takes a free one.

    Raises:
        OSError: The port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _next_request(connection: socket.socket, stream: BufferedReader) -> Request | None:
    try:
        request = read_request(stream, connection.sendall)
    except WireError as exc:
        body = f"{exc}\n".encode()
        connection.sendall(
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        return None
    if request is not None and not request.body.ended and _QUICKACK is not None:
        # Through a proxy, urllib3 sends a body only after its head was acknowledged; Linux takes 40 ms over that.
        connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
    return request


def _refuse(_request: Request) -> Response:
    return Response(
        407,
        b"This is the amlwidgets sandbox's proxy; it wants the credentials that `amlwidgets sandbox env` prints.\n",
        [("Proxy-Authenticate", 'Basic realm="amlwidgets sandbox"'), ("Content-Type", "text/plain; charset=utf-8")],
    )


def _misdirected(_request: Request) -> Response:
    text = b"This is the amlwidgets sandbox. Azure ML's hosts are reached by using it as a proxy.\n"
    return Response(421, text, [("Content-Type", "text/plain; charset=utf-8")])


def _unreachable(where: str, exc: Exception) -> Response:
    text = f"The amlwidgets sandbox passes requests to {where} on, but it cannot be reached: {exc}\n"
    return Response(502, text.encode(), [("Content-Type", "text/plain; charset=utf-8")])
