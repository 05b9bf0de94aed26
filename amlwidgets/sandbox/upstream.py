"""The way to every host that is not Azure ML's: untouched, through the proxy that was configured before ours."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import json
import select
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from amlwidgets.sandbox.environ import BEFORE
from amlwidgets.sandbox.wire import Body, Response, WireError, read_headers, split_authority, write_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from io import BufferedReader

    from amlwidgets.sandbox.wire import Request

CONNECT_TIMEOUT = 30
_HOP_BY_HOP = ("Proxy-Authorization", "Proxy-Connection", "Connection", "Keep-Alive", "Expect")
_PROXY_PORTS = {"http": 80, "https": 443}
_BUFFER = 64 * 1024


class Upstream:
    """Connects to other hosts, by the proxy settings of the environment in which the sandbox was started.

    Args:
        environment: That environment.
        own: Host and port of this sandbox, which is never its own upstream.
    """

    def __init__(self, environment: Mapping[str, str], own: tuple[str, int]) -> None:
        before = before_sandbox(environment)
        self._proxies = {
            scheme: url for scheme in ("http", "https") if (url := before.get(scheme)) and not _is(url, own)
        }
        self._bypass = before.get("no", "")

    def open(self, scheme: str, host: str, port: int) -> tuple[socket.socket, str]:
        """Connect towards ``host:port`` for requests of ``scheme``.

        Returns:
            The connection, and for plain http through a proxy the header value that the proxy wants (else empty).
            For https the connection reaches the host itself, by CONNECT.

        Raises:
            OSError: It cannot be reached.
        """
        proxy = self._proxy_for(scheme, host, port)
        if proxy is None:
            return socket.create_connection((host, port), CONNECT_TIMEOUT), ""
        connection, credentials = _connect_to_proxy(proxy)
        if scheme == "https":
            try:
                _ask_for_tunnel(connection, host, port, credentials)
            except BaseException:
                connection.close()
                raise
        return connection, credentials

    def proxied(self, scheme: str, host: str, port: int) -> bool:
        """Whether requests to that host go through another proxy."""
        return self._proxy_for(scheme, host, port) is not None

    def _proxy_for(self, scheme: str, host: str, port: int) -> str | None:
        proxy = self._proxies.get(scheme)
        if proxy is None or bypasses(host, port, self._bypass):
            return None
        return proxy


def before_sandbox(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies (``http``, ``https``, ``no``) of ``environment`` as they were without a sandbox."""
    if (kept := environment.get(BEFORE)) is not None:
        with contextlib.suppress(ValueError):
            return {str(key): str(value) for key, value in json.loads(kept).items()}
    found = {}
    for name, variables in {
        "http": ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"),
        "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
        "no": ("no_proxy", "NO_PROXY"),
    }.items():
        value = next((environment[variable] for variable in variables if environment.get(variable)), "")
        if value:
            found[name] = value
    return found


