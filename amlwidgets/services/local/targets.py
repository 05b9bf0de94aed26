"""What can be debugged from the notebook, behind one small protocol."""

from __future__ import annotations

import base64
import contextlib
import posixpath
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from amlwidgets.errors import AmlWidgetsError, BadInput, ServiceFailed
from amlwidgets.services.local.condition import State
from amlwidgets.services.local.container import APP_ROOT, LocalContainer
from amlwidgets.services.local.inside import Executes, Inside, SandboxService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOOK_SECONDS = 0.2
_NEEDS_ENGINE = (
    "Probes, edit and reload, and requests work; a terminal, memory figures and the debugger need a Docker engine."
)
_NEEDS_OWN = "Probes, edit and reload, and requests work; %aml local runs one with a terminal and the debugger."


class Target(Protocol):
    """Something with a container that is looked into, edited, reloaded and sent data.

    Attributes:
        kind: ``"container"``, ``"local service"`` or ``"sandbox"``.
        image: What it was made from, with its size; may be empty.
    """

    kind: str
    image: str

    @property
    def note(self) -> str:
        """One sentence that people should know about it; may be empty."""

    @property
    def reloads(self) -> bool:
        """Whether the server can be started again with edited files."""

    @property
    def name(self) -> str:
        """Name as the user knows it."""

    @property
    def inside(self) -> Inside:
        """Where commands run."""

    @property
    def address(self) -> str:
        """Scoring address; empty when there is none."""

    def headers(self) -> Mapping[str, str]:
        """Return what a request needs besides, such as a key."""

    def state(self) -> State:
        """Look at it now."""

    def read(self, path: str) -> str:
        """Return a text file of the scripts' folder."""

    def write(self, path: str, text: str) -> None:
        """Replace a text file of the scripts' folder."""

    def reload(self, seconds: float = 60) -> State:
        """Start the server again with the files as they are now; return the state when it answers or has ended."""

    def log(self) -> Any:
        """Return what ``LogViewer`` takes as the source of the log."""

    def close(self) -> None:
        """Remove what is ours."""


class ContainerTarget:
    """A container of the Docker engine.

    Args:
        local: The container.
        note: One sentence that people should know about it.
        name: Name as the user knows it; empty takes that of the container.
        base: What its image was built on.
    """

    kind = "container"
    reloads = True

    def __init__(self, local: LocalContainer, note: str = "", *, name: str = "", base: str = "") -> None:
        self.local, self.note, self._name = local, note, name
        self.image = " ".join(filter(None, (local.image_words(), base)))

    @property
    def name(self) -> str:
        """Name of the service, the image or the container, as it was asked for."""
        return self._name or self.local.name

    @property
    def inside(self) -> Inside:
        """The container, or a copy of its files once it has ended."""
        return self.local.inside

    @property
    def address(self) -> str:
        """On loopback."""
        return self.local.address

    def headers(self) -> Mapping[str, str]:
        """Return nothing: a local container asks for no key."""
        return {}

    def state(self) -> State:
        """Look at the container now."""
        return self.local.state()

    def read(self, path: str) -> str:
        """Return a file of the container."""
        return self.local.read(path)

    def write(self, path: str, text: str) -> None:
        """Replace a file of the container; the image stays as it is."""
        self.local.write(path, text)

    def reload(self, seconds: float = 60) -> State:
        """Restart the container."""
        return self.local.reload(seconds)

    def log(self) -> Any:
        """Return the container."""
        return self.local.container

    def close(self) -> None:
        """Remove the container, if it is ours."""
        self.local.close()


class LocalServiceTarget(ContainerTarget):
    """A ``LocalWebservice`` of azureml-core: its own ``reload()`` takes the script from where the user keeps it.

    Args:
        service: The service.
        script: The user's own entry script, which ``reload()`` reads; None when it is not known.
    """

    kind = "local service"

    def __init__(self, service: Any, script: Path | None = None) -> None:
        container = getattr(service, "_container", None)
        if container is None:
            raise ServiceFailed(f"The local service {service.name} has no container.", code="no-container")
        note = (
            "Local services are for development, not for production. reload() reads the entry script from its own place"
            f" ({script or 'that of the InferenceConfig'}); a changed environment needs service.update(...)."
        )
        super().__init__(LocalContainer(container, int(service.port or 0)), note)
        self.service, self.script = service, script

    @property
    def name(self) -> str:
        """Name of the service."""
        return str(self.service.name)

    def write(self, path: str, text: str) -> None:
        """Replace the user's own script, which ``reload()`` reads; another file is replaced in the container."""
        if self.script is not None and Path(path).name == self.script.name:
            self.script.write_text(text, "utf-8")
            return
        super().write(path, text)

    def reload(self, seconds: float = 60) -> State:
        """Call ``service.reload()``, which makes a new container."""
        if self.script is None:
            return super().reload(seconds)
        try:
            self.service.reload()
        except Exception as error:
            raise ServiceFailed(f"reload() failed: {error}", code="reload-failed") from error
        self.local = LocalContainer(self.service._container, int(self.service.port or 0))  # noqa: SLF001 - not public
        return self.local.wait(seconds)


