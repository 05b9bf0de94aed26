"""Builds with the engine: a context in memory or from files, and the log as it appears."""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from amlwidgets.docker_engine import PRUNE, errors, meaning, streamed
from amlwidgets.sandbox.build.index import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlwidgets.sandbox.protocols import Write

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_IN_MEMORY = 8_000_000
CANCELLED = "The build was cancelled."
DISK_FULL = f"The engine's disk is full: {PRUNE}"


def context(files: Mapping[str, bytes | Path]) -> IO[bytes]:
    """Return a build context as an open tar archive: file name → content, or the file or folder to take it from."""
    packed = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the engine reads it, the caller closes it
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            if isinstance(content, Path):
                tar.add(content, name)
                continue
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed


def build(
    client: Any, files: Mapping[str, bytes | Path], tag: str, write: Write, cancelled: threading.Event | None = None
) -> str:
    """Build an image with the engine; nothing but the image remains.

    Args:
        client: A docker-py client.
        files: The context, ``Dockerfile`` included.
        tag: Name of the image.
        write: Receives what the engine says.
        cancelled: When set, the build stops and fails.

    Returns:
        The engine's error; empty when the image is there.
    """
    stop = cancelled or threading.Event()
    with context(files) as packed:

        def begin() -> Iterator[Any]:
            spoken: Iterator[Any] = client.api.build(
                fileobj=packed, custom_context=True, tag=tag, rm=True, forcerm=True, decode=True
            )
            return spoken

        try:
            for message in streamed(client, begin, stop):
                if "stream" in message:
                    write(plain(message["stream"]))
                if "error" in message:
                    return _failed(str(message["error"]))
        except errors() as error:
            return plain(str(meaning(error, "building the image")))
    return CANCELLED if stop.is_set() else ""


def _failed(words: str) -> str:
    """Return the engine's error; of a full disk it does not say whose."""
    return f"{plain(words)}. {DISK_FULL}" if "no space left" in words.lower() else plain(words)


def plain(text: str) -> str:
    """Return the engine's text without colours and without passwords in addresses."""
    return masked(_COLOUR.sub("", text))
