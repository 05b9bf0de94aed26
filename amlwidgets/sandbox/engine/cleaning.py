"""Removes from the engine what belongs to this sandbox, and nothing else: it all carries the sandbox's label."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from amlwidgets.docker_engine import engine
from amlwidgets.errors import AmlWidgetsError
from amlwidgets.sandbox.engine.client import BASE_LABEL, ROLE, filter_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG = logging.getLogger(__name__)
_MARK = "engine"
_LOCAL_SERVICE = "amlIsService"
_SERVICE_NAME = "amlServiceName"
"""Labels that azureml-core puts on the containers of local web services."""
_BUILD_SECONDS = 3600.0
"""A container that a build left behind is not touched sooner: the build may still be under way."""


def remember(home: Path) -> None:
    """Note that this sandbox has used the engine; without that note none is ever asked."""
    (home / _MARK).touch()


def containers(home: Path) -> int:
    """Remove every container of this sandbox, local web services included; return how many."""
    return _each(home, lambda client: [c for c in _containers(client, home) if _removed(c)])


def local_services(home: Path) -> list[str]:
    """Return the names of the local web services that the user has in the engine."""
    found: list[str] = []

    def look(client: Any) -> list[Any]:
        found.extend(
            c.labels.get(_SERVICE_NAME, c.name) for c in _containers(client, home) if _LOCAL_SERVICE in c.labels
        )
        return found

    _each(home, look)
    return sorted(found)


def left_behind(home: Path) -> int:
    """Remove what a killed sandbox left: supervised containers, and those of its builds; return how many.

    Local web services go on: they never were the sandbox's processes.
    """
    return _each(
        home, lambda client: [c for c in _containers(client, home) if _LOCAL_SERVICE not in c.labels and _removed(c)]
    )


def old_builds(home: Path) -> int:
    """Remove the containers that azureml-core's builds leave behind, once their build must be over; return how many."""

    def is_old(container: Any) -> bool:
        seconds = time.time() - _created(container)
        return not {_LOCAL_SERVICE, ROLE} & set(container.labels) and seconds > _BUILD_SECONDS

    return _each(home, lambda client: [c for c in _containers(client, home) if is_old(c) and _removed(c)])


def images(home: Path, port: int) -> int:
    """Remove every image of this sandbox; of the base image only the registry's name goes. Return how many."""

    def remove(client: Any) -> list[str]:
        # The plain listing: the richer one asks for each image again, and some may have gone meanwhile.
        ours = (f"127.0.0.1:{port}/", f"localhost:{port}/")
        bases = client.api.images(filters={"label": BASE_LABEL})
        wanted = [tag for base in bases for tag in base["RepoTags"] or [] if tag.startswith(ours)]
        # What others are built upon can be removed after these only: the newest first, and again what was left.
        newest_first = sorted(client.api.images(filters=filter_of(home)), key=lambda image: -image["Created"])
        wanted += [image["Id"] for image in newest_first]
        removed: list[str] = []
        while gone := [name for name in wanted if name not in removed and _image_removed(client, name)]:
            removed += gone
        return removed

    return _each(home, remove)


def _each(home: Path, work: Callable[[Any], list[Any]]) -> int:
    """Run ``work`` if this sandbox ever used the engine; an engine that is gone is no reason to fail."""
    if not (home / _MARK).exists():
        return 0
    from docker.errors import DockerException

    try:
        with engine(timeout=30) as client:
            return len(work(client))
    except (AmlWidgetsError, DockerException, OSError) as exc:
        LOG.warning("the Docker engine could not be cleaned: %s", exc)
        return 0


def _containers(client: Any, home: Path) -> list[Any]:
    return list(client.containers.list(all=True, filters=filter_of(home), ignore_removed=True))


def _removed(container: Any) -> bool:
    from docker.errors import APIError, NotFound

    try:
        container.remove(force=True, v=True)
    except NotFound:
        return False
    except APIError as exc:
        LOG.warning("container %s is not removed: %s", container.name, exc)
        return False
    return True


def _image_removed(client: Any, name: str) -> bool:
    from docker.errors import APIError

    try:
        client.images.remove(name, force=True)
    except APIError as exc:
        LOG.debug("image %s is not removed yet: %s", name, exc)
        return False
    return True


def _created(container: Any) -> float:
    from datetime import datetime

    return datetime.fromisoformat(container.attrs["Created"][:19] + "+00:00").timestamp()
