"""Recipes that provoke a failure for real, and what they share.

A recipe runs real software in a folder of its own and returns what that software printed. ``record.py`` keeps the
texts beside this folder, so that everybody can read them; ``test_provoked.py`` checks that each is diagnosed, and
provokes them anew where the software is at hand.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BIN = Path(sys.executable).parent
DEADLINE = 60.0


@dataclass(frozen=True)
class Recipe:
    """How one cause is provoked.

    Attributes:
        name: Also the name of the recorded text.
        cause: Slug that has to be named first.
        how: What was run, for people who want to see it with their own eyes.
        needs: Programs, and modules as ``python:NAME``, without which it cannot run.
        mark: Marker of the live test.
        run: Returns what was printed; its argument is an empty folder.
    """

    name: str
    cause: str
    how: str
    needs: tuple[str, ...]
    mark: str
    run: Callable[[Path], str]

    def missing(self) -> list[str]:
        """What is not here."""
        return [need for need in self.needs if not _is_here(need)]

    def printed_by(self) -> str:
        """Versions of the programs that it needs."""
        return "".join(
            f"; {need} {said(need, '--version').split()[-1]}" for need in self.needs if need in _TELL_VERSION
        )


_TELL_VERSION = ("azurite-blob",)
RECIPES: dict[str, Recipe] = {}


def provokes(
    cause: str, how: str, *, needs: tuple[str, ...] = (), mark: str = "sandbox"
) -> Callable[[Callable[[Path], str]], Callable[[Path], str]]:
    """Register a recipe."""

    def register(run: Callable[[Path], str]) -> Callable[[Path], str]:
        name = run.__name__.replace("_", "-")
        RECIPES[name] = Recipe(name, cause, how, needs, mark, run)
        return run

    return register


def _is_here(need: str) -> bool:
    if need == "root":
        return os.geteuid() == 0
    if need.startswith("python:"):
        return (
            subprocess.run(
                [python_of(need[7:]), "-c", f"import {need[7:]}"], capture_output=True, check=False
            ).returncode
            == 0
        )
    return shutil.which(need, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


def python_of(module: str) -> str:
    """Return the interpreter that has a module: for PyTorch the one named by AMLW_PROVOKE_PYTHON, if it is set."""
    return os.environ.get("AMLW_PROVOKE_PYTHON", sys.executable) if module == "torch" else sys.executable


def said(*command: str | Path, cwd: Path | None = None, text: str = "", seconds: float = DEADLINE, **env: str) -> str:
    """Run a program; return what it printed on both of its outputs, in order."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **env}, input=text, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False,
    )  # fmt: skip
    return done.stdout


def python_says(code: str, cwd: Path, python: str = sys.executable, **env: str) -> str:
    """Run a script of the user's own, so that tracebacks name a file."""
    script = cwd / "train.py"
    script.write_text(code)
    return said(python, script, cwd=cwd, **env)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], seconds: float = DEADLINE) -> bool:
    """Ask until it is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def listening(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(*command: str | Path, cwd: Path, log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs meanwhile; its outputs go to a file."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=cwd, env={**os.environ, **env}, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def scrub(text: str, folder: Path) -> str:
    """Leave out what only this machine has: its folders, its package index, colours."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    for place, plain in (
        (str(folder), "/home/me/work"), (str(BIN.parent), "/opt/env"), (sysconfig.get_paths()["stdlib"], "/usr/lib/python3.11"),
        (str(Path(python_of("torch")).parent.parent), "/opt/env"), (str(Path.home()), "/home/me"),
    ):  # fmt: skip
        text = text.replace(place, plain)
    text = re.sub(r"/tmp/(?:pytest-of-\w+/)?[\w./-]*?(?=[\s\"':,)]|$)", "/tmp/x", text)
    skipped = re.compile(r"^\s*(?:Looking in (?:indexes|links)|WARNING: Location .file|\[notice\]|warning: .*hardlink)")
    return "".join(line for line in text.splitlines(keepends=True) if not skipped.match(line))
