"""Starting, finding and stopping the sandbox from another process."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from amlwidgets.errors import BadInput, NotAllowed, NotConnected, ServiceFailed
from amlwidgets.sandbox.identity import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, read_identity
from amlwidgets.sandbox.owner import OwnerRoutes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlwidgets.sandbox.identity import Identity

HOME_VARIABLE = "AMLWIDGETS_SANDBOX_HOME"
SPEEDS = ("quick", "1")
RUNTIMES = ("process", "docker", "auto")
START_SECONDS = 20.0
STOP_SECONDS = 20.0
_IMAGES_SECONDS = 600.0
_ALREADY_RUNS, _PORT_TAKEN, _DAMAGED = 3, 4, 6
_OK = 200
_MAX_PORT = 65535
_OWN_FILES = {"daemon.log", "lock", "identity.json", "sandbox.sqlite"}
"""One of them is in every folder in which a sandbox was started."""


@dataclass(frozen=True, slots=True)
class Sandbox(OwnerRoutes):
    """A running sandbox.

    Attributes:
        home: Its state folder.
        pid: Its process.
        url: Its address, without credentials.
        speed: ``"quick"`` or ``"1"``.
    """

    home: Path
    pid: int
    url: str
    speed: str

    @property
    def identity(self) -> Identity:
        """Names and secrets.

        Raises:
            NotConnected: The state folder is gone.
        """
        identity = read_identity(self.home)
        if identity is None:
            raise _not_running(self.home)
        return identity

    def environment(self) -> dict[str, str]:
        """Return the variables with which a process reaches this sandbox; see also :attr:`unset`."""
        from amlwidgets.sandbox.environ import sandbox_environment

        return sandbox_environment(self.home, self.identity)

    @property
    def unset(self) -> list[str]:
        """Names of variables that must not be set beside :meth:`environment`."""
        from amlwidgets.sandbox.environ import UNSET

        return list(UNSET)

    def status(self) -> dict[str, Any]:
        """Return what runs: pid, url, speed, started, workspaces, number of models, services.

        Raises:
            NotConnected: It runs no more.
        """
        return self._call("GET", "/sandbox/status")

    def stop(self) -> list[str]:
        """End the sandbox with its containers and wait for it; nothing that it holds is lost.

        Returns:
            The local web services whose containers were removed with it, by name.

        Raises:
            ServiceFailed: It does not end.
        """
        removed: list[str] = []
        with contextlib.suppress(NotConnected):
            removed = self._call("POST", "/sandbox/stop", timeout=60).get("localServices", [])
        deadline = time.monotonic() + STOP_SECONDS
        while not _is_free(self.home):
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"The sandbox (process {self.pid}) does not end.", code="sandbox-stuck", todo="End that process."
                )
            time.sleep(0.02)
        return removed

    def reset(self, *, images: bool = False) -> list[str]:
        """Forget models, services, environments and runs; with ``images`` what was built too.

        Returns:
            The local web services whose containers were removed, by name.

        Raises:
            NotConnected: It does not run, or does not answer in time.
        """
        # An engine takes seconds for each image, and more while it builds.
        seconds = _IMAGES_SECONDS if images else 60
        done = self._call("POST", f"/sandbox/reset?images={'true' if images else 'false'}", timeout=seconds)
        removed: list[str] = done.get("localServices", [])
        return removed

    def faults(self, rules: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Disturb the sandbox, for tests (:mod:`amlwidgets.sandbox.faults`); an empty list ends that.

        Raises:
            NotConnected: The sandbox does not run.
            ServiceFailed: A rule is not valid.
        """
        return list(self._call("POST", "/sandbox/faults", {"rules": list(rules)})["faults"])

    def workspace_config(
        self,
        subscription_id: str = SUBSCRIPTION,
        resource_group: str = RESOURCE_GROUP,
        workspace_name: str = WORKSPACE,
    ) -> dict[str, str]:
        """Return the content of ``config.json`` for a workspace, which is made unless it exists.

        Raises:
            NotConnected: The sandbox does not run.
        """
        names = ("subscription_id", "resource_group", "workspace_name")
        config = dict(zip(names, (subscription_id, resource_group, workspace_name), strict=True))
        self._call("POST", "/sandbox/workspaces", config)
        return config

    def image(self, name: str, **workspace: str) -> dict[str, str]:
        """Build the image of a service, or an older image, with this machine's Docker engine.

        Args:
            name: Service, image, ``image:version``, or an image's location.
            workspace: The names of the workspace, as in ``config.json``; the sandbox's own by default.

        Returns:
            ``location`` and ``registry`` (names of the image), ``user`` and ``password`` of the registry, ``log``.

        Raises:
            NotConnected: The sandbox does not run.
            ServiceFailed: There is no such thing, or it cannot be built.
        """
        return self._call("POST", "/sandbox/image", {"name": name, **workspace}, timeout=1800)

    def workspace(self, name: str = WORKSPACE) -> Any:
        """Return a real ``azureml.core.Workspace`` in this sandbox, made unless it exists.

        Raises:
            NotAllowed: This process is not switched to the sandbox.
            NotInstalled: azureml-core is absent.
        """
        from amlwidgets.sandbox import world

        if world.state() != "sandbox":
            raise NotAllowed(
                "This process is not switched to the sandbox.",
                code="sandbox-off",
                todo="Run `%aml sandbox on`, or amlwidgets.sandbox.world.switch_on().",
            )
        config = self.workspace_config(workspace_name=name)
        return world.open_workspace(config)

    def _call(self, method: str, path: str, body: Any = None, timeout: float = 30) -> dict[str, Any]:
        try:
            return call(self.identity, method, path, body, timeout)
        except TimeoutError as exc:
            raise NotConnected(
                f"The sandbox on {self.home} has not answered for {timeout:g} s; it may still do what was asked of it.",
                code="sandbox-busy",
                todo="Look again in a while: amlwidgets sandbox status",
            ) from exc
        except OSError as exc:
            raise _not_running(self.home) from exc


