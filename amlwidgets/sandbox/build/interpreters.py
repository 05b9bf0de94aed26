"""Which Python interpreters this machine has. None is ever downloaded."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A CPython that can carry an environment."""

    version: str
    path: Path

    @property
    def minor(self) -> str:
        """Version without the patch level, such as ``"3.11"``."""
        return ".".join(self.version.split(".")[:2])


def present(uv: Path) -> list[Interpreter]:
    """Return the interpreters present, newest first, one per version: our own, uv's list (PATH included), pyenv's."""
    found = {platform.python_version(): Interpreter(platform.python_version(), _own())}
    for interpreter in (*_listed_by(uv), *_pyenv()):
        found.setdefault(interpreter.version, interpreter)
    return sorted(found.values(), key=lambda i: Version(i.version), reverse=True)


def _own() -> Path:
    """Return the interpreter behind this process: an environment must not hang on the virtual environment we run in."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Path(base).resolve()


def _listed_by(uv: Path) -> list[Interpreter]:
    command: list[str | Path] = [uv, "python", "list", "--only-installed", "--offline", "--no-config"]
    command += ["--output-format", "json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if answer.returncode:
        return []
    return [
        Interpreter(entry["version"], Path(entry["path"]))
        for entry in json.loads(answer.stdout or "[]")
        if entry["implementation"] == "cpython" and entry["path"] and not Version(entry["version"]).is_prerelease
    ]


def _pyenv() -> list[Interpreter]:
    """Return pyenv's versions: its shims on PATH only answer for the versions switched on."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return [
        Interpreter(path.parent.parent.name, path)
        for path in root.glob("versions/*/bin/python3")
        if re.fullmatch(r"3\.\d+\.\d+", path.parent.parent.name) and os.access(path, os.X_OK)
    ]


def choose(constraint: str, interpreters: list[Interpreter]) -> Interpreter | None:
    """Return the interpreter for a constraint, or None.

    A patch level that is not here is replaced by another one of the same minor version: packages are built per
    minor version, so what pip resolves is the same. The caller says so in the log.

    Args:
        constraint: In pip's form; empty takes the version that runs this program.
        interpreters: What ``present`` returned.
    """
    wanted = constraint or f"=={platform.python_version()}"
    for spec in (SpecifierSet(wanted), _of_minor(wanted)):
        for interpreter in interpreters:
            if spec is not None and interpreter.version in spec:
                return interpreter
    return None


def _of_minor(constraint: str) -> SpecifierSet | None:
    """Return ``==3.8.*`` for ``==3.8.13`` and its like, None for other constraints."""
    match = re.fullmatch(r"==(\d+\.\d+)\.\d+(\.\*)?", constraint)
    return SpecifierSet(f"=={match[1]}.*") if match else None
