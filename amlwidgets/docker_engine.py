"""The way to the Docker engine: connecting, what helps when it does not answer, what its errors mean.

It stands beside ``errors``, because the notebook's side and the sandbox both use it and neither imports the other.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import AmlWidgetsError, NotAllowed, NotConnected, ServiceFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_MOST_WORDS = 300
_TICK = 0.1
_PING_SECONDS = 20
"""An engine that has not said anything by then hangs; what it does on request may take longer."""
_END = object()
PRUNE = "docker system df shows what takes it; docker image prune removes what nothing uses."


@contextlib.contextmanager
def engine(timeout: float = 60) -> Iterator[Any]:
    """Give a docker-py client for a moment.

    Args:
        timeout: Seconds that one answer may take.

    Raises:
        NotConnected: No engine answers.
        NotAllowed: The user has no right to use it.
    """
    client = connect(timeout)
    try:
        yield client
    finally:
        client.close()


def connect(timeout: float = 60) -> Any:
    """Return a docker-py client of the engine that ``DOCKER_HOST`` names (contexts apart); see :func:`engine`."""
    from docker import from_env
    from docker.errors import DockerException

    try:
        client = from_env(timeout=min(timeout, _PING_SECONDS))
        client.ping()
        client.api.timeout = timeout
    except (DockerException, OSError) as error:
        if _denied(error):
            words = "This user may not use the Docker engine (permission denied at its socket)."
            raise NotAllowed(words, code="docker-denied", todo=advice(error)) from error
        words = f"No Docker engine answers at {place()}."
        raise NotConnected(words, code="docker-down", todo=advice(error)) from error
    return client


def place(environ: Mapping[str, str] = os.environ) -> str:
    """Return where the engine is looked for."""
    return environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def _denied(error: BaseException) -> bool:
    return "PermissionError" in repr(error) or "Permission denied" in str(error)


# -- what its errors mean


def errors() -> tuple[type[BaseException], ...]:
    """Return what docker-py lets through: its own errors, and those of the libraries below it."""
    from docker.errors import DockerException, StreamParseError
    from urllib3.exceptions import HTTPError

    return DockerException, StreamParseError, HTTPError, OSError


def stopped(error: BaseException) -> bool:
    """Whether the engine has gone in the middle: the connection broke, or nobody answers any more."""
    from docker.errors import StreamParseError
    from requests import ConnectionError as Refused
    from requests import Timeout
    from requests.exceptions import ChunkedEncodingError
    from urllib3.exceptions import HTTPError

    return isinstance(error, Refused | Timeout | ChunkedEncodingError | HTTPError | StreamParseError | ConnectionError)


def meaning(error: BaseException, doing: str) -> AmlWidgetsError:
    """Return an error of docker-py in one sentence.

    Args:
        error: One of :func:`errors`.
        doing: What was being done, such as ``"starting the container"``.
    """
    words = said(error)
    if stopped(error):
        return NotConnected(
            f"The Docker engine stopped answering while {doing}.", code="engine-stopped", todo=advice(error)
        )
    if "no space left" in words.lower():
        return ServiceFailed(f"The engine's disk is full ({doing}).", code="disk-full", todo=PRUNE)
    return ServiceFailed(f"The Docker engine failed while {doing}: {words}", code="engine-failed")


def said(error: BaseException) -> str:
    """Return the engine's own words."""
    return str(getattr(error, "explanation", "") or error)[:_MOST_WORDS]


@contextlib.contextmanager
def speaking(doing: str) -> Iterator[None]:
    """Turn what docker-py raises within into one sentence; see :func:`meaning`."""
    try:
        yield
    except AmlWidgetsError:
        raise
    except errors() as error:
        raise meaning(error, doing) from error


# -- what helps


def advice(error: BaseException, environ: Mapping[str, str] = os.environ, system: str = sys.platform) -> str:
    """Return what helps against an engine that does not answer, in one sentence.

    Args:
        error: What docker-py raised.
        environ: The environment (``DOCKER_HOST``, ``XDG_RUNTIME_DIR``, ``WSL_DISTRO_NAME``).
        system: As ``sys.platform``.
    """
    told = f"{error!r} {error}"
    host = environ.get("DOCKER_HOST", "")
    if _denied(error):
        return "Add your user to the docker group (sudo usermod -aG docker $USER), then log in again."
    return _of_host(told, host) or _of_system(environ, system)