def call(identity: Identity, method: str, path: str, body: Any = None, timeout: float = 30) -> dict[str, Any]:
    """Call a control route of the sandbox.

    Raises:
        OSError: Nothing listens.
        ServiceFailed: It answers with an error.
    """
    import http.client  # brings TLS along, which nobody needs who only imports this module

    connection = http.client.HTTPConnection("127.0.0.1", identity.port, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-amlwidgets-secret": identity.secret, "Content-Type": "application/json"}
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        text = response.read()
    except http.client.HTTPException as exc:
        raise OSError(f"no answer from the sandbox: {exc}") from exc
    finally:
        connection.close()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {"message": text.decode("utf-8", "replace")}
    if response.status != _OK:
        raise ServiceFailed(str(answer.get("message") or "The sandbox refused."), code=f"sandbox-{response.status}")
    return dict(answer)


def default_home() -> Path:
    """Return the state folder: ``AMLWIDGETS_SANDBOX_HOME``, or the user's data folder."""
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("amlwidgets", appauthor=False)) / "sandbox"


def connect(home: str | os.PathLike[str] | None = None) -> Sandbox | None:
    """Return the sandbox that runs on ``home``, or None."""
    folder = Path(home).expanduser().absolute() if home is not None else default_home()
    identity = read_identity(folder)
    if identity is None or identity.port == 0 or _is_free(folder):
        return None
    try:
        state = call(identity, "GET", "/sandbox/status", timeout=10)
    except (OSError, ServiceFailed):
        return None
    return Sandbox(folder, int(state["pid"]), identity.url, str(state["speed"]))


def need(home: str | os.PathLike[str] | None = None) -> Sandbox:
    """Return the sandbox that runs on ``home``.

    Raises:
        NotConnected: None runs there.
    """
    running = connect(home)
    if running is None:
        raise _not_running(Path(home) if home is not None else default_home())
    return running


