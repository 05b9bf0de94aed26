"""The memory limit where there is no control group: look at the process tree often, kill as the kernel would."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

INTERVAL_SECONDS = 0.02


# Without it, every process of the machine has to be looked at for its parent.
_KERNEL_LISTS_CHILDREN = Path(f"/proc/self/task/{threading.get_native_id()}/children").exists()


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all that descend from it, itself first; empty when it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def descendants(pid: int, *, skip: int = 0) -> list[int]:
    """Return a process and all that descend from it, without the first ``skip`` generations."""
    found: list[int] = []
    generation = [pid]
    while generation:
        if skip <= 0:
            found += generation
        skip -= 1
        generation = [child for parent in generation for child in children(parent)]
    return found


def children(pid: int) -> list[int]:
    """Return a process's children."""
    if not _KERNEL_LISTS_CHILDREN:
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found.extend(int(child) for child in (task / "children").read_text("ascii").split())
    return found


def marked(root: Path) -> list[psutil.Process]:
    """Return the processes that carry the temporary folder of the container in ``root``: it is in no other's variables.

    This finds what left the process tree on purpose, where the kernel does not keep them together.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("TMPDIR") == str(root / "tmp"):
                found.append(process)
    return found


def wait_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until the processes have ended; return those that have not. One that nobody collects has ended."""
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if _lives(process)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.005)
    return []


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def resident_bytes(pid: int) -> int:
    """Return a process's resident memory, 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def proportional_bytes(pid: int) -> int:
    """Return a process's memory with shared pages divided among those who share them; resident memory elsewhere."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return resident_bytes(pid)
    match = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else resident_bytes(pid)


@dataclass(slots=True)
class Seen:
    """What a watch has seen so far."""

    peak_bytes: int = 0
    kills: int = 0


class MemoryWatch:
    """Looks at a process tree every 20 ms and kills its biggest process when the tree is over the limit.

    Memory that is taken and given back within that time can go unnoticed; the kernel's own limit would notice.

    Args:
        pid: Root of the tree.
        limit_bytes: Limit of the whole tree.
        seen: Where the findings are added up.
        skip: How many generations from the root on are the sandbox's own: they neither count nor are killed.
    """

    def __init__(self, pid: int, limit_bytes: int, seen: Seen, *, skip: int = 0) -> None:
        self._pid, self._limit, self._seen, self._skip = pid, limit_bytes, seen, skip
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"memory-{pid}", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_SECONDS):
            self.look()

    def look(self) -> None:
        """Look once."""
        sizes = {pid: resident_bytes(pid) for pid in descendants(self._pid, skip=self._skip)}
        total = sum(sizes.values())
        if total > self._limit:
            # Resident memory counts shared pages more than once: be exact before killing.
            total = sum(proportional_bytes(pid) for pid in sizes)
        self._seen.peak_bytes = max(self._seen.peak_bytes, total)
        if total > self._limit:
            self._kill(max(sizes, key=sizes.__getitem__))

    def _kill(self, pid: int) -> None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            process.kill()
            self._seen.kills += 1
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(timeout=1)  # else the same process would be counted again while it goes
