"""Getting the image of a service: where it lies, how to log in, and pulling it with progress that can be cancelled."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.docker_engine import PRUNE, meaning, said, stopped, streamed
from amlwidgets.docker_engine import errors as engine_errors
from amlwidgets.errors import AmlWidgetsError, BadInput, NotAllowed, NotConnected, NotInstalled, ServiceFailed
from amlwidgets.services.local.readings import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AZ_TICK = 0.1


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in to a registry, for one pull.

    Attributes:
        user: Empty when ``az`` does it.
        password: Never shown, never stored.
        az: Whether ``az acr login`` is run before the pull.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    az: bool = False


@dataclass(frozen=True, slots=True)
class Location:
    """Where an image lies.

    Attributes:
        reference: Name with registry and tag.
        user: For the registry; empty when nobody has to log in, or the engine is logged in already.
        password: Never shown, never stored.
    """

    reference: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def registry(self) -> str:
        """Host of the registry; empty for an image of this machine or of Docker Hub."""
        host, slash, _ = self.reference.partition("/")
        return host if slash and re.search(r"[.:]|^localhost$", host) else ""

    def logged_in(self, user: str, password: str) -> Location:
        """Return it with a login."""
        return replace(self, user=user, password=password)


class Denied(NotAllowed):
    """A registry wants a login, or another one.

    Args:
        registry: Its host.
        message: What happened.
        command: Logs in.
    """

    def __init__(self, registry: str, message: str, command: str) -> None:
        super().__init__(message, code="registry-denied", todo=f"Run: {command}")
        self.registry = registry


def az_login(registry: str, cancelled: threading.Event) -> None:
    """Log the engine's user in to a registry of Azure by ``az acr login``, which keeps the login as Docker does.

    Raises:
        NotInstalled: There is no ``az``, or the registry is not Azure's.
        Denied: It fails.
        ServiceFailed: It was cancelled.
    """
    command = az_command(registry)
    if not command:
        raise NotInstalled("The Azure CLI is not installed here.", code="no-az", todo="Type user and password instead.")
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as az:
        while az.poll() is None and not cancelled.wait(_AZ_TICK):
            pass
        if az.poll() is None:
            az.kill()
        said_ = az.communicate()[0].strip()
    if cancelled.is_set():
        raise ServiceFailed("az acr login was cancelled.", code="cancelled")
    if az.returncode:
        words = mask(said_.splitlines()[-1] if said_ else f"exit code {az.returncode}")
        raise Denied(registry, f"az acr login failed: {words}", "az login")


def az_command(registry: str) -> list[str]:
    """Return the command that logs in to a registry of Azure; empty where there is none, or no ``az``."""
    name, _, rest = registry.partition(".")
    az = shutil.which("az")
    return [az, "acr", "login", "-n", name] if az and rest.startswith("azurecr.") else []


def locate(thing: Any) -> Location:
    """Find the image of something; for its registry the engine's own login is used (``az acr login``).

    Args:
        thing: A reference, an ``Image`` of azureml-core, or a web service that was made from one.

    Raises:
        BadInput: It has no image of its own.
    """
    if isinstance(thing, str):
        return Location(thing)
    image = getattr(thing, "image", None) or thing
    reference = getattr(image, "image_location", None)
    if not reference:
        raise BadInput(
            f"{getattr(thing, 'name', 'This')} has no image of its own: its script and model are mounted into an "
            "environment's image.",
            code="no-image",
            todo="Deploy it with LocalWebservice, from the same InferenceConfig: the wizard's target Local does that.",
        )
    return Location(str(reference))


@dataclass(slots=True)
class Progress:
    """How far a pull is.

    Attributes:
        done: Bytes that have come.
        total: Bytes of the layers that are known so far.
        words: The engine's own words.
    """

    done: int = 0
    total: int = 0
    words: str = ""

    @property
    def part(self) -> float | None:
        """How much has come, of what is known so far: 0 to 1; None when nothing is known."""
        return self.done / self.total if self.total else None

    def sentence(self) -> str:
        """Return it for people."""
        return f"{self.words}: {size(self.done)} of {size(self.total)}" if self.total else self.words


def pull(
    client: Any,
    location: Location,
    *,
    tell: Callable[[Progress], None] | None = None,
    cancelled: threading.Event | None = None,
) -> Any:
    """Pull an image.

    Args:
        client: A docker-py client.
        location: Where it lies.
        tell: Called as it goes on.
        cancelled: Ends it when set; layers that have come are kept by the engine.

    Returns:
        The image.

    Raises:
        NotAllowed: The registry refuses.
        NotConnected: The registry does not answer.
        BadInput: There is no such image.
        ServiceFailed: It was cancelled, the disk is full, or the engine fails.
    """
    stop = cancelled or threading.Event()
    login = {"username": location.user, "password": location.password} if location.user else None
    progress, layers = Progress(), dict[str, tuple[int, int]]()

    def begin() -> Iterator[Any]:
        spoken: Iterator[Any] = client.api.pull(location.reference, auth_config=login, stream=True, decode=True)
        return spoken

    try:
        for event in streamed(client, begin, stop):
            if "error" in event:
                raise refused(location, str(event["error"]))
            _count(event, layers, progress)
            if tell is not None:
                tell(progress)
        if stop.is_set():
            raise ServiceFailed("The pull was cancelled; layers that have come are kept.", code="cancelled")
        return client.images.get(location.reference)
    except engine_errors() as error:
        raise _broken(location, error) from error


def _broken(location: Location, error: BaseException) -> AmlWidgetsError:
    return meaning(error, "pulling the image") if stopped(error) else refused(location, said(error))


def _count(event: dict[str, Any], layers: dict[str, tuple[int, int]], progress: Progress) -> None:
    detail = event.get("progressDetail") or {}
    if event.get("status") == "Downloading" and detail.get("total"):
        layers[str(event.get("id"))] = (int(detail["current"]), int(detail["total"]))
    elif event.get("status") in ("Download complete", "Pull complete") and str(event.get("id")) in layers:
        total = layers[str(event["id"])][1]
        layers[str(event["id"])] = (total, total)
    progress.done = sum(current for current, _ in layers.values())
    progress.total = sum(total for _, total in layers.values())
    progress.words = mask(str(event.get("status") or progress.words))


def refused(location: Location, words: str) -> AmlWidgetsError:
    """Return the error for what the engine said about a registry, in one sentence."""
    low = words.lower()
    for signs, error in _REFUSALS:
        if any(sign in low for sign in signs):
            return error(location, mask(words)[:200])
    return ServiceFailed(f"The image cannot be pulled: {mask(words)[:300]}", code="pull-failed")


def _denied(location: Location, _words: str) -> AmlWidgetsError:
    name, _, rest = location.registry.partition(".")
    words = f"{location.registry or 'The registry'} does not let you pull {location.reference}."
    docker = f"docker login {location.registry}".strip()
    return Denied(location.registry, words, f"az acr login -n {name}" if rest.startswith("azurecr.") else docker)


def _no_name(location: Location, _words: str) -> AmlWidgetsError:
    return BadInput(f"{location.reference} is no name of an image.", code="image-name")


def _full(_location: Location, _words: str) -> AmlWidgetsError:
    return ServiceFailed("The engine's disk is full.", code="disk-full", todo=PRUNE)


def _fails_itself(location: Location, words: str) -> AmlWidgetsError:
    todo = "That is the registry's own failure: try again later, or look at its state in the portal."
    return ServiceFailed(f"{location.registry or 'The registry'}: {words}", code="registry-failed", todo=todo)


def _down(location: Location, words: str) -> AmlWidgetsError:
    return NotConnected(f"{location.registry or 'The registry'} does not answer: {words}", code="registry-down")


def _absent(location: Location, _words: str) -> AmlWidgetsError:
    return BadInput(f"There is no image {location.reference}.", code="image-absent", todo="Look at ws.images.")


_REFUSALS: tuple[tuple[tuple[str, ...], Callable[[Location, str], AmlWidgetsError]], ...] = (
    (("unauthorized", "denied", "authentication required", "no basic auth"), _denied),
    (("invalid reference",), _no_name),
    (("no space left",), _full),
    (("unexpected http status: 5", "toomanyrequests"), _fails_itself),
    (("no such host", "connection refused", "timeout", "dial tcp", "connection aborted"), _down),
    (("not found", "manifest unknown"), _absent),
)
"""What engines say of registries, and the error that it means; the first that fits counts."""
