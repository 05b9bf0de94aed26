"""The one place that touches azureml-core objects. Everything is imported when used.

azureml-core ships no types; its objects are ``Any`` here and never leave the service layer.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.core.stages import OperationState, Stage
from amlwidgets.errors import BadInput, NotAllowed, NotConnected, NotInstalled, ServiceFailed
from amlwidgets.services.code import execute
from amlwidgets.services.plan import calls_of
from amlwidgets.services.waiting import interruptible, pause

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from amlwidgets.services.patience import Patience

POLL_SECONDS = 0.4
"""Between two looks at a running operation; the SDK itself waits 5 s."""

NOT_THERE = "not-there"
"""Code of a failure: the control plane has nothing at an address."""

_LIVE = {"x-amlwidgets-live": "1"}
"""Tells a sandbox that this reader wants the present state at once; Azure ignores it."""


@dataclass(frozen=True, slots=True)
class WorkspaceInfo:
    """What the head of the wizard shows of a workspace."""

    name: str
    resource_group: str
    location: str
    sandbox: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"name": self.name, "group": self.resource_group, "location": self.location, "sandbox": self.sandbox}


def require_sdk() -> None:
    """Make sure azureml-core can be imported.

    Raises:
        NotInstalled: it cannot; the message says how to install it.
    """
    try:
        import azureml.core  # noqa: F401 - the import is the check
    except ImportError as error:
        raise NotInstalled(
            f"azureml-core cannot be imported in this kernel ({error}).",
            code="azureml-missing",
            todo=f"Run  %pip install {mends(error)}  and restart the kernel.",
        ) from error


def mends(problem: BaseException | str) -> str:
    """Return what pip has to install so that azureml-core can be imported.

    Versions before 1.61 import ``pkg_resources``, which setuptools had until 80 and environments made by uv never have.
    """
    return '"setuptools<81"' if "pkg_resources" in str(problem) else "azureml-core"


def find_workspace() -> Any:
    """Return the workspace that ``Workspace.from_config()`` finds, or the sandbox's when the kernel is in its world.

    Raises:
        NotConnected: there is no config file, or the workspace cannot be reached.
    """
    require_sdk()
    from azureml.exceptions import UserErrorException

    if in_sandbox():
        from amlwidgets.services.worlds import sandbox_workspace

        return sandbox_workspace()
    (call,) = calls_of(Stage.PREFLIGHT, DeploymentSpec())
    try:
        return execute(call, {})
    except UserErrorException as error:
        raise NotConnected(
            "No workspace: no config.json was found from this folder upwards.",
            code="workspace-missing",
            todo="Download config.json from the studio, or practise without an account: %aml sandbox on",
        ) from error


def in_sandbox() -> bool:
    """Whether this kernel is in the sandbox's world."""
    from amlwidgets.services.worlds import in_sandbox as answer

    return answer()


def sandbox_is_gone() -> bool:
    """Whether this kernel is in the sandbox's world and the sandbox does not listen any more."""
    from urllib.parse import urlsplit

    if not in_sandbox():
        return False
    proxy = urlsplit(os.environ.get("HTTPS_PROXY", ""))
    try:
        with socket.create_connection((proxy.hostname or "127.0.0.1", proxy.port or 0), timeout=5):
            return False
    except OSError:
        return True


def describe(ws: Any) -> WorkspaceInfo:
    """Return what is shown of a workspace; makes no call."""
    return WorkspaceInfo(str(ws.name), str(ws.resource_group), str(ws.location), in_sandbox())


def clusters(ws: Any) -> list[str]:
    """Return the names of the Kubernetes clusters that are attached to a workspace."""
    return sorted(name for name, target in ws.compute_targets.items() if str(target.type) == "AKS")


def watch_build(build: Any, write: Callable[[str], None], cancelled: threading.Event, patience: Patience) -> str:
    """Follow an environment build to its end, passing its log on as it grows; return the final status.

    Raises:
        Cancelled: the user stopped waiting; the build goes on.
    """
    seen = 0
    while True:
        status = patience.ask(lambda: str(build.status))
        seen += _pass_on(_build_log(build, cancelled), seen, write)
        if status not in ("Running", "GettingOrProvisioningACR", "Queued", "NotStarted"):
            return status
        pause(POLL_SECONDS, cancelled)


