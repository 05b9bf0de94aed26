"""Notes on running containers, so that what a killed sandbox left behind can be ended at the next start."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from amlwidgets.sandbox.run import cgroups, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOTE = "process.json"
_GROUP = "group.txt"
_SAME_START_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Note:
    """A running attempt: its first process, and the groups that hold the rest.

    Attributes:
        pid: First process.
        started: Its start time in epoch seconds, which tells it from a later process with the same pid.
        groups: Folders of its control groups.
    """

    pid: int
    started: float
    groups: Sequence[str]


def write(root: Path, pid: int, groups: Sequence[Path]) -> None:
    """Note an attempt in the container's folder ``root``."""
    with contextlib.suppress(psutil.NoSuchProcess):
        note = Note(pid, psutil.Process(pid).create_time(), [str(group) for group in groups])
        draft = root / f"{_NOTE}.draft"
        draft.write_text(json.dumps(asdict(note)), "utf-8")
        draft.replace(root / _NOTE)


def clear(root: Path) -> None:
    """Forget the attempt: it has ended."""
    (root / _NOTE).unlink(missing_ok=True)


def announce(root: Path, group: str) -> None:
    """Note the name of a container's control group in its folder, before the group is made."""
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True)
        (root / _GROUP).write_text(group, "utf-8")


def withdraw(root: Path) -> None:
    """Forget the control group: it is gone."""
    with contextlib.suppress(OSError):
        (root / _GROUP).unlink(missing_ok=True)


def reap(root: Path) -> list[int]:
    """End what the notes below ``root`` tell of, and return the pids that were killed.

    A process is only touched when its start time is the noted one, so a pid that has been given to another
    process since is never hit.
    """
    killed = []
    for path in sorted(root.rglob(_NOTE)):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            note = Note(**json.loads(path.read_text("utf-8")))
            killed += _end(note, path.parent)
        path.unlink(missing_ok=True)
    for path in root.rglob(_GROUP):
        with contextlib.suppress(OSError, ValueError):
            cgroups.remove_by_name(path.read_text("utf-8"))
            path.unlink()
    return killed


def _end(note: Note, root: Path) -> list[int]:
    processes = list({p.pid: p for p in (*_tree_of(note), *_members(note), *watch.marked(root))}.values())
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    watch.wait_gone(processes, 5)
    for group in note.groups:
        with contextlib.suppress(OSError):
            Path(group).rmdir()
    return [process.pid for process in processes]


def _tree_of(note: Note) -> list[psutil.Process]:
    try:
        started = psutil.Process(note.pid).create_time()
    except psutil.Error:
        return []
    return watch.tree(note.pid) if abs(started - note.started) < _SAME_START_SECONDS else []


def _members(note: Note) -> list[psutil.Process]:
    """Return the processes of the container's control groups, which nothing else uses."""
    found = {}
    for group in note.groups:
        with contextlib.suppress(OSError):
            for pid in (Path(group) / "cgroup.procs").read_text("ascii").split():
                with contextlib.suppress(psutil.Error):
                    found[int(pid)] = psutil.Process(int(pid))
    return list(found.values())
