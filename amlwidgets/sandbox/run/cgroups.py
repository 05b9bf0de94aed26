"""Limits by the kernel: one control group per container, where we may make one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_FS = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000
_SMALLEST_QUOTA_US = 1_000


@dataclass(frozen=True, slots=True)
class Group:
    """A container's control group (one folder with version 2, one per controller with version 1).

    Attributes:
        memory: Folder that limits memory.
        cpu: Folder that limits CPU, None when that controller is not ours to use.
        version: 1 or 2.
    """

    memory: Path
    cpu: Path | None
    version: int

    @property
    def folders(self) -> list[Path]:
        """Its folders."""
        return sorted({self.memory, self.cpu or self.memory})

    @property
    def members(self) -> list[Path]:
        """Files into which a process writes itself to join."""
        return [folder / "cgroup.procs" for folder in self.folders]

    def limit_cpu(self, cores: float) -> bool:
        """Limit CPU time to ``cores``; says whether that worked."""
        quota = max(_SMALLEST_QUOTA_US, int(cores * _PERIOD_US))
        if self.cpu is None:
            return False
        if self.version == 2:  # noqa: PLR2004
            return _write(self.cpu / "cpu.max", f"{quota} {_PERIOD_US}")
        return _write(self.cpu / "cpu.cfs_period_us", str(_PERIOD_US)) and _write(
            self.cpu / "cpu.cfs_quota_us", str(quota)
        )

    def oom_kills(self) -> int:
        """Return how often the kernel killed a process of the group for memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        match = re.search(r"^oom_kill (\d+)", _read(self.memory / name), re.MULTILINE)
        return int(match[1]) if match else 0

    def peak_bytes(self) -> int:
        """Return the highest memory use seen (0 where the kernel does not keep it)."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        text = _read(self.memory / name).strip()
        return int(text) if text.isdigit() else 0

    def pids(self) -> list[int]:
        """Return the processes of the group."""
        return [int(line) for line in _read(self.memory / "cgroup.procs").split()]

    def remove(self, seconds: float = 5.0) -> None:
        """Remove the group; its last processes may still be on their way out."""
        deadline = time.monotonic() + seconds
        for folder in self.folders:
            while folder.exists() and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.01)


def make(name: str, memory_bytes: int) -> Group | None:
    """Make a group with that memory limit, or None where we may not."""
    group = _make_v1(name) or _make_v2(name)
    if group is None:
        return None
    if _limit_memory(group, memory_bytes):
        return group
    group.remove(0.0)
    return None


def remove_by_name(name: str) -> None:
    """End and remove a group of an earlier life, wherever that life was allowed to make it.

    Raises:
        ValueError: That is not the name of a container's group.
    """
    if not re.fullmatch(r"amlwidgets-[\w.-]+", name):
        raise ValueError(f"not a container's group: {name}")
    for folder in _FS.rglob(name):
        group = Group(folder, None, 2)
        for pid in group.pids():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        group.remove(1.0)


def _limit_memory(group: Group, memory_bytes: int) -> bool:
    if group.version == 1:
        done = _write(group.memory / "memory.limit_in_bytes", str(memory_bytes))
        # Swap would let a process grow beyond its limit; kernels without swap accounting lack the file.
        _write(group.memory / "memory.memsw.limit_in_bytes", str(memory_bytes))
        return done
    _write(group.memory / "memory.swap.max", "0")
    # Azure's hosts kill the process that is too big, and the server's master starts another one.
    _write(group.memory / "memory.oom.group", "0")
    return _write(group.memory / "memory.max", str(memory_bytes))


def _own_groups() -> dict[str, str]:
    """Return our own group by controller; the key ``""`` is version 2's."""
    groups: dict[str, str] = {}
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    return groups


def _make_v1(name: str) -> Group | None:
    """Make a group below our own, so that limits set on us hold for it as well."""
    own = _own_groups()
    memory = _child_v1("memory", own, name)
    if memory is None:
        return None
    return Group(memory, _child_v1("cpu", own, name), 1)


def _child_v1(controller: str, own: dict[str, str], name: str) -> Path | None:
    mounted = next((_FS / n for n in (controller, "cpu,cpuacct") if (_FS / n / "cgroup.procs").exists()), None)
    if controller not in own or mounted is None:
        return None
    return _mkdir(mounted / own[controller].strip("/") / name)


def _make_v2(name: str) -> Group | None:
    """Make a group in the nearest ancestor that hands on the memory controller and lets us.

    Version 2 allows processes in leaves only, so a group that holds us cannot have children with controllers:
    ours becomes a sibling.
    """
    own = _own_groups().get("")
    if own is None or not (_FS / "cgroup.controllers").exists():
        return None
    for parent in (_FS / own.strip("/"), *(_FS / own.strip("/")).parents):
        if not parent.is_relative_to(_FS):
            return None
        handed_on = _read(parent / "cgroup.subtree_control").split()
        if "memory" in handed_on and (folder := _mkdir(parent / name)):
            return Group(folder, folder if "cpu" in handed_on else None, 2)
    return None


def _mkdir(folder: Path) -> Path | None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder / "cgroup.procs", os.W_OK) else None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""


def _write(path: Path, text: str) -> bool:
    try:
        path.write_text(text, "utf-8")
    except OSError:
        return False
    return True
