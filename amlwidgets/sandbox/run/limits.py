"""The limits of one container: by the kernel where it lets us, by looking often where it does not."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
from typing import TYPE_CHECKING

import psutil

from amlwidgets.sandbox.run import cgroups, records
from amlwidgets.sandbox.run.watch import MemoryWatch, Seen

if TYPE_CHECKING:
    from amlwidgets.sandbox.protocols import ContainerSpec

_GB = 1024**3


class Limits:
    """Memory and CPU limits of a container over all its attempts.

    Args:
        spec: The container.
        free_start: Do not limit CPU before the container is ready (starting is what costs the time).
        kernel: Use a control group where possible.
    """

    def __init__(self, spec: ContainerSpec, *, free_start: bool, kernel: bool = True) -> None:
        self._cpu, self._free_start = spec.cpu, free_start
        self._memory_bytes = int(spec.memory_gb * _GB)
        self._seen = Seen()
        self._watch: MemoryWatch | None = None
        name = f"amlwidgets-{spec.name}-{secrets.token_hex(4)}"
        self._root = spec.root
        if kernel:
            records.announce(spec.root, name)
        self.group = cgroups.make(name, self._memory_bytes) if kernel else None
        self._cpu_by_kernel = bool(self.group and self.group.limit_cpu(self._cores_at_start()))
        self.words = self._describe()

    @property
    def cpus(self) -> list[int]:
        """Processors to which the container is bound; empty for all of them."""
        if self._cpu_by_kernel or not hasattr(os, "sched_getaffinity"):
            return []
        usable = sorted(os.sched_getaffinity(0))
        wanted = max(1, math.ceil(self._cpu))
        first = secrets.randbelow(len(usable))  # containers spread over the processors
        return [] if wanted >= len(usable) else [usable[(first + i) % len(usable)] for i in range(wanted)]

    def begin(self, pid: int, ours: int) -> None:
        """Take charge of an attempt with first process ``pid``; the first ``ours`` generations are the sandbox's."""
        self.unbind()
        if self.group is None:
            self._watch = MemoryWatch(pid, self._memory_bytes, self._seen, skip=ours)
            self._watch.start()

    def unbind(self) -> None:
        """Lift the CPU limit while starting or ending, where that is wanted."""
        if self._cpu_by_kernel and self.group:
            self.group.limit_cpu(self._cores_at_start())

    def ready(self) -> None:
        """Take note that the container is ready: the CPU limit holds from now on."""
        if self._cpu_by_kernel and self.group:
            self.group.limit_cpu(self._cpu)

    def end(self) -> None:
        """Take note that the attempt has ended: nothing of it may remain."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        for pid in self.group.pids() if self.group else ():
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).kill()  # the group is ours alone: whatever is left in it ran away

    def close(self) -> None:
        """Give back what the kernel holds."""
        if self.group is not None:
            self._seen.kills, self._seen.peak_bytes = self.oom_kills, self.peak_bytes
            self.group.remove()
            self.group = None
            records.withdraw(self._root)

    @property
    def oom_kills(self) -> int:
        """How often something was killed for memory."""
        return self.group.oom_kills() if self.group else self._seen.kills

    @property
    def peak_bytes(self) -> int:
        """Highest memory seen."""
        return self.group.peak_bytes() if self.group else self._seen.peak_bytes

    def _cores_at_start(self) -> float:
        return float(max(os.cpu_count() or 1, self._cpu)) if self._free_start else self._cpu

    def _describe(self) -> str:
        if self._cpu_by_kernel:
            when = " once it is ready; starting is not slowed down" if self._free_start else ""
            return f"{self._cpu:g} cores, enforced by the kernel{when}"
        if self.cpus:
            return f"bound to {max(1, math.ceil(self._cpu))} whole cores; a share of a core cannot be enforced here"
        return "not enforced on this machine"
