"""Resolves and installs an environment's packages: uv first, then the real pip where uv finds no way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from amlwidgets.sandbox.build.places import answering

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from amlwidgets.sandbox.build.tools import Tools
    from amlwidgets.sandbox.protocols import Write


class Call(Protocol):
    """Runs a command in the build's folder and returns its exit status."""

    def __call__(self, command: Sequence[str | Path], *, write: Write | None = None, seconds: float = 3600.0) -> int:
        """Run ``command``; its output goes to the log, or to ``write``."""


class Packages:
    """The packages of one environment.

    Args:
        requirements: Lines for pip, written to ``folder/requirements.txt``.
        folder: Folder of the build.
        prefix: The environment, made already.
        tools: uv and pip.
        call: Runs their commands.
        write: Receives our own words.
        pip_seconds: How long pip may look for an answer.
    """

    def __init__(
        self,
        requirements: Sequence[str],
        folder: Path,
        prefix: Path,
        *,
        tools: Tools,
        call: Call,
        write: Write,
        pip_seconds: float,
    ) -> None:
        self._requirements, self._folder, self._prefix = requirements, folder, prefix
        self._tools, self._call, self._write, self._pip_seconds = tools, call, write, pip_seconds

    def install(self) -> int:
        """Resolve and install; return the exit status of the command that failed, or 0."""
        if not self._requirements:
            return 0
        self._requirements = answering(self._requirements, self._write)
        self._file.write_text("\n".join((*self._requirements, "")), "utf-8")
        status = self._resolve() or self._install()
        return self._ask_pip(status) if status else 0

    def _resolve(self) -> int:
        """Write the exact versions to ``lock.txt``.

        azureml's packages are tried at their newest versions first. Left alone, uv decides on pinned packages first,
        takes the newest of what these need, and for that goes back years in azureml's releases, to some that no
        longer build; pip prefers the newest release of what was asked for.
        """
        newest = self._newest_azureml()
        if newest is not None:
            kept: list[str] = []
            if self._call(self._tools.resolve(self._prefix, self._file, self._lock, newest), write=kept.append) == 0:
                return 0
        return self._call(self._tools.resolve(self._prefix, self._file, self._lock))

    def _newest_azureml(self) -> Path | None:
        """Return a file with the newest allowed version of each azureml package asked for, None when there is none."""
        lines = [line for line in self._requirements if line.lower().startswith("azureml")]
        wanted, newest = self._folder / "azureml.txt", self._folder / "azureml-newest.txt"
        wanted.write_text("\n".join((*lines, "")), "utf-8")
        if not lines:
            return None
        kept: list[str] = []
        status = self._call(self._tools.resolve(self._prefix, wanted, newest, deep=False), write=kept.append)
        return None if status else newest

    def _install(self) -> int:
        # Options (another index, a folder of wheels) stand in the requirements and are needed for installing as well.
        sources = [line for line in self._requirements if _is_source(line)]
        options = self._folder / "options.txt"
        options.write_text("\n".join((*sources, "")), "utf-8")
        return self._call(self._tools.install(self._prefix, self._lock, *([options] if sources else [])))

    def _ask_pip(self, status: int) -> int:
        """Let pip try the same: its message is the one that a build in Azure prints, and it may even succeed."""
        command = self._tools.pip_install(self._prefix, self._file)
        if command is None:
            self._write("sandbox: there is no pip on this machine that could be asked as well\n")
            return status
        self._write("sandbox: uv cannot install this; asking pip, which builds in Azure use\n")
        try:
            return self._call(command, seconds=self._pip_seconds)
        except TimeoutError:
            self._write(f"sandbox: pip found no answer within {self._pip_seconds:.0f} s and was stopped\n")
            return status

    @property
    def _file(self) -> Path:
        return self._folder / "requirements.txt"

    @property
    def _lock(self) -> Path:
        return self._folder / "lock.txt"


def _is_source(line: str) -> bool:
    """Whether a line of a requirements file says where packages come from."""
    word = line.strip().replace("=", " ").split(" ", 1)[0]
    return word in {"-i", "-f", "--index-url", "--extra-index-url", "--find-links", "--no-index"}
