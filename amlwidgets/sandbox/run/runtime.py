"""Runs containers as processes of this machine.

By hand::

    from pathlib import Path
    from amlwidgets.sandbox.protocols import ContainerSpec
    from amlwidgets.sandbox.run import ProcessRuntime

    root = Path("web1")                                   # put score.py into web1/var/azureml-app
    spec = ContainerSpec("web1", prefix, root, "score.py", "azureml-models/m/1", memory_gb=0.5, log=root / "log.txt")
    container = ProcessRuntime().start(spec)              # prefix: what UvBuilder.build returned
    container.status()                                    # Starting, Running, Ready, Waiting, Terminated
    container.spec.port                                   # POST to http://127.0.0.1:<port>/score
    container.stop()
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from amlwidgets.sandbox.run import isolation, records
from amlwidgets.sandbox.run.backoff import QUICK, REAL, Backoff
from amlwidgets.sandbox.run.container import ProcessContainer
from amlwidgets.sandbox.run.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlwidgets.sandbox.protocols import ContainerSpec


class ProcessRuntime:
    """Starts containers as processes, separated from the machine as far as it allows.

    This keeps faults apart, it does not keep an attacker out: the user's own script runs with the user's own rights.

    Args:
        speed: ``"quick"`` (waiting times are a fiftieth, CPU is limited from readiness on) or ``"1"`` (as in Azure).
        backoff: Waiting times between crashes; by default those of ``speed``.
        grace_seconds: Time between the request to end and the end by force; by default that of ``speed``.
        clock: Epoch seconds.
        isolate: ``"root"`` or ``"user"`` (namespaces) or ``"none"``; by default the strongest that works here.
        kernel_limits: Use control groups where possible.
    """

    name = "process"

    def __init__(
        self,
        speed: str = "quick",
        *,
        backoff: Backoff | None = None,
        grace_seconds: float | None = None,
        clock: Callable[[], float] = time.time,
        isolate: str | None = None,
        kernel_limits: bool = True,
    ) -> None:
        self._quick = speed == "quick"
        self._backoff = backoff or (QUICK if self._quick else REAL)
        self._grace = grace_seconds if grace_seconds is not None else (3.0 if self._quick else 30.0)
        self._clock, self._isolate, self._kernel_limits = clock, isolate, kernel_limits

    def start(self, spec: ContainerSpec) -> ProcessContainer:
        """Start the container and its supervision; returns at once.

        Port 0 takes a free one, and so does a port that somebody else has: ``.spec.port`` tells which.

        Raises:
            OSError: No port can be had.
        """
        root, prefix, log = (path.absolute() for path in (spec.root, spec.prefix, spec.log))
        spec = replace(spec, root=root, prefix=prefix, log=log)
        # Below the container's own folder nothing outlives it, even if the sandbox is killed at this moment.
        root.mkdir(parents=True, exist_ok=True)
        return ProcessContainer(
            spec,
            backoff=self._backoff,
            limits=Limits(spec, free_start=self._quick, kernel=self._kernel_limits),
            isolate=self._isolate or isolation.mode(root),
            grace_seconds=self._grace,
            clock=self._clock,
        )

    def reap(self, root: Path) -> list[int]:
        """End what a killed sandbox left behind in the container folders below ``root``; return the pids ended."""
        return records.reap(root)