def bypasses(host: str, port: int, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` names a host: by name or domain, with or without port, as address or network, or ``*``."""
    host = host.lower().strip("[]")
    for entry in filter(None, (part.strip().lower() for part in no_proxy.split(","))):
        name = entry.removesuffix(f":{port}").lstrip("*").strip("[]")
        if entry == "*" or host == name.lstrip(".") or host.endswith("." + name.lstrip(".")) or _in_network(host, name):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def tunnel(one: socket.socket, other: socket.socket, idle: float = 3600) -> None:
    """Carry bytes both ways until both sides have ended."""
    peers = {one: other, other: one}
    for end in peers:
        end.settimeout(idle)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reading = [one, other]
    while reading:
        ready, _, _ = select.select(reading, [], [], idle)
        if not ready:
            return
        for end in ready:
            try:
                if _carry(end, peers[end]):
                    continue
            except OSError:
                return
            reading.remove(end)
            with contextlib.suppress(OSError):
                peers[end].shutdown(socket.SHUT_WR)


def _carry(source: socket.socket, target: socket.socket) -> bool:
    """Pass on what has arrived; False at the end of the stream."""
    data = source.recv(_BUFFER)
    if isinstance(source, ssl.SSLSocket):
        # What TLS has decrypted already does not wake select().
        while source.pending():
            data += source.recv(_BUFFER)
    if data:
        target.sendall(data)
    return bool(data)


def forward(upstream: Upstream, request: Request, write: Callable[[bytes], object]) -> bool:
    """Pass a plain http request on and its answer back.

    Returns:
        Whether the client's connection can be used again.

    Raises:
        OSError: The host cannot be reached.
    """
    host, port = split_authority(request.authority, 80)
    connection, credentials = upstream.open("http", host, port)
    target = request.target
    headers = list(request.headers.without(*_HOP_BY_HOP, "Content-Length", "Transfer-Encoding").pairs)
    if upstream.proxied("http", host, port):
        target = f"http://{request.authority}{target}"
        headers += [("Proxy-Authorization", credentials)] if credentials else []
    response = open_exchange(connection, request, target, headers)
    again = request.keep_alive and request.body.ended
    try:
        write_response(write, request, response, close=not again)
    except (OSError, WireError) as exc:
        raise BrokenAnswer(str(exc)) from exc
    finally:
        connection.close()
    return again


class BrokenAnswer(Exception):
    """The answer broke off after its beginning was passed on; only closing the connection tells the client."""


def open_exchange(connection: socket.socket, request: Request, target: str, headers: list[tuple[str, str]]) -> Response:
    """Send ``request`` over ``connection``; the answer's body is read while it is iterated.

    Raises:
        OSError: The other side closed the connection.
        WireError: Its answer is not HTTP.
    """
    try:
        connection.settimeout(None)
        # Small pieces must not wait for each other's acknowledgement (40 ms each).
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _send(connection, request, target, headers)
        return read_response(connection)
    except BaseException:
        connection.close()
        raise


def _send(connection: socket.socket, request: Request, target: str, headers: list[tuple[str, str]]) -> None:
    chunked = request.headers.has("Transfer-Encoding", "chunked")
    length = request.headers.get("Content-Length")
    framing = [("Transfer-Encoding", "chunked")] if chunked else [("Content-Length", length)] if length else []
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in [*headers, *framing, ("Connection", "close")]]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    for part in request.body:
        connection.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
    if chunked:
        connection.sendall(b"0\r\n\r\n")


def read_response(connection: socket.socket) -> Response:
    """Read an answer; its body is read while it is iterated, and the connection closed at its end.

    Raises:
        WireError: It is not HTTP.
    """
    stream = connection.makefile("rb")
    status = 100
    while status < 200:  # noqa: PLR2004 - interim answers come before the real one
        parts = stream.readline(_BUFFER).decode("latin-1").strip().split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/") or not parts[1].isdigit():  # noqa: PLR2004
            raise WireError("The other server closed the connection without an answer.")
        status = int(parts[1])
        headers = read_headers(stream)
    length = headers.get("Content-Length")
    size = int(length) if length.isdigit() else None
    chunked = headers.has("Transfer-Encoding", "chunked")
    kept = headers.without(*_HOP_BY_HOP, "Transfer-Encoding", "Content-Length").pairs
    reason = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004
    body = _answer_body(connection, stream, None if chunked else size, chunked=chunked)
    return Response(status, body, kept, None if chunked else size, reason)


def _answer_body(
    connection: socket.socket, stream: BufferedReader, size: int | None, *, chunked: bool
) -> Iterator[bytes]:
    with connection, stream:
        if chunked or size is not None:
            yield from Body(stream, size)
        else:
            while data := stream.read1(_BUFFER):
                yield data


def _connect_to_proxy(proxy: str) -> tuple[socket.socket, str]:
    parts = urlsplit(proxy if "://" in proxy else "http://" + proxy)
    if parts.scheme not in _PROXY_PORTS or not parts.hostname:
        raise OSError(f"the proxy that was configured before the sandbox cannot be used: {parts.scheme}://…")
    connection = socket.create_connection((parts.hostname, parts.port or _PROXY_PORTS[parts.scheme]), CONNECT_TIMEOUT)
    if parts.scheme == "https":
        connection = ssl.create_default_context().wrap_socket(connection, server_hostname=parts.hostname)
    if not parts.username:
        return connection, ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return connection, "Basic " + base64.b64encode(pair).decode()


def _ask_for_tunnel(connection: socket.socket, host: str, port: int, credentials: str) -> None:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if credentials:
        lines.append(f"Proxy-Authorization: {credentials}")
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    head = b""
    # Read byte by byte: what follows the empty line belongs to the tunnel.
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte or len(head) > _BUFFER:
            raise OSError("the upstream proxy closed the connection")
        head += byte
    status = head.split(b" ", 2)[1]
    if status != b"200":
        raise OSError(f"the upstream proxy answered {head.splitlines()[0].decode('latin-1')}")


def _is(url: str, own: tuple[str, int]) -> bool:
    parts = urlsplit(url if "://" in url else "http://" + url)
    return parts.hostname in ("127.0.0.1", "localhost", own[0]) and parts.port == own[1]
