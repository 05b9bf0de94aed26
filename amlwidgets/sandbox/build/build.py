"""One build of one environment, step by step."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.sandbox.build import process
from amlwidgets.sandbox.build.dockerfile import SETUP, Action, Step, home, render, steps
from amlwidgets.sandbox.build.index import masked
from amlwidgets.sandbox.build.interpreters import Interpreter, choose
from amlwidgets.sandbox.build.packages import Packages

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from amlwidgets.sandbox.build.conda import Refusal
    from amlwidgets.sandbox.build.definition import Definition
    from amlwidgets.sandbox.build.store import ImageStore
    from amlwidgets.sandbox.build.tools import Tools
    from amlwidgets.sandbox.protocols import Write


class BuildFailed(Exception):
    """The build ended without an environment; the message names the failing step, as the log's last line does."""


class Build:
    """Runs the steps of one build. The caller holds the key's lock.

    Lines that begin with ``sandbox:`` are our own words; everything else is Docker's way of naming steps (``Step``,
    ``Using cache``, ``Successfully tagged``, ``digest``), or the output of uv and pip. A ``RUN`` step names the
    commands that are run; other paths than the Dockerfile's and options for this machine's package index apart.
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
        self._ended = ""  # the last command that ran to its end

    def run(self) -> None:
        """Build.

        Raises:
            BuildFailed: it cannot be built; the log says why.
            BuildCancelled: cancelled meanwhile.
        """
        interpreter = self._solve()
        folder = self._store.fresh(self._key)
        instructions = self._write_inputs(folder, interpreter)
        self._say("sandbox: build")
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
        self._say(f"sandbox: Dockerfile written, {len(instructions)} steps; what it builds has been built before")
        self._say("sandbox: build")
        for number, step in enumerate(instructions, 1):
            self._say(f"Step {number}/{len(instructions)} : {step.text}")
            if step.action is not Action.NONE:
                self._say(" ---> Using cache")
        image = self._store.image(self._key) or {}
        self._say("sandbox: push: the image is in the sandbox's registry store already")
        self._say(f"latest: digest: {image.get('digest')} size: {image.get('size')}")

    # -- the conda file -------------------------------------------------------------------------------------------

    def _solve(self) -> Interpreter:
        """Carry the conda file over to pip and choose the interpreter."""
        self._say("sandbox: no conda is asked; the conda file's packages are carried over to pip")
        for conda, pip in self._definition.mapped:
            self._say(f"sandbox: conda package {conda} is taken from pip as {pip}")
        for problem in self._definition.problems:
            self._say(f"sandbox: {problem}")
        for refusal in self._definition.refused:
            self._say(f"sandbox: {_refused(refusal)}")
        interpreter = self._interpreter()
        if self._definition.problems or self._definition.refused or interpreter is None:
            raise self._failed("The conda file cannot be carried over to this machine.")
        return interpreter

    def _interpreter(self) -> Interpreter | None:
        """Choose the interpreter, or say which ones are present."""
        wanted = self._definition.python
        try:
            chosen = choose(wanted, self._interpreters)
        except ValueError:
            chosen = None
        if chosen is None:
            present = ", ".join(i.version for i in self._interpreters) or "none"
            self._say(
                f"sandbox: {self._definition.python_text} is not on this machine, and no Python is downloaded; "
                f"name one that is here, or install it. Present: {present}"
            )
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
            raise self._failed(f"The command '{self._ended}' returned a non-zero code: {status}")

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
            raise self._failed(f"The list of installed packages could not be read with '{self._ended}'.")
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
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._store.commit(self._key, record)
        self._say("sandbox: push: the image is recorded in the sandbox's registry store")
        self._say(f"latest: digest: {digest} size: {size}")

    def _packages(self, folder: Path) -> Packages:
        return Packages(
            self._definition.requirements, folder, self._store.prefix(self._key),
            tools=self._tools, call=self._call, write=self._write, pip_seconds=self._pip_seconds,
        )  # fmt: skip

    @property
    def _temporary(self) -> Path:
        """What a killed build leaves goes with its folder."""
        return self._store.folder(self._key) / "tmp"

    def _call(self, command: Sequence[str | Path], *, write: Write | None = None, seconds: float = 3600.0) -> int:
        self._temporary.mkdir(exist_ok=True)
        environment = self._tools.environment | {"TMPDIR": str(self._temporary)}
        status = process.run(
            command, write or self._write, self._cancelled,
            environment=environment, folder=self._store.folder(self._key), seconds=seconds,
            keep_open=self._lock,
        )  # fmt: skip
        self._ended = self._shown(command)
        return status

    def _shown(self, command: Sequence[str | Path]) -> str:
        """Return a command with the paths that the Dockerfile has, without credentials."""
        program, *words = (str(word) for word in command)
        text = " ".join([Path(program).name, *words]).replace(str(self._store.prefix(self._key)), home(self._key))
        return masked(text.replace(str(self._store.folder(self._key)), f"/{SETUP}"))

    def _failed(self, message: str) -> BuildFailed:
        """Say why the build ends, in the log's last line."""
        self._say(f"sandbox: {message}")
        return BuildFailed(message)

    def _say(self, line: str) -> None:
        self._write(line + "\n")


def _refused(refusal: Refusal) -> str:
    why = refusal.why or "if pip has it, put it under pip, by the name that it has there"
    return f"the conda package {refusal.text} cannot be mapped onto a pip package here; {why}"
