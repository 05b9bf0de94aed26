"""Builds environments with uv, each once, and keeps a true log of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from amlwidgets.sandbox.build import index, interpreters
from amlwidgets.sandbox.build.build import Build, BuildFailed
from amlwidgets.sandbox.build.definition import content_key, read
from amlwidgets.sandbox.build.process import BuildCancelled
from amlwidgets.sandbox.build.store import Follower, ImageStore
from amlwidgets.sandbox.build.tools import Tools
from amlwidgets.sandbox.protocols import BuildResult, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Machine:
    """What this machine offers, and when it was looked at."""

    interpreters: list[interpreters.Interpreter]
    settings: dict[str, str]
    at: float


class UvBuilder:
    """Builds azureml environments below ``root``; safe for threads, and for several processes on one root.

    Packages come through uv's own cache: the user's, when hard links from it to ``root`` are possible, because it
    most likely holds the packages already and survives a reset of the sandbox; else one below ``root``.

    Args:
        root: Folder of this builder alone.
        uv: The uv program; the one of the installed package by default.
        environment: Variables for uv and pip in place of this process's own.
        pip_seconds: How long pip may look for an answer after uv found none.
        remember_seconds: How long the list of interpreters and pip's configuration may be reused.
        clock: Monotonic seconds.

    Example::

        builder = UvBuilder(Path("images"))
        result = builder.build(definition, sys.stdout.write, threading.Event(), files=["score.py"])
        subprocess.run([result.prefix / "bin" / "python", "-V"])
    """

    def __init__(
        self,
        root: Path,
        *,
        uv: Path | None = None,
        environment: Mapping[str, str] | None = None,
        pip_seconds: float = 120.0,
        remember_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = ImageStore(root.absolute())
        self._uv, self._environment, self._pip_seconds = uv, environment, pip_seconds
        self._remember_seconds, self._clock = remember_seconds, clock
        self._machine: _Machine | None = None
        self._guard = threading.Lock()

    def key(self, environment: Mapping[str, Any]) -> str:
        """Return the content key of ``environment``: its content, the interpreter, the package indexes."""
        machine = self._look()
        try:
            chosen = interpreters.choose(read(environment).python, machine.interpreters)
        except ValueError:
            chosen = None
        version = chosen.version if chosen else "none"
        return content_key(environment, version, index.fingerprint(machine.settings, self._environment))

    def find(self, key: str) -> BuildResult | None:
        """Return the earlier successful build of that key, or None."""
        if self.store.image(key) is None:
            return None
        return BuildResult(ok=True, key=key, prefix=self.store.prefix(key), reused=True)

    def image(self, key: str) -> dict[str, Any] | None:
        """Return what is recorded of a successful build: digest, size in bytes, packages, seconds; or None."""
        return self.store.image(key)

    def dockerfile(self, key: str) -> str:
        """Return the Dockerfile of a successful build, empty when there is none."""
        path = self.store.folder(key) / "Dockerfile"
        return path.read_text("utf-8") if path.exists() else ""

    def build(
        self, environment: Mapping[str, Any], write: Write, cancelled: threading.Event, *, files: Sequence[str] = ()
    ) -> BuildResult:
        """Build, writing the real log as it appears. Failures are results, never exceptions.

        Args:
            environment: The definition as the client sends it.
            write: Receives the log, a line at a time.
            cancelled: When set, the build stops within a moment and fails.
            files: Names of files that become part of the image.
        """
        key, began = self.key(environment), time.time_ns()
        follower = Follower(self.store.log(key), write)
        try:
            with self.store.lock(key, cancelled, follower.step) as lock:
                if lock.waited:
                    follower.step()
                    error = self.store.failure_since(key, began)
                    if error:
                        return BuildResult(ok=False, key=key, error=error)
                prepare = self._prepare(environment, cancelled, files=files, key=key, lock=lock.handle)
                reused = self._reuse(prepare(write), key, read_along=lock.waited)
                if reused:
                    return reused
                with self.store.log(key).open("w", encoding="utf-8") as log:
                    return self._run(prepare(_tee(write, log)), key)
        except BuildCancelled:
            write("sandbox: the build was cancelled\n")
            return BuildResult(ok=False, key=key, error="The build was cancelled.")
        except OSError as error:
            message = f"The build could not go on: {error}"
            write(f"sandbox: {message}\n")
            return BuildResult(ok=False, key=key, error=message)

    def _reuse(self, build: Build, key: str, *, read_along: bool) -> BuildResult | None:
        """Return what was built before, naming its steps; None when it has to be built."""
        if self.store.image(key) is None:
            return None
        if not read_along:
            build.replay()
        return BuildResult(ok=True, key=key, prefix=self.store.prefix(key), reused=True)

    def _run(self, build: Build, key: str) -> BuildResult:
        """Build under the key's lock; nothing of a failed build remains but its log."""
        error = ""
        try:
            build.run()
        except BuildFailed as failure:
            error = str(failure)
        finally:
            if self.store.image(key) is None:
                self.store.discard(key, error)
        if error:
            return BuildResult(ok=False, key=key, error=error)
        return BuildResult(ok=True, key=key, prefix=self.store.prefix(key))

    def _prepare(
        self, environment: Mapping[str, Any], cancelled: threading.Event, *, files: Sequence[str], key: str, lock: int
    ) -> Callable[[Write], Build]:
        machine = self._look()
        tools = Tools(machine.settings, root=self.store.root, uv=self._uv, environment=self._environment)
        return lambda write: Build(
            read(environment), self.store, key, write, cancelled, tools=tools, interpreters=machine.interpreters,
            files=files, lock=lock, pip_seconds=self._pip_seconds,
        )  # fmt: skip

    def _look(self) -> _Machine:
        """Return what the machine offers, looking again after a while."""
        with self._guard:
            known = self._machine
            if known is None or self._clock() - known.at > self._remember_seconds:
                uv = self._uv or Tools.find_uv()
                known = _Machine(interpreters.present(uv), index.pip_settings(self._environment), self._clock())
                self._machine = known
            return known


def _tee(write: Write, log: TextIO) -> Write:
    """Return a writer to both the caller and the log file, which others may be following."""

    def both(text: str) -> None:
        log.write(text)
        log.flush()
        write(text)

    return both