def watch_image(
    image: Any, write: Callable[[str], None], cancelled: threading.Event, patience: Patience
) -> OperationState:
    """Follow the build of an Image to its end, passing its log on as it grows; return the operation's final state.

    Raises:
        Cancelled: the user stopped waiting; the build goes on.
        ServiceFailed: the operation cannot be read.
    """
    seen = 0
    while True:
        operation = patience.ask(lambda: read_operation(image, 0))
        if operation is None:
            return OperationState.SUCCEEDED
        if operation.log_uri:
            text = interruptible(partial(_text_at, operation.log_uri), cancelled)
            seen += _pass_on(text, seen, write)
        if operation.state.ended:
            return operation.state
        pause(POLL_SECONDS, cancelled)


def _text_at(address: str) -> str:
    """Return a log behind a signed link; empty while it cannot be read."""
    from amlwidgets.services import build_logs

    try:
        answer = build_logs.get(address)
    except NotAllowed as error:
        return f"({error.message} {error.todo})\n"
    return answer.content.decode("utf-8", "replace") if answer.ok else ""


def _build_log(build: Any, cancelled: threading.Event) -> str:
    text = interruptible(build.get_log, cancelled)
    return text or ""


def _pass_on(text: str, seen: int, write: Callable[[str], None]) -> int:
    """Write what is new in ``text``; returns the number of new characters."""
    if len(text) > seen:
        write(text[seen:])
    return max(len(text) - seen, 0)


@dataclass(frozen=True, slots=True)
class Operation:
    """One look at a deployment's long running operation.

    Attributes:
        state: Its state.
        phase: ``BuildEnvironment``, ``BuildImage`` or ``DeployService``; empty when not told.
        news: Lines of the operation's own log that are new, as ``(time, text)``.
        offset: Where the next look continues.
        log_uri: Address of the phase's log; empty when there is none.
    """

    state: OperationState
    phase: str
    news: tuple[tuple[str, str], ...]
    offset: int
    log_uri: str


# Too early, too many, a server's bad moment, and a token that has just run out.
_PASSING = (401, 408, 429, 500, 502, 503, 504)


def read_operation(service: Any, offset: int) -> Operation | None:
    """Look at the operation behind ``service`` now; None where the service keeps no address of one.

    The SDK's own poll prints to standard output every 5 s and gives nothing back, so the address that it polls is
    read with the workspace's own credentials instead.

    Raises:
        NotConnected: the service does not answer now; asking again may help.
        ServiceFailed: the answer is not an operation.
    """
    address = getattr(service, "_operation_endpoint", None)
    if not address:
        return None
    body = read_json(service.workspace, address, "The operation", offset=offset)
    text = str(body.get("streamingOperationLog") or "")
    details = body.get("operationDetails") or {}
    return Operation(
        OperationState(body["state"]),
        str(details.get("subOperationType") or ""),
        tuple(_entries(text)),
        offset + len(text),
        str(body.get("operationLog") or ""),
    )


def read_json(ws: Any, address: str, what: str, **params: Any) -> dict[str, Any]:
    """Return what the control plane has at an address, read with the workspace's own credentials.

    Raises:
        NotConnected: it does not answer now; asking again may help.
        ServiceFailed: it refuses, or has nothing there (code ``NOT_THERE``).
    """
    import requests

    credentials = ws._auth_object.get_authentication_header()  # noqa: SLF001 - the SDK has no public way to them
    answer = requests.get(address, params=params, headers={**credentials, **_LIVE}, timeout=60)
    if not answer.ok:
        kind = NotConnected if answer.status_code in _PASSING else ServiceFailed
        code = NOT_THERE if answer.status_code == HTTPStatus.NOT_FOUND else "operation-unreadable"
        raise kind(f"{what} cannot be read: HTTP {answer.status_code}.", code=code)
    return dict(answer.json())