def _of_host(told: str, host: str) -> str:
    """Return what DOCKER_HOST has to do with it; empty when nothing."""
    if "CERTIFICATE_VERIFY_FAILED" in told or "TLS" in told:
        return f"The engine at {host or 'DOCKER_HOST'} wants other certificates: look at DOCKER_CERT_PATH."
    if host.startswith(("tcp://", "ssh://", "http")):
        return f"DOCKER_HOST is {host}: is that machine up, and may this one reach it? Unset it for the local engine."
    if host.startswith("unix://") and not Path(host[7:]).exists():
        return f"DOCKER_HOST names {host[7:]}, which does not exist; unset it, or start the engine that makes it."
    return ""


def _of_system(environ: Mapping[str, str], system: str) -> str:
    """Return what is usual on this system."""
    if other := _other_socket(environ):
        return f"Another engine's socket is there: export DOCKER_HOST=unix://{other}"
    if environ.get("WSL_DISTRO_NAME"):
        return "Start Docker Desktop on Windows, and switch on its WSL integration for this distribution."
    if system == "darwin" or system.startswith("win"):
        return "Start Docker Desktop, and wait until its whale stands still."
    if shutil.which("docker") or shutil.which("dockerd"):
        return "Start it: sudo systemctl start docker"
    return "Docker is not installed; see https://docs.docker.com/engine/install."


def _other_socket(environ: Mapping[str, str]) -> Path | None:
    """Return the socket of a rootless engine, of Docker Desktop, or of podman, where the default one is absent."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = [Path(runtime, "docker.sock"), Path(runtime, "podman", "podman.sock")] if runtime else []
    if home := environ.get("HOME"):
        places += [Path(home, ".docker", "run", "docker.sock"), Path(home, ".docker", "desktop", "docker.sock")]
    return next((place for place in places if place.is_socket()), None)


# -- long answers


def streamed(client: Any, begin: Callable[[], Iterable[Any]], cancelled: threading.Event) -> Iterator[Any]:
    """Give what the engine says during long work; a set ``cancelled`` ends it at once, also while the engine is silent.

    The engine ends a pull or a build whose client has gone.

    Args:
        client: A docker-py client.
        begin: Asks it, and returns the stream.
        cancelled: Ends the iteration when set.

    Raises:
        BaseException: What ``begin`` or the stream raised; see :func:`errors`.
    """
    reader = _Reader(client, begin)
    try:
        while not cancelled.is_set():
            with contextlib.suppress(queue.Empty):
                word = reader.told.get(timeout=_TICK)
                if word is _END:
                    return
                if isinstance(word, BaseException):
                    raise word
                yield word
    finally:
        reader.give_up()


class _Reader(threading.Thread):
    """Reads what the engine streams, so that whoever waits for it can give it up."""

    def __init__(self, client: Any, begin: Callable[[], Iterable[Any]]) -> None:
        super().__init__(daemon=True, name="amlwidgets-engine-stream")
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._hooks, self._begin = client.api.hooks["response"], begin
        self._answers: list[Any] = []
        self._given_up = False
        self._hooks.append(self._note)
        self.start()

    def run(self) -> None:
        try:
            for word in self._begin():
                self.told.put(word)
            self.told.put(_END)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self.told.put(error)
        finally:
            self._hooks.remove(self._note)

    def give_up(self) -> None:
        self._given_up = True
        for answer in self._answers:
            _cut(answer)

    def _note(self, answer: Any, *_: Any, **__: Any) -> None:
        if threading.current_thread() is self:
            self._answers.append(answer)
            if self._given_up:  # before its first word
                _cut(answer)


def _cut(answer: Any) -> None:
    """Close the connection below an answer, which ends a read on it."""
    from docker.types import CancellableStream

    with contextlib.suppress(Exception):
        CancellableStream(iter(()), answer).close()
