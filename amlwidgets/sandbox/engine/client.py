"""What marks things in the Docker engine as this sandbox's own; ``amlwidgets.docker_engine`` is the way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.docker_engine import engine
from amlwidgets.errors import NotAllowed, NotConnected

if TYPE_CHECKING:
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
