"""Runs a command, handing on its output line by line, until it ends or is cancelled."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

from amlwidgets.sandbox.build.index import masked

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from amlwidgets.sandbox.protocols import Write

_POLL_SECONDS = 0.05


class BuildCancelled(Exception):
    """Cancellation was asked for; what ran has been ended."""


def run(
    command: Sequence[str | Path],
    write: Write,
    cancelled: threading.Event,
    *,
    environment: Mapping[str, str],
    folder: Path,
    seconds: float = math.inf,
    keep_open: int | None = None,
) -> int:
    """Run ``command`` and return its exit status (128 + signal when it was killed).

    Credentials in addresses are masked in what is written. ``keep_open`` is a descriptor that the command inherits:
    a lock on that file then holds as long as anything of the command runs, even when we are killed meanwhile.

    Raises:
        BuildCancelled: ``cancelled`` was set; the process tree is gone.
        TimeoutError: it took longer than ``seconds``; the process tree is gone.
    """
    if cancelled.is_set():
        raise BuildCancelled
    deadline = time.monotonic() + seconds
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        cwd=folder,
        start_new_session=True,
        pass_fds=() if keep_open is None else (keep_open,),
    )
    try:
        _copy(process, write, cancelled, deadline)
    except BaseException:
        kill_tree(process.pid)  # not yet waited for, so the pid is still this process
        raise
    finally:
        status = process.wait()
        if process.stdout:
            process.stdout.close()
    return 128 - status if status < 0 else status


def _copy(process: subprocess.Popen[bytes], write: Write, cancelled: threading.Event, deadline: float) -> None:
    """Hand on whole lines as they appear, until the output is closed or the process has ended."""
    if process.stdout is None:
        return
    handle, rest = process.stdout.fileno(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        while True:
            if cancelled.is_set():
                raise BuildCancelled
            if time.monotonic() > deadline:
                raise TimeoutError
            if not selector.select(_POLL_SECONDS):
                # A child that keeps the pipe open must not hold up a command that has ended.
                if process.poll() is not None:
                    break
                continue
            chunk = os.read(handle, 65536)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                _write_line(line, write)
    if rest:
        _write_line(rest, write)


def _write_line(line: bytes, write: Write) -> None:
    write(masked(line.decode("utf-8", "replace").rstrip("\r")) + "\n")


def kill_tree(pid: int) -> None:
    """End a process that leads its own session, with all that descends from it."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
