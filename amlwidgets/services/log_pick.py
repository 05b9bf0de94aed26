"""The source of a log for whatever the user has at hand."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput
from amlwidgets.services.log_container import ContainerSource
from amlwidgets.services.log_merge import MergedSource
from amlwidgets.services.log_sources import (
    BuildLogSource,
    FileSource,
    IterableSource,
    ServiceSource,
    TextSource,
)

if TYPE_CHECKING:
    from amlwidgets.services.log_sources import LogSource


def source_of(source: Any) -> LogSource:
    """Return the source for whatever the user has at hand.

    Args:
        source: Text (``str``, ``bytes``), a file (``os.PathLike``), a web service or an Image of azureml-core, an
            environment's build, a Docker container, or an iterable of lines. A list of these, or a ``dict`` from names
            to these, is merged by time.

    Raises:
        BadInput: it has no log.
    """
    if isinstance(source, dict):
        return MergedSource({str(name): source_of(one) for name, one in source.items()})
    if isinstance(source, list | tuple) and source and not isinstance(source[0], str | bytes):
        return MergedSource(_named([source_of(one) for one in source]))
    found = _single(source)
    if found is None:
        raise BadInput(
            f"A {type(source).__name__} has no log.",
            code="no-log",
            todo="Give a text, a path, a web service, an image, a Docker container, or an iterable of lines.",
        )
    return found


def _single(source: Any) -> LogSource | None:
    address = getattr(source, "image_build_log_uri", None) or getattr(source, "log_url", None)
    found: LogSource | None = None
    if isinstance(source, str | bytes):
        found = TextSource(source)
    elif isinstance(source, os.PathLike):
        found = FileSource(source)
    elif hasattr(source, "get_logs"):
        found = ServiceSource(source)
    elif isinstance(address, str) and address:
        name = getattr(source, "name", "")
        found = BuildLogSource(address, f"build log of {name}" if name else "image build log")
    elif type(source).__module__.startswith("docker.models.containers"):
        found = ContainerSource(source)
    elif isinstance(source, io.IOBase) or (hasattr(source, "__iter__") and not isinstance(source, set)):
        found = IterableSource(source)
    return found


def _named(sources: list[LogSource]) -> dict[str, LogSource]:
    """Return sources by name; equal names get a number."""
    named: dict[str, LogSource] = {}
    for source in sources:
        name = source.name.removeprefix("log of ")
        number = sum(1 for other in named if other == name or other.rpartition(" ")[0] == name)
        named[f"{name} {number + 1}" if number else name] = source
    return named
