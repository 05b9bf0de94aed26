"""One build of one environment, step by step."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

from amlwidgets.sandbox.build import process
from amlwidgets.sandbox.build.dockerfile import Action, Step, render, steps
from amlwidgets.sandbox.build.interpreters import Interpreter, choose
from amlwidgets.sandbox.build.packages import Packages

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from amlwidgets.sandbox.build.definition import Definition
    from amlwidgets.sandbox.build.store import ImageStore
    from amlwidgets.sandbox.build.tools import Tools
    from amlwidgets.sandbox.protocols import Write


class BuildFailed(Exception):
    """The build ended without an environment; the message names the failing step, as the log's last line does."""


class Build:
    """Runs the steps of one build. The caller holds the key's lock.

    Lines that begin with ``sandbox:`` are our own words; everything else is Docker's way of naming steps, or the
    output of the tool that runs.
    """

    def __init__(
        self,
        definition: Definition,
        store: ImageStore,
        key: str,
        write: Write,
        cancelled: threading.Event,
        *,
        tools: Tools,
        interpreters: list[Interpreter],
        files: Sequence[str] = (),
        lock: int | None = None,
        pip_seconds: float = 120.0,
    ) -> None:
        self._definition, self._store, self._key = definition, store, key
        self._write, self._cancelled, self._tools = write, cancelled, tools
        self._interpreters, self._files, self._pip_seconds = interpreters, files, pip_seconds
        self._lock = lock
        self._began = time.monotonic()

    def run(self) -> None:
        """Build.

        Raises:
            BuildFailed: it cannot be built; the log says why.
            BuildCancelled: cancelled meanwhile.
        """
        interpreter = self._solve()
        folder = self._store.fresh(self._key)
        instructions = self._write_inputs(folder, interpreter)
        for number, step in enumerate(instructions, 1):
            self._say(f"Step {number}/{len(instructions)} : {step.text}")
            self._perform(step, folder, interpreter)
        self._push(folder, interpreter)

    def replay(self) -> None:
        """Name the steps of a build that had been done before."""
        interpreter = choose(self._definition.python, self._interpreters)
        if interpreter is None:
            return
        instructions = steps(self._definition, interpreter, self._key, self._files)
        for number, step in enumerate(instructions, 1):
            self._say(f"Step {number}/{len(instructions)} : {step.text}")
            if step.action is not Action.NONE:
                self._say(" ---> Using cache")
        image = self._store.image(self._key) or {}
        self._say(f"latest: digest: {image.get('digest')} size: {image.get('size')}")

    # -- the conda file -------------------------------------------------------------------------------------------

    def _solve(self) -> Interpreter:
        """Carry the conda file over to pip and choose the interpreter."""
        self._say("Solving environment")
        for conda, pip in self._definition.mapped:
            self._say(f"sandbox: conda package {conda} is taken from pip as {pip}")
        for problem in self._definition.problems:
            self._say(f"sandbox: {problem}")
        self._report_refused()
        interpreter = self._interpreter()
        if self._definition.problems or self._definition.refused or interpreter is None:
            message = "Solving environment failed"
            self._say(f"sandbox: {message}")
            raise BuildFailed(message)
        return interpreter

    def _report_refused(self) -> None:
        """Name the packages that cannot be had, in conda's form."""
        if not self._definition.refused:
            return
        self._say("\nResolvePackageNotFound: ")
        for refusal in self._definition.refused:
            self._say(f"  - {refusal.text}")
        self._say("")
        for refusal in self._definition.refused:
            why = refusal.why or "the sandbox maps conda packages onto pip and does not know this one"
            self._say(f"sandbox: {refusal.text}: {why}")

    def _interpreter(self) -> Interpreter | None:
        """Choose the interpreter, or say which ones are present."""
        wanted = self._definition.python
        try:
            chosen = choose(wanted, self._interpreters)
        except ValueError:
            chosen = None
        if chosen is None:
            present = ", ".join(i.version for i in self._interpreters) or "none"
            self._say(f"\nResolvePackageNotFound: \n  - {self._definition.python_text}\n")
            self._say(f"sandbox: no such Python is on this machine, and none is downloaded. Present: {present}")
        elif not wanted:
            self._say(f"sandbox: the conda file names no Python; {chosen.version} is taken")
        elif wanted.startswith("==") and not chosen.version.startswith(wanted[2:].rstrip(".*")):
            self._say(f"sandbox: Python {chosen.version} stands in for {wanted[2:]}, which is not on this machine")
        return chosen

    # -- the image ------------------------------------------------------------------------------------------------

    def _write_inputs(self, folder: Path, interpreter: Interpreter) -> list[Step]:
        """Write the Dockerfile and what it copies."""
        instructions = steps(self._definition, interpreter, self._key, self._files)
        (folder / "conda.json").write_text(json.dumps(dict(self._definition.conda), indent=1), "utf-8")
        (folder / "requirements.txt").write_text("\n".join((*self._definition.requirements, "")), "utf-8")
        (folder / "Dockerfile").write_text(render(instructions), "utf-8")
        self._say(f"sandbox: Dockerfile written, {len(instructions)} steps")
        return instructions

    def _perform(self, step: Step, folder: Path, interpreter: Interpreter) -> None:
        status = 0
        if step.action is Action.PYTHON:
            status = self._make_python(interpreter)
        elif step.action is Action.PACKAGES:
            status = self._packages(folder).install()
        elif step.text.startswith("FROM "):
            self._say(f"sandbox: the base image is not pulled; this machine's Python {interpreter.version} is used")
        if status:
            message = f"The command '/bin/sh -c {step.text.removeprefix('RUN ')}' returned a non-zero code: {status}"
            self._say(message)
            raise BuildFailed(message)

    def _make_python(self, interpreter: Interpreter) -> int:
        prefix = self._store.prefix(self._key)
        kept: list[str] = []
        status = self._call(self._tools.make(prefix, interpreter.path, seed=True), write=kept.append)
        if status:
            # An index without pip itself (an offline folder of wheels) is no reason to fail.
            status = self._call(self._tools.make(prefix, interpreter.path, seed=False))
        else:
            self._write("".join(kept))
        return status

    def _push(self, folder: Path, interpreter: Interpreter) -> None:
        """Record what was built: that is what pushing means here."""
        lines: list[str] = []
        if self._call(self._tools.freeze(self._store.prefix(self._key)), write=lines.append):
            self._write("".join(lines))
            raise BuildFailed("The list of installed packages could not be read.")
        freeze = "".join(sorted(lines))
        (folder / "freeze.txt").write_text(freeze, "utf-8")
        digest = "sha256:" + hashlib.sha256(f"{interpreter.version}\n{freeze}".encode()).hexdigest()
        size = sum(p.lstat().st_size for p in self._store.prefix(self._key).rglob("*"))
        record = {
            "digest": digest,
            "size": size,
            "packages": len(lines),
            "python": interpreter.version,
            "seconds": round(time.monotonic() - self._began, 2),
        }
        self._say(f"Successfully tagged azureml/azureml_{self._key}:latest")
        self._store.commit(self._key, record)
        self._say(f"latest: digest: {digest} size: {size}")

    def _packages(self, folder: Path) -> Packages:
        return Packages(
            self._definition.requirements, folder, self._store.prefix(self._key),
            tools=self._tools, call=self._call, write=self._write, pip_seconds=self._pip_seconds,
        )  # fmt: skip

    def _call(self, command: Sequence[str | Path], *, write: Write | None = None, seconds: float = 3600.0) -> int:
        return process.run(
            command, write or self._write, self._cancelled,
            environment=self._tools.environment, folder=self._store.folder(self._key), seconds=seconds,
            keep_open=self._lock,
        )  # fmt: skip

    def _say(self, line: str) -> None:
        self._write(line + "\n")