class SandboxTarget:
    """A service of the sandbox whose container is made of processes: no engine is needed.

    Args:
        sandbox: The sandbox's client (``execute``, ``restart``).
        service: Name of the service.
        address: Its scoring address.
        headers: Gives what a request needs besides; asked each time.
        log: Source of its log.
    """

    kind = "sandbox"
    image = ""

    def __init__(
        self,
        sandbox: Any,
        service: str,
        address: str = "",
        headers: Callable[[], Mapping[str, str]] = dict,
        log: Any = "",
    ) -> None:
        self._sandbox: Any = sandbox
        self._seen: dict[str, Any] = {}
        executes: Executes = sandbox
        self.inside: Inside = SandboxService(executes, service)
        self.name, self.address, self.headers, self._log = service, address, headers, log

    @property
    def note(self) -> str:
        """What its container is made of, and what that leaves out."""
        count = self._now().get("replicas") or 1
        several = (
            f" It has {count} replicas: one of them is looked into, an edit reaches all of them." if count > 1 else ""
        )
        if self._now().get("kind") == "docker":
            return f"The sandbox's own container of this service, on the Docker engine.{several} {_NEEDS_OWN}"
        return f"This container is made of processes of this machine.{several} {_NEEDS_ENGINE}"

    @property
    def reloads(self) -> bool:
        """Whether the sandbox has a container that can be started again."""
        return bool(self._now().get("restartable"))

    def _now(self) -> dict[str, Any]:
        """Return how the container was when it was looked at last."""
        if not self._seen:
            with contextlib.suppress(AmlWidgetsError):
                self._found()
        return self._seen.get("container") or {}

    def _found(self) -> dict[str, Any] | None:
        found = next((s for s in self._sandbox.status()["services"] if s["name"] == self.name), None)
        self._seen = found or {}
        return found

    def state(self) -> State:
        """Ask the sandbox."""
        found = self._found()
        if found is None:
            words = f"The sandbox has no service {self.name}."
            return State("removed", ready=False, exit_code=None, oom_killed=False, words=words)
        return _state_of(found.get("container") or {}, str(found.get("state", "")))

    def _started(self) -> object:
        found = self._found() or {}
        return (found.get("container") or {}).get("started_at")

    def wait(self, seconds: float = 60) -> State:
        """Wait until it answers, waits after a crash, or is gone."""
        end = time.monotonic() + seconds
        state = self.state()
        while not state.ready and state.status in ("starting", "running") and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
            state = self.state()
        return state

    def read(self, path: str) -> str:
        """Return a file of the scripts' folder."""
        ran = self.inside.run([self.inside.python, "-c", _READ, _inner(path)])
        if ran.exit_code:
            raise BadInput(f"There is no file {_inner(path)} in the container.", code="no-such-file")
        return base64.b64decode(ran.output).decode("utf-8")

    def write(self, path: str, text: str) -> None:
        """Replace a file of the scripts' folder."""
        content = base64.b64encode(text.encode()).decode()
        ran = self.inside.run([self.inside.python, "-c", _WRITE, _inner(path), content])
        if ran.exit_code:
            raise ServiceFailed(f"{path} cannot be written: {ran.output[-300:]}", code="write-failed")

    def reload(self, seconds: float = 60) -> State:
        """Start the server again."""
        before, end = self._started(), time.monotonic() + seconds
        self._sandbox.restart(self.name)
        while self._started() == before and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
        return self.wait(seconds)

    def log(self) -> Any:
        """Return the source of the log."""
        return self._log

    def close(self) -> None:
        """Leave the service as it is."""


def _state_of(now: Mapping[str, Any], service: str) -> State:
    """Return a container's status, as the sandbox gives it, as a state."""
    ready, status = now.get("state") == "Ready", str(now.get("state") or service or "ended")
    reason = str(now.get("reason") or "")
    if ready:
        words = "It answers."
    elif now.get("exit_code") is not None and status != "Running":
        words = f"Its server ended with exit code {now['exit_code']}" + (f" ({reason})." if reason else ".")
    else:
        words = f"{status}{f' ({reason})' if reason else ''}: it does not answer yet."
    return State(status.lower(), ready, now.get("exit_code"), oom_killed=reason == "OOMKilled", words=words)


_READ = "import base64, sys; print(base64.b64encode(open(sys.argv[1], 'rb').read()).decode())"
_WRITE = "import base64, sys; open(sys.argv[1], 'wb').write(base64.b64decode(sys.argv[2]))"


def _inner(path: str) -> str:
    return posixpath.relpath(posixpath.join(APP_ROOT, path), APP_ROOT)
