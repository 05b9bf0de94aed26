"""Turn what a user has into named texts: strings, files, exceptions, web services, images, and lists of these."""

from __future__ import annotations

import io
import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from amlwidgets.core.redact import mask
from amlwidgets.errors import BadInput, NotAllowed
from amlwidgets.services.log_files import LogChunks

if TYPE_CHECKING:
    from collections.abc import Iterator

Text = str | LogChunks
LOG_LINES = 5000
LONG = 300_000
"""Characters; a longer text is treated like a file, of which only the neighbourhoods of hits are looked at."""


class Source(NamedTuple):
    """A named text: a short one, already masked, or the chunks of a log, masked where it is looked at."""

    name: str
    text: str | LogChunks


def read(source: Any) -> list[Source]:
    """Name the texts of a source. Files are opened when they are diagnosed, and then read in chunks.

    Args:
        source: Text, a path-like object, an exception, a Webservice, an Image, a ``(name, text)`` pair,
            or a list of these.

    Raises:
        BadInput: The file cannot be read, or nothing is known about this kind of object.
    """
    return [Source(name, _safe(text)) for name, text in _unique(_read(source))]


def _safe(text: str | LogChunks) -> str | LogChunks:
    if not isinstance(text, str):
        return text
    return mask(text) if len(text) <= LONG else _bytes(text.encode("utf-8", "replace"))


def _unique(pairs: Iterator[tuple[str, Text]]) -> Iterator[tuple[str, Text]]:
    """Number equal names, so that evidence says which text it is from."""
    seen: dict[str, int] = {}
    for name, text in pairs:
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), text


def _read(source: Any) -> Iterator[tuple[str, Text]]:
    if isinstance(source, str):
        yield "text", source
    elif isinstance(source, bytes):
        yield "text", _bytes(source)
    elif isinstance(source, os.PathLike):
        path = Path(source)
        yield path.name, LogChunks.of_file(path)
    elif isinstance(source, BaseException):
        yield "error", exception_text(source)
    elif isinstance(source, Source) or _is_pair(source):
        yield source[0], source[1]
    elif isinstance(source, list | tuple | set | frozenset):
        for item in source:
            yield from _read(item)
    else:
        yield from _read_object(source)


def _read_object(source: Any) -> Iterator[tuple[str, Text]]:
    """Read what azureml or the wizard gives; told apart by what it can do, without importing azureml."""
    if hasattr(source, "get_logs") or _is_azureml(source, "webservice"):
        yield from _webservice(source)
    elif hasattr(source, "image_build_log_uri"):
        yield from _image(source)
    elif hasattr(source, "logs") and hasattr(source, "records"):
        yield from _run(source)
    else:
        raise BadInput(
            f"A {type(source).__name__} cannot be diagnosed.",
            code="unknown-source",
            todo="Pass text, a path, an exception, a Webservice, an Image, or a list of these.",
        )


def _run(run: Any) -> Iterator[tuple[str, Text]]:
    """Read a run of the wizard: the log of every stage, and the error of those that failed."""
    for stage, record in run.records.items():
        log = run.logs[stage]
        if log.text():
            yield log.name, log.text()
        if record.error:
            yield f"error of {stage.value}", record.error


def _is_pair(source: Any) -> bool:
    return (
        isinstance(source, tuple)
        and len(source) == len(("name", "text"))
        and isinstance(source[0], str)
        and isinstance(source[1], str | LogChunks)
    )


def _is_azureml(source: Any, part: str) -> bool:
    module = type(source).__module__
    return module.startswith("azureml.") and part in module


def decode(data: bytes) -> str:
    """Decode the bytes of a log, unpacking gzip."""
    return b"".join(_bytes(data)).decode("utf-8", "replace")


def _bytes(data: bytes) -> LogChunks:
    return LogChunks(lambda: io.BytesIO(data), "the text")


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


def _webservice(service: Any) -> Iterator[tuple[str, Text]]:
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


def _image(image: Any) -> Iterator[tuple[str, Text]]:
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
    from amlwidgets.services import build_logs

    try:
        with build_logs.get(uri, seconds=seconds, stream=True) as answer:
            answer.raise_for_status()
            return decode(_beginning(answer, most))
    except (OSError, NotAllowed) as failure:
        return f"(the build log could not be fetched: {mask(str(failure))})"


def _beginning(answer: Any, most: int) -> bytes:
    data = bytearray()
    for piece in answer.iter_content(1 << 16):
        data += piece
        if len(data) >= most:
            break
    return bytes(data[:most])
