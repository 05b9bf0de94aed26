"""The Docker engine as a user has it: is it there, may they use it, can it run something, and if not, what helps."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.core.checks import Check, CheckState
from amlwidgets.errors import NotAllowed, NotConnected
from amlwidgets.services.local.readings import size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_DISK = 5 << 30
_MEMORY = 1 << 30


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
    """Return a docker-py client; see :func:`engine`."""
    from docker import from_env
    from docker.errors import DockerException

    try:
        client = from_env(timeout=timeout)
        client.ping()
    except (DockerException, OSError) as error:
        denied = "PermissionError" in repr(error) or "Permission denied" in str(error)
        kind = NotAllowed if denied else NotConnected
        message = "This user may not use the Docker engine." if denied else f"No Docker engine answers at {_looked()}."
        raise kind(message, code="docker-denied" if denied else "docker-down", todo=advice(error)) from error
    return client


def absent() -> bool:
    """Whether this user certainly has no engine; told in a moment, and without loading docker.

    Only a socket of this machine can be told so quickly: an engine elsewhere counts as there.
    """
    looked = _looked()
    if not looked.startswith("unix://"):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.2)
        try:
            probe.connect(looked.removeprefix("unix://"))
        except OSError:
            return True
    return False


def _looked(environ: Mapping[str, str] = os.environ) -> str:
    return environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def advice(error: BaseException, environ: Mapping[str, str] = os.environ, system: str = sys.platform) -> str:
    """Return what helps against an engine that does not answer, in one sentence.

    Args:
        error: What docker-py raised.
        environ: The environment (``DOCKER_HOST``, ``XDG_RUNTIME_DIR``, ``WSL_DISTRO_NAME``).
        system: As ``sys.platform``.
    """
    said = f"{error!r} {error}"
    host = environ.get("DOCKER_HOST", "")
    if "PermissionError" in said or "Permission denied" in said:
        return "Add your user to the docker group (sudo usermod -aG docker $USER), then log in again."
    return _of_host(said, host) or _of_system(environ, system)


def _of_host(said: str, host: str) -> str:
    """Return what DOCKER_HOST has to do with it; empty when nothing."""
    if "CERTIFICATE_VERIFY_FAILED" in said or "TLS" in said:
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


def check_engine(*, image: str = "", port: int = 0, memory_gb: float = 0) -> list[Check]:
    """Look at what a local container needs, one check after another; what depends on the engine is left out without it.

    Args:
        image: Image that is to run; its architecture is compared when the engine has it.
        port: Port that is wanted; 0 takes any.
        memory_gb: What the container may use.
    """
    looked = _looked()
    try:
        with engine(timeout=20) as client:
            info = client.info()
            checks = [_reachable(client, info, looked), _runs(client, looked), _disk(info), _memory(info, memory_gb)]
            if image:
                checks.append(_architecture(client, info, image))
    except (NotConnected, NotAllowed) as error:
        checks = [Check("engine", "Docker engine", CheckState.FAIL, looked, error.message, error.todo)]
    return [*checks, _port(port)] if port else checks


def _reachable(client: Any, info: dict[str, Any], looked: str) -> Check:
    version = client.version()
    parts = ", ".join(str(c.get("Name", "")) for c in version.get("Components") or [])
    kind = "podman" if "podman" in parts.lower() else "Docker"
    rootless = ", rootless" if any("rootless" in str(option) for option in info.get("SecurityOptions") or []) else ""
    words = (
        f"{kind} {version['Version']}{rootless}, API {version['ApiVersion']}, {info['OSType']}/{info['Architecture']}."
    )
    return Check("engine", "Docker engine", CheckState.OK, looked, words)


def _runs(client: Any, looked: str) -> Check:
    from docker.errors import DockerException

    from amlwidgets.services.host import run_tiny_container

    try:
        run_tiny_container(client)
    except (DockerException, OSError, KeyError) as error:
        words = f"The engine answers, but runs no container: {error}."
        return Check(
            "run", "Runs a container", CheckState.FAIL, looked, words, "Run  docker run hello-world  to see more."
        )
    return Check("run", "Runs a container", CheckState.OK, looked, "A tiny container ran and was removed.")


def _disk(info: dict[str, Any]) -> Check:
    root = str(info.get("DockerRootDir") or "")
    try:
        free = shutil.disk_usage(root).free
    except OSError:  # of another machine, or of a virtual one
        return Check("disk", "Disk", CheckState.SKIP, root, "The engine's disk cannot be looked at from here.")
    state = CheckState.OK if free > _DISK else CheckState.WARN
    todo = "" if state is CheckState.OK else "Images are large: docker system df, then docker image prune."
    return Check("disk", "Disk", state, root, f"{size(free)} free.", todo)


def _memory(info: dict[str, Any], memory_gb: float) -> Check:
    total = int(info.get("MemTotal") or 0)
    wanted = max(_MEMORY, int(memory_gb * 1024**3))
    state = CheckState.OK if total >= wanted else CheckState.WARN
    words = f"The engine has {size(total)}" + (f"; the container asks for {memory_gb:g} GB." if memory_gb else ".")
    todo = "" if state is CheckState.OK else "Give the engine more memory (Docker Desktop: Settings, Resources)."
    return Check("memory", "Memory", state, "docker info", words, todo)


def _architecture(client: Any, info: dict[str, Any], image: str) -> Check:
    from docker.errors import DockerException

    here = _MACHINES.get(str(info["Architecture"]), str(info["Architecture"]))
    try:
        built = str(client.images.get(image).attrs["Architecture"])
    except DockerException:
        return Check("architecture", "Architecture", CheckState.SKIP, image, "The image is not here yet.")
    if built == here:
        return Check("architecture", "Architecture", CheckState.OK, image, f"Image and engine are {here}.")
    words = f"The image is made for {built}, the engine runs {here}: “exec format error”, or slow emulation."
    return Check("architecture", "Architecture", CheckState.WARN, image, words, "Build the image for this machine.")


def _port(port: int) -> Check:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            words = f"Port {port} belongs to the system's own."
            return Check("port", "Port", CheckState.FAIL, str(port), words, "Take one above 1023.")
        except OSError:
            words, todo = f"Something else listens on port {port}.", "Take another port, or 0 for any free one."
            return Check("port", "Port", CheckState.FAIL, str(port), words, todo)
    return Check("port", "Port", CheckState.OK, str(port), f"Port {port} is free.")
