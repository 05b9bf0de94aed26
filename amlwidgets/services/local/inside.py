"""Running a command inside a container: one of the Docker engine, or whatever else offers the same."""

from __future__ import annotations

import shlex
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from amlwidgets.core.redact import mask
from amlwidgets.docker_engine import errors, meaning, stopped
from amlwidgets.errors import ServiceFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_OUTPUT = 8 << 20
"""Bytes of output that are kept of one command."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did.

    Attributes:
        exit_code: Of the command; None when it was ended at the time limit.
        output: What it wrote to standard output and error, in order, with secrets masked.
        seconds: How long it took.
    """

    exit_code: int | None
    output: str
    seconds: float


class Inside(Protocol):
    """A container in which commands can be run."""

    @property
    def name(self) -> str:
        """Name as the user knows it."""

    @property
    def python(self) -> str:
        """The container's interpreter."""

    def run(self, command: Sequence[str], *, seconds: float = 60, variables: Mapping[str, str] | None = None) -> Ran:
        """Run a command in the folder of the scripts.

        Args:
            command: Program and arguments.
            seconds: After which the command is ended.
            variables: Added to the environment.

        Raises:
            ServiceFailed: The container does not run, or is gone.
        """

    def as_typed(self, command: str) -> str:
        """Return the line with which a person runs a shell command there from a terminal."""


class EngineContainer:
    """A running container of the Docker engine.

    Args:
        container: A container of the ``docker`` package.
        shown: Name for people, when the container is a copy of another one.
    """

    def __init__(self, container: Any, shown: str = "") -> None:
        self._container, self._shown = container, shown

    @property
    def name(self) -> str:
        """Name of the container."""
        return self._shown or str(self._container.name)

    @property
    def python(self) -> str:
        """Found on the container's PATH."""
        return "python"

    def run(self, command: Sequence[str], *, seconds: float = 60, variables: Mapping[str, str] | None = None) -> Ran:
        """Run a command by ``docker exec``; see :class:`Inside`."""
        began = time.monotonic()
        # The engine cannot end what exec has started; `timeout` of coreutils in the image can, where it is there.
        limited = ["sh", "-c", _LIMITED, "sh", f"{seconds:g}", *command]
        api = self._container.client.api
        try:
            made = api.exec_create(self._container.id, limited, environment=dict(variables or {}))["Id"]
            output = _collected(api.exec_start(made, stream=True), seconds + 5)
            code = api.exec_inspect(made)["ExitCode"]
        except errors() as error:
            if stopped(error):
                raise meaning(error, "running a command in the container") from error
            raise ServiceFailed(
                f"Nothing can be run in the container {self.name}: {_words(error)}",
                code="exec-failed",
                todo="Look at its log; a container that has ended cannot be entered, only started again.",
            ) from error
        ended = code is None or code == _TIMED_OUT
        return Ran(None if ended else int(code), mask(output), time.monotonic() - began)

    def as_typed(self, command: str) -> str:
        """Return a ``docker exec`` line."""
        return f"docker exec -it {shlex.quote(str(self._container.name))} sh -c {shlex.quote(command)}"


class Executes(Protocol):
    """Whoever can run a command in the container of a service by name, as the sandbox's client can."""

    def execute(
        self, service: str, command: Sequence[str], *, seconds: float = 60, variables: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return ``exitCode``, ``output`` and ``seconds``."""


class SandboxService:
    """The container of a service in the sandbox, of processes or of Docker.

    Args:
        sandbox: The sandbox's client.
        service: Name of the service.
    """

    def __init__(self, sandbox: Executes, service: str) -> None:
        self._sandbox, self._service = sandbox, service

    @property
    def name(self) -> str:
        """Name of the service."""
        return self._service

    @property
    def python(self) -> str:
        """Found on the container's PATH."""
        return "python"

    def run(self, command: Sequence[str], *, seconds: float = 60, variables: Mapping[str, str] | None = None) -> Ran:
        """Run a command through the sandbox; see :class:`Inside`."""
        ran = self._sandbox.execute(self._service, command, seconds=seconds, variables=variables)
        return Ran(ran["exitCode"], mask(ran["output"]), ran["seconds"])

    def as_typed(self, command: str) -> str:
        """Return a line of the sandbox's command."""
        return f"amlwidgets sandbox exec {shlex.quote(self._service)} -- sh -c {shlex.quote(command)}"


_TIMED_OUT = 124
_LIMITED = (
    'limit="$1"; shift; if command -v timeout >/dev/null 2>&1; then exec timeout -k 2 "$limit" "$@"; else exec "$@"; fi'
)


def _collected(stream: Any, seconds: float) -> str:
    """Return what a stream brings within a time, at most ``MOST_OUTPUT`` bytes of it."""
    parts: list[bytes] = []

    def read() -> None:
        size = 0
        for part in stream:
            if size < MOST_OUTPUT:
                parts.append(part[: MOST_OUTPUT - size])
            size += len(part)

    reader = threading.Thread(target=read, daemon=True, name="amlwidgets-exec")
    reader.start()
    reader.join(seconds)
    return b"".join(parts).decode("utf-8", "replace")


def _words(error: BaseException) -> str:
    return mask(str(getattr(error, "explanation", "") or error))
