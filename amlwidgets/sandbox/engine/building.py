"""Builds with the engine: a context in memory or from files, and the log as it appears."""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from amlwidgets.sandbox.build.index import masked

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from amlwidgets.sandbox.protocols import Write

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_IN_MEMORY = 8_000_000
CANCELLED = "The build was cancelled."


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
        cancelled: When set, the build stops at the engine's next word and fails.

    Returns:
        The engine's error; empty when the image is there.
    """
    from docker.errors import DockerException

    with context(files) as packed:
        try:
            messages = client.api.build(
                fileobj=packed, custom_context=True, tag=tag, rm=True, forcerm=True, decode=True
            )  # fmt: skip
            for message in messages:
                if "stream" in message:
                    write(plain(message["stream"]))
                if "error" in message:
                    return plain(str(message["error"]))
                if cancelled is not None and cancelled.is_set():
                    # The engine ends a build whose client has gone.
                    messages.close()
                    return CANCELLED
        except (DockerException, OSError) as error:
            return plain(f"The Docker engine could not build: {error}")
    return ""


def plain(text: str) -> str:
    """Return the engine's text without colours and without passwords in addresses."""
    return masked(_COLOUR.sub("", text))
