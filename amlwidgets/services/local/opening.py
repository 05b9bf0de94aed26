"""From the word behind ``%aml local`` to something that can be debugged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.docker_engine import connect
from amlwidgets.errors import AmlWidgetsError, BadInput, NotAllowed, NotConnected
from amlwidgets.services.local.container import PORT, LocalContainer
from amlwidgets.services.local.images import Location, locate, pull
from amlwidgets.services.local.targets import ContainerTarget, LocalServiceTarget, SandboxTarget, Target

if TYPE_CHECKING:
    from collections.abc import Callable

_START_SECONDS, _TICK = 30, 0.3
_NOTE = "A container of this machine, run from the service's image: for looking, not for production."


def open_target(
    thing: Any, *, sandbox: Any = None, tell: Callable[[str], None] = lambda _words: None, port: int = 0
) -> Target:
    """Return what can be debugged of something; starts a container where none runs.

    Args:
        thing: A web service of azureml-core, an image of it, a container of the ``docker`` package, or a name: of a
            running container, or of an image.
        sandbox: The sandbox's client, when the workspace is in it.
        tell: Told what goes on, for long work.
        port: For the container, on loopback; 0 takes a free one.

    Raises:
        BadInput: Nothing has that name, or it has no image.
        NotConnected: No Docker engine answers, and there is no other way.
    """
    kind = type(thing).__name__
    if kind == "LocalWebservice":
        return LocalServiceTarget(thing, own_script(thing))
    if type(thing).__module__.startswith("docker.models.containers"):
        return ContainerTarget(LocalContainer(thing, _published(thing)))
    if sandbox is not None and not isinstance(thing, str):
        return _of_sandbox(thing, sandbox, tell, port)
    if isinstance(thing, str) and (running := _running(thing)) is not None:
        return ContainerTarget(LocalContainer(running, _published(running)))
    location = locate(thing)
    return _of_image(location, tell, port, memory_gb=_limit(thing, "memory_in_gb"), cpu=_limit(thing, "cpu"))


def open_at_once(service: Any, sandbox: Any = None) -> Target:
    """Return what can be looked into of a service without starting anything: its own container on this machine.

    Args:
        service: The web service.
        sandbox: The sandbox's client, when the service is in it.

    Raises:
        BadInput: Its container runs elsewhere.
    """
    if type(service).__name__ == "LocalWebservice":
        return LocalServiceTarget(service, own_script(service))
    if sandbox is not None:
        return SandboxTarget(sandbox, service.name, service.scoring_uri or "", lambda: key_of(service), service)
    raise BadInput(
        f"The container of {service.name} runs in Azure, where nobody can enter it.",
        code="container-elsewhere",
        todo=f"Run  %aml local {service.name}  to run its image on this machine, or deploy with the target Local.",
    )


def _of_sandbox(service: Any, sandbox: Any, tell: Callable[[str], None], port: int) -> Target:
    """Run the service's image on the engine; without an engine, its own container of processes is taken."""
    try:
        client = connect(timeout=600)
    except (NotConnected, NotAllowed):
        return open_at_once(service, sandbox)
    tell("The image is built; the first one takes about a minute …")
    made = build_image(sandbox, service.name, tell)
    tell("The container starts …")
    local = LocalContainer.start(
        made["location"],
        port=port,
        memory_gb=_limit(service, "memory_in_gb"),
        cpu=_limit(service, "cpu"),
        client=client,
    )
    tell(local.wait(_START_SECONDS).words)
    return ContainerTarget(local, _NOTE)


def build_image(sandbox: Any, name: str, tell: Callable[[str], None]) -> dict[str, str]:
    """Have the sandbox build the image, telling each step; an interrupt of the kernel ends the build.

    Raises:
        ServiceFailed: It cannot be built.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="amlwidgets-image") as pool:
        work, seen = pool.submit(sandbox.image, name), 0
        try:
            while not work.done():
                text = sandbox.image_log(name, seen)
                seen += len(text)
                for line in text.splitlines():
                    if line.startswith(("Step ", "Sending ")):
                        tell(line)
                wait([work], timeout=_TICK)
        except KeyboardInterrupt:
            sandbox.image_log(name, cancel=True)
            raise
        made: dict[str, str] = work.result()
        return made


def _of_image(
    location: Location, tell: Callable[[str], None], port: int, *, memory_gb: float | None, cpu: float | None
) -> Target:
    from docker.errors import ImageNotFound

    client = connect(timeout=600)
    try:
        client.images.get(location.reference)
    except ImageNotFound:
        pull(client, location, tell=lambda progress: tell(progress.sentence()))
    tell("The container starts …")
    local = LocalContainer.start(location.reference, port=port, memory_gb=memory_gb, cpu=cpu, client=client)
    tell(local.wait(_START_SECONDS).words)
    return ContainerTarget(local, _NOTE)


def _running(name: str) -> Any:
    """Return the engine's container of that name; None when there is none, or no engine."""
    from docker.errors import DockerException

    try:
        return connect(timeout=20).containers.get(name)
    except (DockerException, AmlWidgetsError):
        return None


def _published(container: Any) -> int:
    bound = (container.ports or {}).get(f"{PORT}/tcp") or []
    return int(bound[0]["HostPort"]) if bound else 0


def _limit(service: Any, name: str) -> float | None:
    """Return a limit of a service as it says it itself."""
    resources = getattr(service, "container_resource_requirements", None)
    value = getattr(resources, name, None)
    return float(value) if value else None


def own_script(service: Any) -> Path | None:
    """Return the script that ``reload()`` reads: that of the service's InferenceConfig."""
    config = getattr(service, "_inference_config", None)
    entry = getattr(config, "entry_script", None)
    if not entry:
        return None
    path = Path(getattr(config, "source_directory", None) or ".", entry).resolve()
    return path if path.is_file() else None


def key_of(service: Any) -> dict[str, str]:
    """Return the header with the service's key or token; empty when it wants none."""
    if getattr(service, "auth_enabled", False):
        return {"Authorization": f"Bearer {service.get_keys()[0]}"}
    if getattr(service, "token_auth_enabled", False):
        return {"Authorization": f"Bearer {service.get_token()[0]}"}
    return {}


def known_to_engine(name: str) -> bool:
    """Whether the engine has a container or an image of that name; False where no engine answers."""
    from docker.errors import DockerException, ImageNotFound

    if _running(name) is not None:
        return True
    try:
        connect(timeout=20).images.get(name)
    except (ImageNotFound, DockerException, AmlWidgetsError):
        return False
    return True
