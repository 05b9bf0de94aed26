"""The way to the Docker engine, and what marks things there as this sandbox's own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import NotAllowed, NotConnected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LABEL = "amlwidgets.sandbox"
"""Label on every image and container of a sandbox; its value is the sandbox's state folder."""

ROLE = "amlwidgets.role"
"""Label on containers that the Docker runtime supervises; its value is ``"service"``."""

BASE_LABEL = "amlwidgets.base"
"""Label on base images, which all sandboxes of a machine share."""

REPOSITORY = "amlwidgets"
"""First part of the names of our images."""

STORE = "amlwidgets-store"
"""First part of the names under which the engine keeps what the sandbox's registry serves."""

APP_ROOT = "/var/azureml-app"
PORT = 5001


def connect(timeout: float = 60) -> Any:
    """Return a docker-py client of the engine that the environment names (``DOCKER_HOST``, contexts apart).

    Args:
        timeout: Seconds that one answer may take.

    Raises:
        NotConnected: No engine answers.
        NotAllowed: The user has no right to use it.
    """
    from docker import from_env
    from docker.errors import DockerException

    try:
        client = from_env(timeout=timeout)
        client.ping()
    except (DockerException, OSError) as error:
        raise refusal(error) from error
    return client


def refusal(error: BaseException) -> NotConnected | NotAllowed:
    """Return the error for an engine that does not answer, in one sentence."""
    if "PermissionError" in repr(error) or "Permission denied" in str(error):
        return NotAllowed(
            "This user may not use the Docker engine (permission denied while trying to connect to the Docker daemon).",
            code="docker-denied",
            todo="Add your user to the docker group, then log in again.",
        )
    return NotConnected(
        "No Docker engine answers. Is the docker daemon running?",
        code="docker-down",
        todo="Start Docker (Docker Desktop, or: sudo systemctl start docker).",
    )


@contextlib.contextmanager
def engine(timeout: float = 60) -> Iterator[Any]:
    """Give a client for a moment.

    Raises:
        NotConnected: No engine answers.
        NotAllowed: The user has no right to use it.
    """
    client = connect(timeout)
    try:
        yield client
    finally:
        client.close()


def answers() -> bool:
    """Whether an engine answers to this user."""
    try:
        with engine(timeout=60):
            return True
    except (NotConnected, NotAllowed):
        return False


def mine(home: Path) -> dict[str, str]:
    """Return the label that marks what belongs to the sandbox in ``home``."""
    return {LABEL: str(home)}


def filter_of(home: Path, **more: str) -> dict[str, list[str]]:
    """Return the engine's filter for what carries the label of ``home`` (and ``more`` labels)."""
    labels = mine(home) | {key.replace("_", "."): value for key, value in more.items()}
    return {"label": [f"{name}={value}" for name, value in labels.items()]}
