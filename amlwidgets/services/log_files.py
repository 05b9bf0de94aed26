"""Logs of any size as chunks in UTF-8: plain or gzip; UTF-8, UTF-16 or CP1252."""

from __future__ import annotations

import codecs
import zlib
from typing import IO, TYPE_CHECKING, Any, cast

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHUNK = 1 << 19
FEWEST_PAIRS = 4
"""Pairs of bytes needed to tell UTF-16 without its mark."""
_GZIP = b"\x1f\x8b"


class LogChunks:
    """A log in chunks; it can be gone through several times, each time from the start, unless it is read ``once``."""

    def __init__(self, opener: Callable[[], IO[bytes]], name: str, *, once: bool = False) -> None:
        self._opener = opener
        self.name = name
        self.once = once

    @classmethod
    def of_file(cls, path: Path) -> LogChunks:
        """Return the chunks of a file."""
        return cls(lambda: path.open("rb", buffering=0), str(path))

    def __iter__(self) -> Iterator[bytes]:
        """Yield the text in UTF-8."""
        try:
            with self._opener() as file:
                yield from utf8_chunks(file)
        except (EOFError, zlib.error) as error:
            raise BadInput(
                f"{self.name} is a damaged gzip file.", code="file-unreadable", todo="Fetch it again."
            ) from error
        except OSError as error:
            if type(error).__name__ == "BadGzipFile":
                raise BadInput(
                    f"{self.name} is a damaged gzip file.", code="file-unreadable", todo="Fetch it again."
                ) from error
            raise BadInput(
                f"{self.name} cannot be read: {error.strerror or error}.",
                code="file-unreadable",
                todo="Check the path and its rights.",
            ) from error


def utf8_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what a file holds in UTF-8, unpacked and decoded as its first bytes tell."""
    first = _fill(file)
    if first[:2] == _GZIP:
        import gzip

        packed = cast("IO[bytes]", gzip.GzipFile(fileobj=cast("Any", _Joined(first, file))))
        first, file = _fill(packed), packed
    encoding = encoding_of(first)
    if encoding == "utf-8":
        yield first
        while chunk := file.read(CHUNK):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    chunk = first
    while chunk:
        yield decoder.decode(chunk).encode()
        chunk = file.read(CHUNK)
    yield decoder.decode(b"", final=True).encode()


def encoding_of(head: bytes) -> str:
    """Name the encoding of a text by its first bytes."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if head[:3] == b"\xef\xbb\xbf":
        return "utf-8-sig"
    pairs = len(head[:200]) // 2
    if pairs >= FEWEST_PAIRS and head[1:200:2].count(0) >= 0.9 * pairs:
        return "utf-16-le"
    if pairs >= FEWEST_PAIRS and head[:200:2].count(0) >= 0.9 * pairs:
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _fill(file: IO[bytes]) -> bytes:
    """Read until there is enough to tell the encoding by, or the end."""
    read = b""
    while len(read) < CHUNK and (chunk := file.read(CHUNK - len(read))):
        read += chunk
    return read


class _Joined:
    """A file whose first bytes were read already."""

    def __init__(self, first: bytes, file: IO[bytes]) -> None:
        self._first, self._file = first, file

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes; all for -1."""
        if not self._first:
            return self._file.read(size)
        if size < 0:
            out, self._first = self._first + self._file.read(), b""
            return out
        out, self._first = self._first[:size], self._first[size:]
        return out
