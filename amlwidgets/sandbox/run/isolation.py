"""How far containers can be separated from the machine here, and how the launcher is called."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAUNCHER = Path(__file__).with_name("launcher.py")
_log = logging.getLogger(__name__)
_TRIES = 3
"""Mounts that come and go elsewhere can spoil one try, and what was found holds as long as the sandbox runs."""
APP_ROOT = "/var/azureml-app"
HOME = "/home/dockeruser"


@dataclass(frozen=True, slots=True)
class View:
    """Where things are, as the container's processes see them.

    Attributes:
        mode: ``"root"`` or ``"user"`` (namespaces), or ``"none"``.
        app_root: Folder of the scripts; ``/var/azureml-app`` with namespaces, the real folder without.
        prefix: Folder of the environment.
        home: Home folder.
        show: What the launcher must make appear, empty without namespaces.
    """

    mode: str
    app_root: str
    prefix: str
    home: str
    show: Mapping[str, str] = field(default_factory=dict)


_found: list[str] = []


def mode(scratch: Path | None = None) -> str:
    """Return the strongest separation that works here, by trying it once: ``"root"``, ``"user"`` or ``"none"``.

    Args:
        scratch: Where to try it; the folder for temporary files by default.
    """
    if not _found:
        _found.append(_strongest(scratch))
    return _found[0]


def _strongest(scratch: Path | None) -> str:
    if sys.platform != "linux":
        return "none"
    for candidate in ("root",) if os.getuid() == 0 else ("user",):
        if _works(candidate, scratch):
            return candidate
    return "none"


def _works(candidate: str, scratch: Path | None) -> bool:
    """Whether a command can be run with that separation (containers and hardened systems forbid it)."""
    said = ""
    for _ in range(_TRIES):
        done = _tried(candidate, scratch)
        if done.returncode == 0:
            return True
        said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    _log.warning("Containers are not separated from this machine (%s): %s", candidate, said)
    return False


def _tried(candidate: str, scratch: Path | None) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        staging, shown = Path(folder, "staging"), Path(folder, "shown")
        staging.mkdir()
        shown.mkdir()
        show = {APP_ROOT: str(shown)}
        task = launch(["test", "-d", APP_ROOT], cwd="/", isolate=candidate, staging=staging, show=show)
        return subprocess.run(task, capture_output=True, text=True, check=False, timeout=30)


def view(root: Path, prefix: Path, isolate: str) -> View:
    """Return where a container with these folders sees them."""
    app, home = root / "var" / "azureml-app", root / "home"
    if isolate == "none":
        return View(isolate, str(app), str(prefix), str(home))
    shown = f"/azureml-envs/azureml_{prefix.parent.name if prefix.name == 'prefix' else prefix.name}"
    return View(isolate, APP_ROOT, shown, HOME, {APP_ROOT: str(app), shown: str(prefix), HOME: str(home)})


def launch(
    command: Sequence[str],
    *,
    cwd: str,
    isolate: str,
    staging: Path,
    show: Mapping[str, str],
    groups: Sequence[Path] = (),
    cpus: Sequence[int] = (),
    listen: int = -1,
    hostname: str = "sandbox",
) -> list[str]:
    """Return the command that runs ``command`` through the launcher (see there for the arguments)."""
    task = {
        "command": list(command),
        "cwd": cwd,
        "parent": os.getpid(),
        "groups": [str(group) for group in groups],
        "cpus": list(cpus),
        "listen": listen,
        "isolate": isolate,
        "staging": str(staging),
        "show": dict(show),
        "hostname": hostname,
    }
    return [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(task)]
