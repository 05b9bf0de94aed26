"""Runs containers with the Docker engine; the same states, logs, limits and exit codes as the process runtime."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from amlwidgets.sandbox.engine import cleaning
from amlwidgets.sandbox.engine.container import DockerContainer
from amlwidgets.sandbox.run.backoff import QUICK, REAL, Backoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlwidgets.sandbox.protocols import ContainerSpec


class DockerRuntime:
    """Starts containers with the engine, each published on one loopback port.

    Args:
        home: State folder of the sandbox, for the label on containers.
        speed: ``"quick"`` (waiting times are a fiftieth, CPU is limited from readiness on) or ``"1"`` (as in Azure).
        backoff: Waiting times between crashes; by default those of ``speed``.
        grace_seconds: Time between the request to end and the end by force; by default that of ``speed``.
        clock: Epoch seconds.
    """

    name = "docker"

    def __init__(
        self,
        home: Path,
        speed: str = "quick",
        *,
        backoff: Backoff | None = None,
        grace_seconds: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._home, self._quick = home, speed == "quick"
        self._backoff = backoff or (QUICK if self._quick else REAL)
        self._grace = grace_seconds if grace_seconds is not None else (3.0 if self._quick else 30.0)
        self._clock = clock

    def start(self, spec: ContainerSpec) -> DockerContainer:
        """Start the container and its supervision; returns at once.

        Port 0 takes a free one: ``.spec.port`` tells which.

        Raises:
            OSError: No port can be had.
        """
        cleaning.remember(self._home)
        spec = replace(spec, root=spec.root.absolute(), log=spec.log.absolute())
        return DockerContainer(
            spec, home=self._home, backoff=self._backoff, grace_seconds=self._grace, free_start=self._quick,
            clock=self._clock,
        )  # fmt: skip

    def reap(self, root: Path) -> list[int]:  # noqa: ARG002 - the engine knows what is ours by its label
        """Remove the containers that a killed sandbox left behind; they have no processes of ours to name."""
        cleaning.left_behind(self._home)
        return []
