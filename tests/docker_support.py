"""What the Docker tests share: whether there is an engine, and what of a sandbox is left in it."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import pytest

from amlwidgets.docker_engine import engine
from amlwidgets.errors import AmlWidgetsError
from amlwidgets.sandbox.engine import base, rootfs
from amlwidgets.sandbox.engine.client import filter_of


@functools.cache
def missing() -> str:
    """Why Docker tests cannot run here; empty when they can."""
    try:
        with engine(timeout=60) as client:
            if base.find(client) or base.configured() or rootfs.available():
                return ""
            return "no base image can be made here: mmdebstrap is not installed"
    except AmlWidgetsError as error:
        return error.message


needs_engine = [pytest.mark.docker, pytest.mark.network, pytest.mark.skipif(bool(missing()), reason=missing())]


def left_of(home: Path) -> list[str]:
    """Names of the containers and images that carry the label of the sandbox in ``home``."""
    with engine() as client:
        containers = client.containers.list(all=True, filters=filter_of(home), ignore_removed=True)
        images = client.api.images(filters=filter_of(home))
        return [*(c.name for c in containers), *(str(i["RepoTags"] or i["Id"]) for i in images)]


def docker(*arguments: str, text: str | None = None, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the docker program as a user would."""
    return subprocess.run(
        ["docker", *arguments], input=text, capture_output=True, text=True, check=False, timeout=seconds
    )