def _entries(text: str) -> list[tuple[str, str]]:
    """Split ``20261121040322|Building image..#...`` into time and text."""
    entries = []
    for item in text.split("#"):
        stamp, found, words = item.partition("|")
        if found and re.fullmatch(r"\d{14}", stamp):
            entries.append((f"{stamp[8:10]}:{stamp[10:12]}:{stamp[12:14]}", words))
        elif item.strip():
            entries.append(("", item))
    return entries


def service_log(service: Any, lines: int = 5000) -> str:
    """Return the container's log; empty while there is none.

    ``get_logs`` raises as long as no container exists; that is no failure of the deployment.
    """
    from azureml.exceptions import WebserviceException

    try:
        return str(service.get_logs(num_lines=lines) or "")
    except WebserviceException:
        return ""


def delete_service(ws: Any, name: str) -> bool:
    """Delete a service; returns False when there was none of that name.

    Raises:
        ServiceFailed: the service cannot be deleted.
    """
    from azureml.core.webservice import Webservice
    from azureml.exceptions import WebserviceException

    try:
        service = Webservice(ws, name)
    except WebserviceException as error:
        if "NotFound" in type(error).__name__ or "not found" in str(error):
            return False
        raise ServiceFailed(f"The service {name} cannot be looked up: {error}", code="service-unreadable") from error
    try:
        service.delete()
    except WebserviceException as error:
        raise ServiceFailed(f"The service {name} cannot be deleted: {error}", code="delete-failed") from error
    return True


def model_names(ws: Any, models: list[Any]) -> dict[str, str]:
    """Return what diagnosis may say of models: those in the service and those registered."""
    inside = ", ".join(f"{m.name}:{m.version}" for m in models)
    try:
        registered = ", ".join(sorted(ws.models))
    except Exception:  # noqa: BLE001 - helpful words only; the failure at hand matters more
        registered = ""
    return {key: value for key, value in {"models": inside, "registered_models": registered}.items() if value}


def restore(spec_values: Mapping[str, Any], ws: Any, namespace: dict[str, Any]) -> None:
    """Fetch the objects of an interrupted run again: model and image by id, the service by name.

    Args:
        spec_values: ``model_id``, ``image_id`` and ``service`` where the run had got so far.
        ws: The workspace.
        namespace: Gets ``model``, ``image`` and ``service``.
    """
    from azureml.core.model import Model
    from azureml.core.webservice import Webservice

    if "model" not in namespace and spec_values.get("model_id"):
        namespace["model"] = Model(ws, id=spec_values["model_id"])
    if "image" not in namespace and spec_values.get("image_id"):
        from azureml.core.image import Image

        namespace["image"] = Image(ws, id=spec_values["image_id"])
    if "service" not in namespace and spec_values.get("service"):
        namespace["service"] = Webservice(ws, spec_values["service"])


def find_service(name: str, ws: Any = None) -> Any:
    """Return the web service of that name.

    Args:
        name: Its name in the workspace.
        ws: The workspace; None finds it.

    Raises:
        BadInput: the workspace has no such service; the message names those it has.
    """
    workspace = ws if ws is not None else find_workspace()
    services = workspace.webservices
    if name not in services:
        there = ", ".join(sorted(services)) or "none"
        raise BadInput(f"The workspace has no service “{name}”.", code="service-unknown", todo=f"It has: {there}.")
    return services[name]


def registry_login(ws: Any, registry: str) -> tuple[str, str] | None:
    """Return user and password of the workspace's own registry; None for any other registry, and where there is none.

    Args:
        ws: The workspace.
        registry: Host of the registry that wants a login.
    """
    from azureml._model_management._util import get_workspace_registry_credentials
    from azureml.exceptions import AzureMLException

    try:
        user, password = get_workspace_registry_credentials(ws)
    except (AzureMLException, KeyError, OSError):
        return None
    # The SDK's own rule for its address; the password goes to nobody else.
    return (user, password) if registry.lower() == f"{user.lower()}.azurecr.io" else None
