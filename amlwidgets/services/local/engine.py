"""The Docker engine as a user has it: is it there, may they use it, can it run something, and if not, what helps."""

from __future__ import annotations

import shutil
import socket
from typing import Any

from amlwidgets.core.checks import Check, CheckState
from amlwidgets.docker_engine import PRUNE, engine, meaning, place, speaking
from amlwidgets.docker_engine import errors as engine_errors
from amlwidgets.errors import AmlWidgetsError
from amlwidgets.services.local.readings import size

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_DISK = 5 << 30
_FULL = 100 << 20
_MEMORY = 1 << 30


def absent() -> bool:
    """Whether this user certainly has no engine; told in a moment, and without loading docker.

    Only a socket of this machine can be told so quickly: an engine elsewhere counts as there.
    """
    looked = place()
    if not looked.startswith("unix://"):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.2)
        try:
            probe.connect(looked.removeprefix("unix://"))
        except OSError:
            return True
    return False


def check_engine(*, image: str = "", port: int = 0, memory_gb: float = 0) -> list[Check]:
    """Look at what a local container needs, one check after another; what depends on the engine is left out without it.

    Args:
        image: Image that is to run; its architecture is compared when the engine has it.
        port: Port that is wanted; 0 takes any.
        memory_gb: What the container may use.
    """
    looked = place()
    try:
        with engine(timeout=20) as client, speaking("looking at it"):
            info = client.info()
            checks = [_reachable(client, info, looked), _runs(client, looked), _disk(info), _memory(info, memory_gb)]
            if image:
                checks.append(_architecture(client, info, image))
    except AmlWidgetsError as error:
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
    from amlwidgets.services.host import run_tiny_container

    try:
        run_tiny_container(client)
    except engine_errors() as error:
        found = meaning(error, "running a tiny container")
        todo = found.todo or "Run  docker run hello-world  to see more."
        return Check("run", "Runs a container", CheckState.FAIL, looked, found.message, todo)
    except KeyError as error:
        words = f"Nothing tiny is known for the processor {error}."
        return Check("run", "Runs a container", CheckState.SKIP, looked, words)
    return Check("run", "Runs a container", CheckState.OK, looked, "A tiny container ran and was removed.")


def free_disk(client: Any) -> int | None:
    """Return the bytes that are free on the engine's disk; None when it is another machine's, or a virtual one's.

    Raises:
        NotConnected: The engine does not answer.
    """
    with speaking("asking for its disk"):
        return _free(client.info())


def _free(info: dict[str, Any]) -> int | None:
    try:
        return shutil.disk_usage(str(info.get("DockerRootDir") or "")).free
    except OSError:
        return None


def _disk(info: dict[str, Any]) -> Check:
    root, free = str(info.get("DockerRootDir") or ""), _free(info)
    if free is None:
        return Check("disk", "Disk", CheckState.SKIP, root, "The engine's disk cannot be looked at from here.")
    state = CheckState.OK if free > _DISK else CheckState.WARN if free > _FULL else CheckState.FAIL
    todo = "" if state is CheckState.OK else f"Images are large: {PRUNE}"
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
