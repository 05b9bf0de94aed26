"""Builds environments as images of the Docker engine."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.docker_engine import engine
from amlwidgets.errors import AmlWidgetsError
from amlwidgets.sandbox.build.definition import content_key
from amlwidgets.sandbox.engine import base, building, dockerfile, settings
from amlwidgets.sandbox.engine.client import REPOSITORY, answers
from amlwidgets.sandbox.protocols import BuildResult, Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUILD_SECONDS = 1800.0
"""How long the engine may say nothing during a build."""


def image_of(prefix: Path) -> str:
    """Return the name of the image that holds the environment in ``prefix``."""
    return f"{REPOSITORY}/{prefix.name}:latest"


class DockerBuilder:
    """Builds azureml environments with the engine; the ``prefix`` of a result is its folder inside of the image.

    Args:
        home: State folder of the sandbox.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def key(self, environment: Mapping[str, Any]) -> str:
        """Return the content key of ``environment``: its content, base image, package indexes, and whose it is."""
        return content_key(environment, base.name(self._home), settings.arguments(), str(self._home))

    def find(self, key: str) -> BuildResult | None:
        """Return the earlier successful build of that key, or None."""
        if not answers():
            return None
        with engine() as client:
            return self._find(client, key)

    def build(
        self, environment: Mapping[str, Any], write: Write, cancelled: threading.Event, *, files: Sequence[str] = ()
    ) -> BuildResult:
        """Build, writing the engine's log as it appears. Failures are results, never exceptions.

        Args:
            environment: The definition as the client sends it.
            write: Receives the log.
            cancelled: When set, the build stops at the engine's next word and fails.
            files: Names of files that are mounted into the container later.
        """
        key = self.key(environment)
        try:
            definition = dockerfile.definition_of(environment)
            with self._lock(key), engine(BUILD_SECONDS) as client:
                steps = self._steps(client, environment, key, definition, write)
                found = self._find(client, key)
                content = dockerfile.environment_files(definition, write)
                content["Dockerfile"] = ("\n".join(steps) + "\n").encode()
                # Built before, the engine names the steps and says "Using cache".
                error = building.build(client, content, image_of(_prefix(key)), write, cancelled)
        except dockerfile.CannotBuild as problem:
            error, found = f"The conda file cannot be carried over to this machine: {problem}", None
        except AmlWidgetsError as refusal:
            error, found = str(refusal), None
        if error:
            write(f"sandbox: {error}\n")
            return BuildResult(ok=False, key=key, error=error)
        for name in files:
            write(f"sandbox: {name} is added when the container starts\n")
        return BuildResult(ok=True, key=key, prefix=_prefix(key), reused=found is not None)

    def _steps(self, client: Any, environment: Mapping[str, Any], key: str, definition: Any, write: Write) -> list[str]:
        name = base.ensure(client, self._home, lambda line: write(line + "\n"))
        own = dockerfile.own_steps_of(environment)
        return dockerfile.environment_steps(name, self._home, _prefix(key).name, definition, own)

    def _find(self, client: Any, key: str) -> BuildResult | None:
        from docker.errors import ImageNotFound

        try:
            client.images.get(image_of(_prefix(key)))
        except ImageNotFound:
            return None
        return BuildResult(ok=True, key=key, prefix=_prefix(key), reused=True)

    def _lock(self, key: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())


def _prefix(key: str) -> Path:
    return Path(dockerfile.home(f"azureml_{key}"))
