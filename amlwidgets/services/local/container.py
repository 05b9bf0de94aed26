"""A container on this machine, run as the service would run: same limits, same variables, port 5001 on loopback."""

from __future__ import annotations

import contextlib
import io
import posixpath
import socket
import tarfile
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.docker_engine import advice, connect, errors, meaning, speaking, stopped
from amlwidgets.errors import AmlWidgetsError, BadInput, NotConnected, ServiceFailed
from amlwidgets.services.local import condition, ours
from amlwidgets.services.local.inside import EngineContainer
from amlwidgets.services.local.ours import LABEL, clean, owner
from amlwidgets.services.local.readings import size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlwidgets.services.local.condition import State, Usage

APP_ROOT = "/var/azureml-app"
PORT = 5001
_LOOK_SECONDS = 0.2
_COUNTERS = "/sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events"


class LocalContainer:
    """A container of the engine that is watched, reloaded and removed.

    Args:
        container: A container of the ``docker`` package.
        port: Its port on loopback; 0 when none is published.
        owned: Whether :meth:`close` removes it.
    """

    def __init__(self, container: Any, port: int = 0, *, owned: bool = False) -> None:
        self.container, self.port, self.owned = container, port, owned
        self.ports: dict[int, int] = {PORT: port} if port else {}
        """Published ports: in the container, on loopback."""
        self._image = ""
        self._cores = 0.0
        self._copy: Any = None

    @classmethod
    def start(
        cls,
        image: str,
        *,
        port: int = 0,
        memory_gb: float | None = None,
        cpu: float | None = None,
        variables: Mapping[str, str] | None = None,
        client: Any = None,
    ) -> LocalContainer:
        """Run an image that the engine has.

        Args:
            image: Name, with tag.
            port: On loopback; 0 takes a free one.
            memory_gb: Limit, as the service's; None for no limit.
            cpu: Cores, as the service's; None for no limit.
            variables: Added to the image's environment.
            client: A docker-py client; None connects.

        Raises:
            BadInput: The port is taken, or the image is not there.
            NotConnected: The engine stopped answering.
            ServiceFailed: The engine cannot run it, or its disk is full.
        """
        from docker.errors import ImageNotFound

        client = client or connect()
        clean(client)
        # Chosen here, because the engine would choose another one at every restart.
        port = port or _free_port()
        limits: dict[str, Any] = {}
        if memory_gb:
            limits |= {"mem_limit": int(memory_gb * 1024**3), "memswap_limit": int(memory_gb * 1024**3)}
        if cpu:
            limits |= {"nano_cpus": int(cpu * 1e9)}
        try:
            made = client.containers.create(
                image, name=f"amlwidgets-{uuid.uuid4().hex[:8]}", labels={LABEL: owner()},
                ports={f"{PORT}/tcp": ("127.0.0.1", port)}, environment=dict(variables or {}), **limits,
            )  # fmt: skip
        except ImageNotFound as error:
            raise BadInput(
                f"The engine has no image {image}.", code="image-absent", todo="Pull or build it."
            ) from error
        except errors() as error:
            raise meaning(error, "making the container") from error
        local = cls(made, port, owned=True)
        try:
            made.start()
        except errors() as error:
            local.close()
            raise _start_failed(port, error) from error
        ours.goes_with_the_process(local)
        return local

    @property
    def name(self) -> str:
        """Name of the container."""
        return str(self.container.name)

    @property
    def inside(self) -> EngineContainer:
        """Where commands run: the container; when it has ended, a copy of its files, in which nothing else runs.

        Raises:
            ServiceFailed: The container is gone.
        """
        state = self.state()
        status = state.status
        if status == "removed":
            raise ServiceFailed(f"The container {self.name} is gone.", code="container-gone")
        if status == "unreachable":
            raise NotConnected(state.words, code="engine-stopped")
        if status == "running":
            self._forget_copy()
            return EngineContainer(self.container)
        if self._copy is None:
            with speaking("copying the container's files"):
                self._copy = self._copied()
        return EngineContainer(self._copy, shown=self.name)

    def copy(self, *, ports: Mapping[int, int], variables: Mapping[str, str]) -> LocalContainer:
        """Return a container with the same files, command and limits, made and not started yet; it is closed by itself.

        Args:
            ports: Further ports to publish on loopback; 0 takes a free one.
            variables: Added to the environment.
        """
        with speaking("copying the container"):
            return self._copy_with(ports, variables)

    def _copy_with(self, ports: Mapping[int, int], variables: Mapping[str, str]) -> LocalContainer:
        image = self.container.commit(conf={"Labels": {LABEL: owner()}})
        chosen = {PORT: _free_port()} | {inner: outer or _free_port() for inner, outer in ports.items()}
        made = self.container.client.containers.create(
            image.id, name=f"{self.name}-copy-{uuid.uuid4().hex[:4]}", labels={LABEL: owner()},
            ports={f"{inner}/tcp": ("127.0.0.1", outer) for inner, outer in chosen.items()},
            environment=dict(variables), **self._limits(),
        )  # fmt: skip
        copy = LocalContainer(made, chosen[PORT], owned=True)
        copy.ports, copy._image = chosen, str(image.id)
        ours.goes_with_the_process(copy)
        return copy

    def _limits(self) -> dict[str, Any]:
        host = self.container.attrs["HostConfig"]
        names = {"mem_limit": "Memory", "memswap_limit": "MemorySwap", "nano_cpus": "NanoCpus"}
        return {option: host[name] for option, name in names.items() if host.get(name)}

    def _copied(self) -> Any:
        image = self.container.commit(conf={"Labels": {LABEL: owner()}})
        return self.container.client.containers.run(
            image.id, ["-c", "while :; do sleep 3600; done"], entrypoint="/bin/sh", detach=True, init=True,
            labels={LABEL: owner()}, name=f"{self.name}-files", **self._limits(),
        )  # fmt: skip

    def _forget_copy(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            images, image = copy.client.images, str(copy.attrs["Image"])
            ours.removed(copy.id, lambda: copy.remove(force=True, v=True))
            ours.removed(image, lambda: images.remove(image, force=True))

    @property
    def address(self) -> str:
        """Where it answers requests; empty when no port is published."""
        return f"http://127.0.0.1:{self.port}/score" if self.port else ""

    def state(self) -> State:
        """Look at the container now."""
        from docker.errors import NotFound

        try:
            self.container.reload()
            return self._state()
        except NotFound:
            return condition.gone()
        except errors() as error:
            if not stopped(error):
                raise meaning(error, "looking at the container") from error
            return condition.unreachable(advice(error))

    def _state(self) -> State:
        facts = self.container.attrs["State"]
        status, code, oom = str(facts["Status"]), int(facts["ExitCode"]), bool(facts["OOMKilled"])
        if status == "exited":
            return condition.ended(code, self._limit(), oom=oom)
        ready = status == "running" and self._answers()
        if not ready and self._oom_kills():  # the engine's own flag is that of the start before
            return condition.hungry(status, self._limit())
        return condition.running(status, self.port, ready=ready)

    def _oom_kills(self) -> int:
        """Count what the kernel killed for memory; of others than the first process the engine does not tell."""
        from docker.errors import DockerException

        with contextlib.suppress(DockerException):
            said = self.container.exec_run(["sh", "-c", f"cat {_COUNTERS} 2>/dev/null"]).output
            return sum(int(line.split()[1]) for line in said.splitlines() if line.startswith(b"oom_kill "))
        return 0

    def cores(self) -> float:
        """Return how many cores it may use: its limit, or the engine's machine's."""
        limit = int(self.container.attrs["HostConfig"].get("NanoCpus") or 0) / 1e9
        if not limit and not self._cores:
            with speaking("asking for its processors"):
                self._cores = float(self.container.client.info()["NCPU"])
        return limit or self._cores

    def image_words(self) -> str:
        """Return the name of its image and what that takes of the disk."""
        with contextlib.suppress(*errors()):
            name = str(self.container.attrs["Config"]["Image"])
            return f"Image {name}, {size(self.container.image.attrs['Size'])}."
        return ""

    def _limit(self) -> int:
        return int(self.container.attrs["HostConfig"].get("Memory") or 0)

    def _answers(self) -> bool:
        import requests

        if not self.port:
            return False
        with contextlib.suppress(requests.RequestException):
            return bool(requests.get(f"http://127.0.0.1:{self.port}/", timeout=2).status_code == requests.codes.ok)
        return False

    def wait(self, seconds: float = 60, cancelled: threading.Event | None = None) -> State:
        """Wait until the server answers or the container has ended; return the state at the end."""
        stop, end = cancelled or threading.Event(), time.monotonic() + seconds
        state = self.state()
        while (
            not state.ready
            and not state.oom_killed
            and state.status in ("created", "running", "restarting")
            and time.monotonic() < end
        ):
            if stop.wait(_LOOK_SECONDS):
                break
            state = self.state()
        if not state.ready and not state.oom_killed and state.status == "running":
            return condition.silent(state.status, seconds, PORT)
        return state

    def usage(self) -> Usage:
        """Measure what it uses; takes about a second, because the engine compares two moments.

        Raises:
            ServiceFailed: The container does not run.
        """
        with speaking("measuring the container"):
            facts = self.container.stats(stream=False)
        try:
            return condition.usage_of(facts)
        except KeyError as error:
            raise ServiceFailed(f"The container {self.name} does not run.", code="not-running") from error

    def read(self, path: str) -> str:
        """Return a text file of the container, also when it has ended; relative paths start at the scripts' folder.

        Raises:
            BadInput: There is no such file, or it is no text.
        """
        from docker.errors import NotFound

        full = posixpath.join(APP_ROOT, path)
        try:
            stream, _facts = self.container.get_archive(full)
            packed = b"".join(stream)
        except NotFound as error:
            raise BadInput(f"There is no file {full} in the container.", code="no-such-file") from error
        except errors() as error:
            raise meaning(error, f"reading {full}") from error
        return _text_in(packed, full)

    def write(self, path: str, text: str) -> None:
        """Replace a text file of the container; nothing else changes, and nothing runs anew."""
        folder, name = posixpath.split(posixpath.join(APP_ROOT, path))
        packed, content = io.BytesIO(), text.encode()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o644, int(time.time())
            tar.addfile(entry, io.BytesIO(content))
        with speaking(f"writing {path}"):
            self.container.put_archive(folder, packed.getvalue())

    def reload(self, seconds: float = 60) -> State:
        """Start the server again, with the files as they are now; return the state when it answers or has ended."""
        self._forget_copy()
        with speaking("starting the container again"):
            self.container.restart(timeout=1)
        return self.wait(seconds)

    def close(self) -> None:
        """Remove the container, if it is ours; a second call does nothing."""
        self._forget_copy()
        owned, self.owned = self.owned, False
        if owned:
            ours.removed(self.container.id, lambda: self.container.remove(force=True, v=True))
        image, self._image = self._image, ""
        if image:
            ours.removed(image, lambda: self.container.client.images.remove(image, force=True))


def _text_in(packed: bytes, name: str) -> str:
    """Return the text of the one file in a tar archive."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        entry = tar.extractfile(tar.getmembers()[0])
        if entry is None:
            raise BadInput(f"{name} is no file.", code="no-such-file")
        try:
            return entry.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadInput(f"{name} is no text.", code="no-text") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start_failed(port: int, error: BaseException) -> AmlWidgetsError:
    words = str(getattr(error, "explanation", "") or error)
    if "already allocated" in words or "address already in use" in words:
        return BadInput(
            f"Something else listens on port {port}.", code="port-taken", todo="Take another, or 0 for any."
        )
    if stopped(error) or "no space left" in words:
        return meaning(error, "starting the container")
    return ServiceFailed(f"The engine cannot start the container: {mask(words)}", code="start-failed")