def start(
    home: str | os.PathLike[str] | None = None,
    speed: str = "quick",
    port: int | None = None,
    *,
    runtime: str = "process",
) -> Sandbox:
    """Start the sandbox, or return the one that runs already.

    Args:
        home: State folder; None takes ``AMLWIDGETS_SANDBOX_HOME`` or the user's data folder.
        speed: ``"quick"`` (waits of Azure's shrink, first polls are held) or ``"1"`` (real time).
        port: Loopback port; None keeps the last one, or takes a free one at the first start.
        runtime: What containers are: ``"process"``, ``"docker"``, or ``"auto"`` (Docker when an engine answers).

    Raises:
        BadInput: ``speed``, ``runtime`` or ``port`` cannot be used, the port is taken, or the folder cannot be written
            or holds other things.
        ServiceFailed: It does not start.
    """
    if speed not in SPEEDS:
        raise BadInput(f"speed is {speed!r}; it has to be 'quick' or '1'.", code="sandbox-speed")
    if runtime not in RUNTIMES:
        raise BadInput(f"runtime is {runtime!r}; it has to be one of {', '.join(RUNTIMES)}.", code="sandbox-runtime")
    if port is not None and not 0 < port <= _MAX_PORT:
        raise BadInput(f"port is {port}; it has to lie between 1 and {_MAX_PORT}.", code="sandbox-port")
    folder = Path(home).expanduser().absolute() if home is not None else default_home()
    running = connect(folder)
    if running is not None:
        return running
    try:
        _refuse_others(folder)
        if home is None and not os.environ.get(HOME_VARIABLE):
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # amlwidgets' own, which holds the journal too
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        log = os.fdopen(os.open(folder / "daemon.log", flags, 0o600), "ab")
    except OSError as exc:
        raise BadInput(f"The sandbox's state folder {folder} cannot be written: {exc}.", code="sandbox-home") from exc
    with log:
        return _spawn(folder, ["--speed", speed, "--runtime", runtime], port, log)


def _refuse_others(folder: Path) -> None:
    """Keep a sandbox out of a folder of other things: it closes its folder to others, and clears its parts at a start.

    Raises:
        BadInput: The folder holds something, and nothing that a sandbox left there.
        OSError: It cannot be read.
    """
    found = {path.name for path in folder.iterdir()} - {"lost+found"} if folder.exists() else set()
    if found and not found & _OWN_FILES:
        raise BadInput(
            f"{folder} holds other things, such as {min(found)}; a sandbox needs a folder of its own.",
            code="sandbox-home", todo="Name an empty or a new folder.",
        )  # fmt: skip


def _spawn(folder: Path, choices: list[str], port: int | None, log: IO[bytes]) -> Sandbox:
    command = [sys.executable, "-m", "amlwidgets.sandbox.daemon", "--home", str(folder), *choices]
    command += ["--port", str(port or 0)]
    reader, writer = os.pipe()
    position = log.tell()
    try:
        process = subprocess.Popen(
            [*command, "--ready-fd", str(writer)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writer,),
            start_new_session=True,
            # A daemon that sits in the folder of a notebook would keep it from being unmounted.
            cwd=folder,
        )
    finally:
        os.close(writer)
    try:
        ready = select.select([reader], [], [], START_SECONDS)[0] and os.read(reader, 64)
    finally:
        os.close(reader)
    if not ready:
        return _after_failure(process, folder, position, port)
    running = connect(folder)
    if running is None:
        raise ServiceFailed("The sandbox ended right after its start.", code="sandbox-start", todo=_see(folder))
    return running


def _after_failure(process: subprocess.Popen[bytes], folder: Path, position: int, port: int | None) -> Sandbox:
    try:
        code = process.wait(1)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        code = None
    if code == _ALREADY_RUNS:
        # Somebody else starts it at this moment.
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            running = connect(folder)
            if running is not None:
                return running
            time.sleep(0.05)
    raise _explanation(code, folder, position, port)


def _explanation(code: int | None, folder: Path, position: int, port: int | None) -> BadInput | ServiceFailed:
    if code == _PORT_TAKEN:
        return BadInput(f"Port {port} is taken.", code="port-taken", todo="Choose another port, or none.")
    with contextlib.suppress(OSError):
        last = (folder / "daemon.log").read_bytes()[position:].decode("utf-8", "replace").strip().splitlines()[-1:]
        if last and code == _DAMAGED:
            return BadInput(last[0], code="sandbox-damaged")
        if last:
            return ServiceFailed(f"The sandbox does not start: {last[0]}", code="sandbox-start", todo=_see(folder))
    return ServiceFailed("The sandbox does not start.", code="sandbox-start", todo=_see(folder))


def _see(folder: Path) -> str:
    return f"See {folder / 'daemon.log'}."


def _is_free(folder: Path) -> bool:
    """Whether no sandbox holds the folder's lock."""
    try:
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _not_running(home: Path) -> NotConnected:
    return NotConnected(
        f"No sandbox runs on {home}.", code="sandbox-not-running", todo="Start it with `amlwidgets sandbox start`."
    )
