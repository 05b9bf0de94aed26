"""Bicep is compiled by Azure's own tool, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from amlwidgets.errors import BadInput

_SECONDS = 120


def is_bicep(path: str | Path) -> bool:
    """Whether a file is Bicep, by its name."""
    return Path(path).suffix.lower() == ".bicep"


def compiled(path: str | Path) -> str:
    """Return the ARM template that a Bicep file compiles to.

    Raises:
        BadInput: It does not compile, or neither ``bicep`` nor ``az`` is there.
    """
    command = _command(str(path))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise BadInput(f"{path} could not be compiled: {exc}.", code="bicep-failed") from exc
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        raise BadInput(f"{path} does not compile: {lines[0] if lines else 'no reason given'}", code="bicep-failed")
    return done.stdout


def _command(path: str) -> list[str]:
    if shutil.which("bicep"):
        return ["bicep", "build", path, "--stdout"]
    if shutil.which("az"):
        return ["az", "bicep", "build", "--file", path, "--stdout"]
    raise BadInput(
        f"{path} is Bicep, and neither bicep nor az is installed here.",
        code="template-bicep",
        todo="Install one of them, or compile it elsewhere: az bicep build --file FILE.bicep",
    )
