"""From the word behind ``%aml local`` to something that can be debugged."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from amlwidgets.docker_engine import connect, engine, speaking
from amlwidgets.errors import AmlWidgetsError, BadInput, NotAllowed, NotConnected, ServiceFailed
from amlwidgets.services.azureml import registry_login
from amlwidgets.services.local.container import PORT, LocalContainer
from amlwidgets.services.local.engine import free_disk
from amlwidgets.services.local.images import Location, Login, az_login, locate, pull
from amlwidgets.services.local.readings import size
from amlwidgets.services.local.targets import ContainerTarget, LocalServiceTarget, SandboxTarget, Target

_TICK = 0.3
_NOTE = "A container of this machine, run from the service's image: for looking, not for production."
_STEP = re.compile(r"Step (\d+)/(\d+) ")


class Tell(Protocol):
    """Is told what goes on."""

    def __call__(self, words: str, part: float | None = None, /) -> None:
        """Take one line, and how much is done (0 to 1) when that is known."""


def _silent(_words: str, _part: float | None = None, /) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class How:
    """How something is opened.

    Attributes:
        tell: Told what goes on.
        cancelled: Ends it when set.
        port: For the container, on loopback; 0 takes a free one.
        login: For the registry; None takes the engine's own, then the workspace's.
    """

    tell: Tell = _silent
    cancelled: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    login: Login | None = None


def open_target(thing: Any, how: How | None = None, *, sandbox: Any = None, ws: Any = None) -> Target:
    """Return what can be debugged of something; starts a container where none runs. It may not answer yet.

    Args:
        thing: A web service of azureml-core, an image of it, a container of the ``docker`` package, or a name: of a
            running container, or of an image.
        how: How it is opened.
        sandbox: The sandbox's client, when the workspace is in it.
        ws: The workspace whose login to its registry may be used; None takes that of ``thing``.

    Raises:
        BadInput: Nothing has that name, or it has no image.
        NotConnected: No Docker engine answers, and there is no other way.
        NotAllowed: The registry wants another login.
        ServiceFailed: It was cancelled, the disk is full, or the engine fails.
    """
    how = how or How()
    kind = type(thing).__name__
    if kind == "LocalWebservice":
        return LocalServiceTarget(thing, own_script(thing))
    if type(thing).__module__.startswith("docker.models.containers"):
        return ContainerTarget(LocalContainer(thing, _published(thing)))
    if sandbox is not None and not isinstance(thing, str):
        return _of_sandbox(thing, sandbox, how)
    if isinstance(thing, str) and (running := _running(thing)) is not None:
        return ContainerTarget(LocalContainer(running, _published(running)))
    return _of_image(thing, locate(thing), ws or getattr(thing, "workspace", None), how)


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


def _of_sandbox(service: Any, sandbox: Any, how: How) -> Target:
    """Run the service's image on the engine; without an engine, its own container of processes is taken."""
    try:
        client = connect(timeout=600)
    except (NotConnected, NotAllowed):
        return open_at_once(service, sandbox)
    _tell_disk(client, how)
    how.tell("The image is built; the first one takes about a minute …")
    made = build_image(sandbox, service.name, how)
    return _started(service, service.name, made["location"], client, how, base=made["base"])


def build_image(sandbox: Any, name: str, how: How) -> dict[str, str]:
    """Have the sandbox build the image, telling each step; a cancel, or an interrupt of the kernel, ends the build.

    Raises:
        ServiceFailed: It cannot be built, or was cancelled.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="amlwidgets-image") as pool:
        work, seen = pool.submit(sandbox.image, name), 0
        try:
            while not work.done() and not how.cancelled.is_set():
                seen = _tell_log(sandbox.image_log(name, seen), seen, how)
                wait([work], timeout=_TICK)
        except KeyboardInterrupt:
            sandbox.image_log(name, cancel=True)
            raise
        if how.cancelled.is_set():
            sandbox.image_log(name, cancel=True)
            wait([work])
            raise ServiceFailed("The build was cancelled.", code="cancelled")
        made: dict[str, str] = work.result()
        _tell_log(made.get("log", "")[seen:], seen, how)
        return made


def _tell_log(text: str, seen: int, how: How) -> int:
    """Tell the lines of a build's log that are for people; return how much of it is known now."""
    for line in text.splitlines():
        if step := _STEP.match(line):
            how.tell(line, (int(step[1]) - 1) / int(step[2]))
        elif line.startswith(("Sending ", "sandbox: ")):
            how.tell(line.removeprefix("sandbox: "))
    return seen + len(text)


def _of_image(thing: Any, location: Location, ws: Any, how: How) -> Target:
    from docker.errors import ImageNotFound

    client = connect(timeout=600)
    try:
        with speaking("looking for the image"):
            client.images.get(location.reference)
    except AmlWidgetsError as error:
        if not isinstance(error.__cause__, ImageNotFound):
            raise
        _tell_disk(client, how)
        _pulled(location, ws, how)
    return _started(thing, location.reference, location.reference, client, how)


def _pulled(location: Location, ws: Any, how: How) -> None:
    """Pull an image: with the login that was given, else with the engine's own, else with the workspace's."""
    login = how.login or Login()
    if login.az:
        how.tell(f"az acr login -n {location.registry.partition('.')[0]} …")
        az_login(location.registry, how.cancelled)
    named = location.logged_in(login.user, login.password) if login.user else location
    with engine(timeout=600) as client:  # made now: it reads the logins that Docker keeps when it is made
        try:
            pull(client, named, tell=lambda now: how.tell(now.sentence(), now.part), cancelled=how.cancelled)
        except NotAllowed:
            own = registry_login(ws, location.registry) if ws is not None and how.login is None else None
            if own is None:
                raise
            how.tell("The registry wants a login: the workspace's own is taken.")
            named = location.logged_in(*own)
            pull(client, named, tell=lambda now: how.tell(now.sentence(), now.part), cancelled=how.cancelled)


def _started(thing: Any, name: str, image: str, client: Any, how: How, *, base: str = "") -> Target:
    if how.cancelled.is_set():
        raise ServiceFailed("It was cancelled.", code="cancelled")
    how.tell("The container starts …")
    local = LocalContainer.start(
        image, port=how.port, memory_gb=_limit(thing, "memory_in_gb"), cpu=_limit(thing, "cpu"), client=client
    )
    return ContainerTarget(local, _NOTE, name=name, base=base)


def _tell_disk(client: Any, how: How) -> None:
    free = free_disk(client)
    if free is not None:
        how.tell(f"The engine's disk has {size(free)} free.")


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
