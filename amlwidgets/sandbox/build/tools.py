"""The real tools of a build: uv, and pip where uv finds no solution."""

from __future__ import annotations

import os
import subprocess
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.sandbox.build import index

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tools:
    """Commands for one build, and the environment they run in.

    Args:
        settings: pip's effective settings on this machine.
        root: Folder of the builds, for a cache when the user's is on another disk.
        uv: The uv program; the one of the installed package by default.
        environment: Variables in place of this process's own.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        root: Path,
        uv: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.uv = uv or self.find_uv()
        self._settings, self._root, self._base = settings, root, environment
        self._options = index.uv_options(settings)

    @staticmethod
    def find_uv() -> Path:
        """Return the uv program of the installed package."""
        import uv

        return Path(uv.find_uv_bin())

    @cached_property
    def environment(self) -> dict[str, str]:
        """Variables for uv and pip."""
        environment = index.uv_environment(self._settings, self._base)
        # uv's own folders are not the sandbox's business, except where links into the store would not work.
        if not self._links_work(environment):
            environment["UV_CACHE_DIR"] = str(self._root / "uv-cache")
        return environment

    def _links_work(self, environment: Mapping[str, str]) -> bool:
        """Whether uv's cache is on the disk of the store, so that installing is linking."""
        answer = subprocess.run([self.uv, "cache", "dir"], env=dict(environment), capture_output=True, text=True,
                                check=False, timeout=60)  # fmt: skip
        folder = Path(answer.stdout.strip() or "/nonexistent")
        while not folder.exists():
            folder = folder.parent
        return os.access(folder, os.W_OK) and folder.stat().st_dev == self._root.stat().st_dev

    def make(self, prefix: Path, python: Path, *, seed: bool) -> list[str | Path]:
        """Return the command that makes an environment; ``seed`` adds pip and its like, as conda's Python does."""
        options = ["--seed"] if seed else []
        if "--no-index" in self._options:
            options.append("--no-index")
        return [self.uv, "venv", "--quiet", "--relocatable", "--clear", *options, "--python", python, prefix]

    def resolve(
        self, prefix: Path, requirements: Path, lock: Path, constraints: Path | None = None, *, deep: bool = True
    ) -> list[str | Path]:
        """Return the command that writes the exact versions to ``lock``; not ``deep``: of what is asked for only."""
        command: list[str | Path] = [self.uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
        command += [*self._options]
        command += ["--python", prefix / "bin" / "python", "-o", lock, requirements]
        command += [] if constraints is None else ["-c", constraints]
        return command if deep else [*command, "--no-deps"]

    def install(self, prefix: Path, *files: Path) -> list[str | Path]:
        """Return the command that installs what was resolved: exactly what stands in ``files``."""
        command: list[str | Path] = [self.uv, "pip", "install", *self._options, "--no-deps"]
        command += ["--python", prefix / "bin" / "python"]
        return [*command, *(word for file in files for word in ("-r", file))]

    def freeze(self, prefix: Path) -> list[str | Path]:
        """Return the command that lists what is installed."""
        return [self.uv, "pip", "freeze", "--quiet", "--python", prefix / "bin" / "python"]

    def pip_install(self, prefix: Path, requirements: Path) -> list[str | Path] | None:
        """Return the command with which pip tries the same, None when this machine has no pip."""
        python, options = prefix / "bin" / "python", ["install", "--no-input", "--progress-bar", "off"]
        options += ["--disable-pip-version-check", "-r", str(requirements)]
        if (prefix / "bin" / "pip").exists():
            return [python, "-m", "pip", *options]
        command = index.pip_command()
        return [*command, "--python", str(python), *options] if command else None
