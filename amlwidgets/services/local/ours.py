"""What this package makes in the Docker engine: it carries our label, and goes with the process that made it."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from amlwidgets.docker_engine import errors, speaking
from amlwidgets.services.journal import is_alive, process_identity

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL = "amlwidgets.local"
"""On every container and image of ours; its value names the process that owns it, as ``host/pid@start time``."""


class Closes(Protocol):
    """Something of ours in the engine."""

    def close(self) -> None:
        """Remove it."""


_open: weakref.WeakSet[Closes] = weakref.WeakSet()
_left: set[str] = set()
"""Identifiers of what could not be removed, because the engine was away."""


def owner() -> str:
    """Return the label's value of what this process makes."""
    return f"{socket.gethostname()}/{process_identity()}"


def goes_with_the_process(thing: Closes) -> None:
    """Have something closed when this process ends, unless it is killed; the next start cleans up after that."""
    if not _open:
        atexit.unregister(_close_all)
        atexit.register(_close_all, os.getpid())
    _open.add(thing)


def _close_all(process: int) -> None:
    if os.getpid() == process:  # not in a fork
        for thing in list(_open):
            thing.close()


def removed(identifier: str, remove: Callable[[], Any]) -> None:
    """Remove something; when the engine is away, :func:`clean` tries again later.

    Args:
        identifier: Of the container or image.
        remove: Does it.
    """
    from docker.errors import NotFound

    try:
        remove()
    except NotFound:
        return
    except errors():
        _left.add(identifier)


def _lives(label: str) -> bool:
    """Whether the process that owns a container may still be there: of other hosts nobody here can say."""
    host, _, identity = label.partition("/")
    return host != socket.gethostname() or is_alive(identity)


def clean(client: Any) -> list[str]:
    """Remove containers (and copies' images) whose process has ended, and only what carries our label.

    Returns:
        Names of the containers.

    Raises:
        NotConnected: The engine does not answer.
    """
    gone = []
    # The plain listings: the richer ones ask for each thing again, and others may be removing theirs meanwhile.
    with speaking("looking for what was left behind"):
        containers = client.api.containers(all=True, filters={"label": LABEL})
        images = client.api.images(filters={"label": LABEL})
    for container in containers:
        if _unwanted(container):
            with contextlib.suppress(*errors()):
                client.api.remove_container(container["Id"], force=True, v=True)
                gone.append(str(container["Names"][0]).lstrip("/") if container["Names"] else container["Id"])
                _left.discard(container["Id"])
    for image in images:
        if _unwanted(image):
            with contextlib.suppress(*errors()):
                client.api.remove_image(image["Id"], force=True)
                _left.discard(image["Id"])
    return gone


def _unwanted(thing: dict[str, Any]) -> bool:
    return thing["Id"] in _left or not _lives(str((thing["Labels"] or {}).get(LABEL, "")))
