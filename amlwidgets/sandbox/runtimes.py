"""What containers are in this sandbox: processes of the machine, or the containers of a Docker engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.protocols import Builder, Runtime

PROCESS, DOCKER, AUTO = "process", "docker", "auto"
RUNTIMES = (PROCESS, DOCKER, AUTO)


def choose(wanted: str) -> str:
    """Return ``"process"`` or ``"docker"``; ``"auto"`` takes Docker when an engine answers."""
    if wanted != AUTO:
        return wanted
    from amlwidgets.sandbox.engine.client import answers

    return DOCKER if answers() else PROCESS


def make_runtime(app: App) -> Runtime:
    """Return what runs containers."""
    if app.runtime == DOCKER:
        from amlwidgets.sandbox.engine.runtime import DockerRuntime

        return DockerRuntime(app.home, speed=app.clock.speed)
    from amlwidgets.sandbox.run import ProcessRuntime

    return ProcessRuntime(speed=app.clock.speed)


def make_builder(app: App) -> Builder:
    """Return what builds images for that runtime."""
    if app.runtime == DOCKER:
        from amlwidgets.sandbox.engine.builder import DockerBuilder

        return DockerBuilder(app.home)
    from amlwidgets.sandbox.build import UvBuilder

    return UvBuilder(app.home / "images")
