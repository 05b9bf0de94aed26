"""HTTP/1.1 on a byte stream: requests in, responses out, bodies never held whole in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader

MAX_LINE = 65_536
MAX_HEADERS = 200
MAX_MEMORY_BODY = 64 * 1024 * 1024
CHUNK = 256 * 1024
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class WireError(Exception):
    """The other side does not speak HTTP as expected; the connection ends."""


class Headers:
    """Header fields in order; names compare without case."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs: list[tuple[str, str]] = list(pairs)

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of ``name``."""
        wanted = name.lower()
        return next((value for key, value in self.pairs if key.lower() == wanted), default)

    def has(self, name: str, token: str) -> bool:
        """Whether a comma-separated field holds ``token``."""
        wanted = name.lower()
        values = ",".join(value for key, value in self.pairs if key.lower() == wanted)
        return token.lower() in (part.strip().lower() for part in values.split(","))

    def without(self, *names: str) -> Headers:
        """Return a copy that lacks ``names``."""
        unwanted = {name.lower() for name in names}
        return Headers((key, value) for key, value in self.pairs if key.lower() not in unwanted)


class Body:
    """A request body that is read as it arrives.

    Args:
        stream: Where the bytes come from.
        length: Content-Length; None when the body comes in chunks.
        on_first_read: Called before the first read (sends ``100 Continue``).
    """

    def __init__(
        self, stream: BufferedReader, length: int | None, on_first_read: Callable[[], None] | None = None
    ) -> None:
        self._stream = stream
        self._chunked = length is None
        self._left = length or 0
        self._on_first_read = on_first_read
        self.ended = length == 0

    def read(self, size: int = CHUNK) -> bytes:
        """Return up to ``size`` bytes; empty at the end.

        Raises:
            WireError: The body is cut short or badly chunked.
        """
        if self.ended:
            return b""
        if self._on_first_read is not None:
            self._on_first_read()
            self._on_first_read = None
        if self._chunked and self._left == 0 and not self._next_chunk():
            return b""
        # read1: what has arrived is passed on, without waiting for the rest.
        data = self._stream.read1(min(size, self._left))
        if not data:
            raise WireError("The request body ended early.")
        self._left -= len(data)
        if self._left == 0:
            if self._chunked:
                self._stream.readline(MAX_LINE)
            else:
                self.ended = True
        return data

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read():
            yield data

    def read_all(self, limit: int = MAX_MEMORY_BODY) -> bytes:
        """Return the whole body.

        Raises:
            WireError: It is longer than ``limit``.
        """
        parts, size = [], 0
        for part in self:
            size += len(part)
            if size > limit:
                raise WireError("The request body is too large.")
            parts.append(part)
        return b"".join(parts)

    def drain(self, limit: int = 1024 * 1024 * 1024) -> bool:
        """Read and forget the rest, so that the connection can be used again; False when that is not worth it.

        A client that still sends would not see the answer if the connection were closed under its hands.
        """
        if self._on_first_read is not None and not self.ended:
            return False
        while limit > 0:
            data = self.read()
            if not data:
                return True
            limit -= len(data)
        return False

    def _next_chunk(self) -> bool:
        line = self._stream.readline(MAX_LINE).split(b";")[0].strip()
        if not line or not _HEX_DIGITS.issuperset(line):
            raise WireError("The request body is badly chunked.")
        self._left = int(line, 16)
        if self._left:
            return True
        while self._stream.readline(MAX_LINE).strip():
            pass  # trailers carry nothing that matters here
        self.ended = True
        return False


@dataclass(slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: Verb, upper case.
        target: The request target as sent.
        headers: Header fields.
        body: The body, not yet read.
        scheme: ``http`` or ``https``.
        authority: Host and, when given, port.
    """

    method: str
    target: str
    headers: Headers
    body: Body
    version: str = "HTTP/1.1"
    scheme: str = "http"
    authority: str = ""
    path: str = ""
    raw_path: str = ""
    query: dict[str, str] = field(default_factory=dict)

    def locate(self, scheme: str, authority: str) -> None:
        """Set where the request goes and split its target into path and query."""
        target = self.target
        if "://" in target.split("?", 1)[0]:
            parts = urlsplit(target)
            scheme, authority = parts.scheme, parts.netloc
            target = target[len(f"{parts.scheme}://{parts.netloc}") :] or "/"
            if not target.startswith("/"):
                target = "/" + target
        self.scheme, self.authority, self.target = scheme, authority, target
        self.raw_path, _, query = target.partition("?")
        self.path = unquote(self.raw_path)
        self.query = {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}

    @property
    def host(self) -> str:
        """Host name, lower case, without port."""
        return split_authority(self.authority, 0)[0]

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants to use the connection again."""
        if self.version == "HTTP/1.0":
            return self.headers.has("Connection", "keep-alive")
        return not self.headers.has("Connection", "close")

    def json(self) -> Any:
        """Return the body as JSON; None when it is empty.

        Raises:
            ValueError: It is not JSON.
        """
        data = self.body.read_all()
        return json.loads(data) if data.strip() else None


@dataclass(slots=True)
class Response:
    """One HTTP response.

    Attributes:
        status: Status code.
        body: Bytes, or an iterable of bytes.
        headers: Header fields besides those about length.
        length: Length of an iterable body; None sends it in chunks.
        reason: Words beside the status code; those of the standard when empty.
    """

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    length: int | None = None
    reason: str = ""


def split_authority(authority: str, default_port: int) -> tuple[str, int]:
    """Return host (lower case, no brackets) and port of ``authority``.

    Raises:
        WireError: The port is no number.
    """
    host, _, port = authority.rpartition("@")[2].rpartition(":")
    if not host or port.endswith("]"):
        host, port = authority.rpartition("@")[2], ""
    try:
        return host.strip("[]").lower().rstrip("."), int(port) if port else default_port
    except ValueError as exc:
        raise WireError(f"Not a host and port: {authority}") from exc


def read_request(stream: BufferedReader, write: Callable[[bytes], object]) -> Request | None:
    """Read the head of the next request; None when the client has closed the connection.

    Raises:
        WireError: It is not HTTP.
    """
    line = stream.readline(MAX_LINE)
    while line in (b"\r\n", b"\n"):
        line = stream.readline(MAX_LINE)
    if not line:
        return None
    try:
        method, target, version = line.decode("latin-1").split()
    except ValueError as exc:
        raise WireError("Not an HTTP request line.") from exc
    headers = read_headers(stream)
    continues = headers.has("Expect", "100-continue")

    def go_on() -> None:
        write(b"HTTP/1.1 100 Continue\r\n\r\n")

    body = Body(stream, _body_length(headers), go_on if continues else None)
    return Request(method.upper(), target, headers, body, version)


def read_headers(stream: BufferedReader) -> Headers:
    """Read header fields up to the empty line.

    Raises:
        WireError: There are too many, or the stream ends.
    """
    pairs: list[tuple[str, str]] = []
    while True:
        line = stream.readline(MAX_LINE)
        if line in (b"\r\n", b"\n"):
            return Headers(pairs)
        name, colon, value = line.decode("latin-1").partition(":")
        if not line or not colon or len(pairs) >= MAX_HEADERS:
            raise WireError("The header is broken or too long.")
        pairs.append((name.strip(), value.strip()))


def _body_length(headers: Headers) -> int | None:
    if headers.has("Transfer-Encoding", "chunked"):
        return None
    length = headers.get("Content-Length", "0")
    if not (length.isascii() and length.isdigit()):
        raise WireError("Content-Length is not a number.")
    return int(length)


def write_response(write: Callable[[bytes], object], request: Request, response: Response, *, close: bool) -> None:
    """Send ``response``; the body is left out where HTTP says so, and streamed otherwise."""
    reason = _one_line(response.reason) or _reason(response.status)
    body = response.body
    length = len(body) if isinstance(body, bytes) else response.length
    head = [f"HTTP/1.1 {response.status} {reason}"]
    head += [f"{name}: {_one_line(value)}" for name, value in response.headers]
    bodyless = response.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
    chunked = length is None and not bodyless
    if chunked:
        head.append("Transfer-Encoding: chunked")
    elif not bodyless and not any(name.lower() == "content-length" for name, _ in response.headers):
        head.append(f"Content-Length: {length}")
    head.append("Connection: close" if close else "Connection: keep-alive")
    start = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
    if bodyless or request.method == "HEAD":
        write(start)
    elif isinstance(body, bytes):
        write(start + body)
    else:
        write(start)
        _write_parts(write, body, chunked=chunked)


def _write_parts(write: Callable[[bytes], object], parts: Iterable[bytes], *, chunked: bool) -> None:
    for part in parts:
        if part:
            write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
    if chunked:
        write(b"0\r\n\r\n")


def _one_line(value: str) -> str:
    # A name that a client chose must not be able to start a header of its own.
    return value.replace("\r", " ").replace("\n", " ")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
