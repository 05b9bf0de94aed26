"""Two deployments under one service name: the later takes the service over; the control plane says which that is.

Source: azureml-core 1.61, ``_restclient.models``: ``operation_id`` of a service is "the ID of the latest asynchronous
operation for this service", ``created_by`` "the individual last responsible for creating or updating the service"; an
operation has ``created_time`` and ``end_time``. The service's state says nothing here: a failure of one's own shows
Transitioning, too.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState, Stage
from amlwidgets.errors import AmlWidgetsError, BadInput, ServiceFailed
from amlwidgets.services import azureml
from amlwidgets.services.waiting import Cancelled, interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.services.execute import StageContext

TAKEN_OVER = "service-taken-over"
"""Code of the failure of a stage whose service somebody else deploys."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The latest operation on a service.

    Attributes:
        service: The service's name.
        operation: The operation's id.
        began: When it began, on the control plane's clock; None when untold.
        ended: When it ended; None while it is under way.
        state: How it stands.
        who: Who asked for it; empty when untold.
        service_state: State of the service now.
    """

    service: str
    operation: str
    began: datetime | None
    ended: datetime | None
    state: OperationState
    who: str
    service_state: str

    @property
    def words(self) -> str:
        """``begun at 14:03:20 by Ada``, as far as it is known."""
        since = f"begun at {_clock(self.began)}" if self.began else "begun at an unknown time"
        return f"{since} by {self.who}" if self.who else since


def latest(ws: Any, name: str) -> Deployment | None:
    """Return the latest operation on a service; None where the control plane names none, or has no such service.

    Raises:
        NotConnected: it does not answer now.
        ServiceFailed: it refuses.
    """
    try:
        service = azureml.read_json(ws, f"{_base(ws)}/services/{name}", "The service")
    except ServiceFailed:
        return None
    operation = str(service.get("operationId") or "")
    if not operation:
        return None
    who = (service.get("createdBy") or {}).get("userName")
    return _deployment(ws, name, operation, str(who or ""), str(service.get("state") or "in no known state"))


def another(ws: Any, name: str, own: str) -> Deployment | None:
    """Return the deployment that came after our own operation ``own``; None when none can be proved."""
    if not name or not own:
        return None
    try:
        found = latest(ws, name)
        mine = _deployment(ws, name, own, "", "") if found and found.operation != own else None
    except (AmlWidgetsError, OSError, ValueError, KeyError):
        return None
    if found is None or mine is None or not found.began or not mine.began or found.began <= mine.began:
        return None
    own_failure = mine.state in (OperationState.FAILED, OperationState.TIMED_OUT)
    return None if own_failure and mine.ended and mine.ended <= found.began else found


def operation_of(service: Any) -> str:
    """Return the id of the operation that a deployment has begun; empty for a service that keeps none."""
    return str(getattr(service, "_operation_endpoint", None) or "").rpartition("/")[2]


@contextmanager
def told(context: StageContext, stage: Stage) -> Iterator[None]:
    """Say of a failure that another deployment has taken the service over, where that is so.

    Raises:
        ServiceFailed: it is so (code ``service-taken-over``); the run keeps nothing that could touch the service.
        Exception: the failure itself, where it is not.
    """
    try:
        yield
    except Cancelled:
        raise
    except Exception as error:
        other = interruptible(lambda: another(*context.deployed), context.cancelled)
        # A request is answered by whatever is deployed: what fails there fails for real, unless it is replaced now.
        if other is None or (stage == Stage.SCORE and other.state.ended):
            raise
        for kept in ("service", "deployed", "operation", "unknown"):
            context.state.pop(kept, None)
        context.namespace.pop("service", None)
        raise _taken_over(context, other) from error


def look_first(context: StageContext) -> None:
    """Deploy over another deployment only after the user has read that it has ended.

    Raises:
        ServiceFailed: it is still under way, or has ended since the user read of it.
    """
    if context.state.get("taken") != context.spec.service_name:
        return
    ws = context.connect()
    found = context.patience.ask(lambda: latest(ws, context.spec.service_name))
    context.state.pop("taken")
    if found is not None:
        raise _taken_over(context, found)


def refuse_another(ws: Any, name: str, own: str) -> None:
    """Make sure that the service which is about to be deleted is still the one that this run has deployed.

    Raises:
        BadInput: it has been deployed again since.
    """
    if other := another(ws, name, own):
        raise BadInput(
            f"The service {name} is not this run's any more: another deployment was {other.words}.",
            code="service-not-ours",
            todo=f'If it is to go all the same: Webservice(ws, "{name}").delete()',
        )


def _taken_over(context: StageContext, other: Deployment) -> ServiceFailed:
    ended = other.state.ended
    if not ended:
        context.state["taken"] = other.service
    how = f"has ended and the service is {other.service_state}" if ended else "is under way"
    again = "it deploys yours over it" if ended else "while the other is under way, nothing is replaced"
    return ServiceFailed(
        f"Another deployment has taken the service {other.service} over: it was {other.words} and {how}.",
        code=TAKEN_OVER,
        todo=f"Choose another service name, or run Schedule again{'' if ended else ' later'}: {again}.",
    )


def _deployment(ws: Any, name: str, operation: str, who: str, service_state: str) -> Deployment:
    found = azureml.read_json(ws, f"{_base(ws)}/operations/{operation}", "The operation")
    began, ended = _time(found.get("createdTime")), _time(found.get("endTime"))
    return Deployment(name, operation, began, ended, OperationState(found["state"]), who, service_state)


def _base(ws: Any) -> str:
    from azureml._model_management._util import _get_mms_url

    return str(_get_mms_url(ws))


def _time(text: Any) -> datetime | None:
    """Read a time of the control plane; None when it is none, or has no zone."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _clock(moment: datetime) -> str:
    """Return a time as clocks here show it; with the day, unless it is today."""
    here = moment.astimezone()
    return here.strftime("%H:%M:%S" if here.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S")
