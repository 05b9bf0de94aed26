"""Turn what a user has into named texts: strings, files, exceptions, web services, images, and lists of these."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from amlwidgets.core.redact import mask
from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1_000_000_000
"""Bytes; a larger file is refused with a clear sentence."""
LOG_LINES = 5000
FEWEST_PAIRS = 4
"""Pairs of bytes needed to tell UTF-16 without its mark."""


class Source(NamedTuple):
    """A named text, already masked."""

    name: str
    text: str


def read(source: Any) -> list[Source]:
    """Read a source into named, masked texts.

    Args:
        source: Text, a path-like object, an exception, a Webservice, an Image, a ``(name, text)`` pair,
            or a list of these.

    Raises:
        BadInput: The file cannot be read, or nothing is known about this kind of object.
    """
    return [Source(name, mask(text)) for name, text in _unique(_read(source))]


def _unique(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Number equal names, so that evidence says which text it is from."""
    seen: dict[str, int] = {}
    for name, text in pairs:
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), text


def _read(source: Any) -> Iterator[tuple[str, str]]:
    if isinstance(source, str):
        yield "text", source
    elif isinstance(source, bytes):
        yield "text", decode(source)
    elif isinstance(source, os.PathLike):
        path = Path(source)
        yield path.name, read_file(path)
    elif isinstance(source, BaseException):
        yield "error", exception_text(source)
    elif isinstance(source, Source) or _is_pair(source):
        yield source[0], source[1]
    elif isinstance(source, list | tuple | set | frozenset):
        for item in source:
            yield from _read(item)
    else:
        yield from _read_object(source)


def _read_object(source: Any) -> Iterator[tuple[str, str]]:
    """Read what azureml or the wizard gives; told apart by what it can do, without importing azureml."""
    if hasattr(source, "get_logs") or _is_azureml(source, "webservice"):
        yield from _webservice(source)
    elif hasattr(source, "image_build_log_uri"):
        yield from _image(source)
    elif hasattr(source, "texts") and callable(source.texts):
        yield from source.texts()
    else:
        raise BadInput(
            f"A {type(source).__name__} cannot be diagnosed.",
            code="unknown-source",
            todo="Pass text, a path, an exception, a Webservice, an Image, or a list of these.",
        )


def _is_pair(source: Any) -> bool:
    return (
        isinstance(source, tuple)
        and len(source) == len(("name", "text"))
        and all(isinstance(part, str) for part in source)
    )


def _is_azureml(source: Any, part: str) -> bool:
    module = type(source).__module__
    return module.startswith("azureml.") and part in module


def read_file(path: Path) -> str:
    """Read a log file: plain or gzip; UTF-8, UTF-16 or CP1252."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(
                f"{path.name} is larger than 1 GB.", code="file-too-large", todo="Pass the part with the failure."
            )
        return decode(path.read_bytes())
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror or error}.",
            code="file-unreadable",
            todo="Check the path and its rights.",
        ) from error


def decode(data: bytes) -> str:
    """Decode the bytes of a log, unpacking gzip."""
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(data)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if data[:3] == b"\xef\xbb\xbf":
        return data[3:].decode("utf-8", "replace")
    if _looks_utf16(data):
        return data.decode("utf-16-le" if data[1:2] == b"\x00" else "utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _unpacked(data: bytes) -> bytes:
    import gzip
    import io
    import zlib

    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        try:
            unpacked = packed.read(LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput("This gzip file is damaged.", code="file-unreadable", todo="Fetch it again.") from error
    if len(unpacked) > LARGEST:
        raise BadInput(
            "The file is larger than 1 GB when unpacked.", code="file-too-large", todo="Pass the part with the failure."
        )
    return unpacked


def _looks_utf16(data: bytes) -> bool:
    head = data[:200]
    pairs = len(head) // 2
    return pairs >= FEWEST_PAIRS and (head[1::2].count(0) >= 0.9 * pairs or head[::2].count(0) >= 0.9 * pairs)


def exception_text(error: BaseException) -> str:
    """Text of an exception: its traceback with the whole chain, and what azureml adds to its message."""
    try:
        return "".join(traceback.format_exception(error))
    except Exception as failure:  # noqa: BLE001 - an exception whose own text fails must not hide the first
        return f"{type(error).__name__}: (its text cannot be shown: {type(failure).__name__})"


def _attribute(source: Any, name: str) -> str:
    """Text of an attribute, or nothing when the service does not answer."""
    try:
        value = getattr(source, name, None)
    except Exception as failure:  # noqa: BLE001 - the service may be down; the rest is still worth reading
        return f"(could not be read: {failure})"
    if value is None or callable(value):
        return ""
    return _plain(value)


def _webservice(service: Any) -> Iterator[tuple[str, str]]:
    name = _attribute(service, "name")
    state = _attribute(service, "state")
    label = f" of {name}" if name else ""
    if state and state not in ("Healthy", "Transitioning"):
        yield f"state{label}", f"current service state: {state}"
    error = _attribute(service, "error")
    if error:
        yield f"error{label}", error
    yield f"container log{label}", _logs(service)


def _logs(service: Any) -> str:
    try:
        logs = service.get_logs(num_lines=LOG_LINES)
    except TypeError:
        logs = service.get_logs()
    except Exception as failure:  # noqa: BLE001 - the service may be down; the rest is still worth reading
        return exception_text(failure) if "No such container" in str(failure) else ""
    return _plain(logs or "")


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    import json

    try:
        return json.dumps(value, indent=1, default=str)
    except (TypeError, ValueError):
        return str(value)


def _image(image: Any) -> Iterator[tuple[str, str]]:
    name = _attribute(image, "name") or "image"
    state = _attribute(image, "creation_state")
    if state in ("Failed", "TimedOut", "Cancelled"):
        yield (
            f"state of {name}",
            f"Image creation polling reached non-successful terminal state, current state: {state}",
        )
    uri = _attribute(image, "image_build_log_uri")
    if uri.startswith(("http://", "https://")):
        yield f"build log of {name}", fetch(uri)
    elif uri:
        yield f"build log of {name}", uri


def fetch(uri: str, *, seconds: float = 30.0, most: int = 50_000_000) -> str:
    """Fetch a log by its address; the end of a longer one is left out."""
    from urllib.request import urlopen

    try:
        with urlopen(uri, timeout=seconds) as answer:  # noqa: S310 - the caller has checked the scheme
            return decode(answer.read(most))
    except OSError as failure:
        return f"(the build log could not be fetched: {failure})"
