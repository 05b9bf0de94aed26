"""Where built environments are kept: one folder per content key, usable once its marker is written.

::

    root/<key>/prefix/          the environment, at its final place (pip writes absolute paths into scripts)
    root/<key>/image.json       the marker: written last, so that a killed build leaves nothing that counts
    root/<key>/Dockerfile       and conda.json, requirements.txt, freeze.txt: what it was made of
    root/<key>.log              log of the last build of that key; those who wait for it read along
    root/<key>.failed           how the last build of that key failed
    root/<key>.lock             held while building, across threads and processes
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.build.process import BuildCancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Lock:
    """A key's lock: its descriptor, and whether another build had to be waited for."""

    handle: int
    waited: bool


class ImageStore:
    """Folders of built environments below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def folder(self, key: str) -> Path:
        """Return the folder of a key, which need not exist."""
        return self.root / key

    def prefix(self, key: str) -> Path:
        """Return the environment's folder of a key."""
        return self.folder(key) / "prefix"

    def log(self, key: str) -> Path:
        """Return the log file of the last build of a key."""
        return self.root / f"{key}.log"

    def image(self, key: str) -> dict[str, Any] | None:
        """Return what is recorded of a finished build (digest, size, packages ...), or None."""
        try:
            record: dict[str, Any] = json.loads((self.folder(key) / "image.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return record if (self.prefix(key) / "bin" / "python").exists() else None

    def fresh(self, key: str) -> Path:
        """Return an empty folder for a build; what an earlier, unfinished one left is removed."""
        folder = self.folder(key)
        (folder / "image.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def commit(self, key: str, record: dict[str, Any]) -> None:
        """Declare a build finished."""
        _write_json(self.folder(key) / "image.json", record)
        self._failed(key).unlink(missing_ok=True)

    def discard(self, key: str, error: str) -> None:
        """Remove a failed build's folder and remember the error for those who waited for it."""
        shutil.rmtree(self.folder(key), ignore_errors=True)
        _write_json(self._failed(key), {"error": error, "at": time.time_ns()})

    def failure_since(self, key: str, time_ns: int) -> str | None:
        """Return the error of a build that failed after ``time_ns``, or None."""
        try:
            record = json.loads(self._failed(key).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return str(record["error"]) if record["at"] >= time_ns and record["error"] else None

    @contextmanager
    def lock(self, key: str, cancelled: threading.Event, waiting: Callable[[], None]) -> Iterator[Lock]:
        """Hold the key's lock, calling ``waiting`` again and again while another build has it.

        The kernel drops the lock when the last process with the open file has ended.

        Raises:
            BuildCancelled: ``cancelled`` was set while waiting.
        """
        waited = False
        with (self.root / f"{key}.lock").open("w") as handle:
            while not _try_lock(handle.fileno()):
                waited = True
                waiting()
                if cancelled.wait(_POLL_SECONDS):
                    raise BuildCancelled
            yield Lock(handle.fileno(), waited)

    def _failed(self, key: str) -> Path:
        return self.root / f"{key}.failed"


def _try_lock(handle: int) -> bool:
    """Take the lock if it is free; it belongs to the open file, so it separates threads as well as processes."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_json(path: Path, value: dict[str, Any]) -> None:
    draft = path.with_name(path.name + ".draft")
    draft.write_text(json.dumps(value, indent=1), "utf-8")
    draft.replace(path)


class Follower:
    """Reads along a log file that another build is writing."""

    def __init__(self, path: Path, write: Callable[[str], None]) -> None:
        self._path, self._write, self._position = path, write, 0

    def step(self) -> None:
        """Hand on what was added."""
        try:
            with self._path.open("rb") as log:
                if log.seek(0, os.SEEK_END) < self._position:
                    self._position = 0
                log.seek(self._position)
                chunk = log.read()
        except OSError:
            return
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines(keepends=True):
            self._write(line.decode("utf-8", "replace"))
