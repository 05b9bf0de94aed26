"""Two deployments under one service name: the later takes the service over; the control plane says which that is.

Source: azureml-core 1.61, ``_restclient.models``: ``operation_id`` of a service is "the ID of the latest asynchronous
operation for this service", ``created_by`` "the individual last responsible for creating or updating the service"; an
operation has ``created_time`` and ``end_time``. The service's state says nothing here: a failure of one's own shows
Transitioning, too. An update of the service is such an operation, too.
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
    from collections.abc import Iterator, Mapping

    from amlwidgets.services.execute import StageContext

TAKEN_OVER = "service-taken-over"
"""Code of the failure of a stage whose service was deployed or updated since: by others, or by oneself elsewhere."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The latest operation on a service: a deployment or an update.

    Attributes:
        service: The service's name.
        operation: The operation's id.
        began: When it began, on the control plane's clock; None when untold.
        ended: When it ended; None while it is under way.
        state: How it stands; None when that cannot be read.
        by: Whose it is: an id of the person, or the name; empty when untold.
        who: The person's name; empty when untold.
        service_state: State of the service now.
    """

    service: str
    operation: str
    began: datetime | None
    ended: datetime | None
    state: OperationState | None
    by: str
    who: str
    service_state: str

    @property
    def under_way(self) -> bool:
        """Whether it is known to be under way."""
        return self.state is not None and not self.state.ended

    @property
    def over(self) -> bool:
        """Whether it is known to have ended, also in a state that has no name here."""
        return self.state.ended if self.state else self.ended is not None

    @property
    def shown(self) -> str:
        """What a user has read of it: which it is, and how it stands."""
        return f"{self.service}/{self.operation}/{self.state or 'unknown'}"

    def words(self, by: str) -> str:
        """Return ``begun at 14:03:20 by Ada``, as far as it is known; ``by`` is whose this run's deployment is."""
        since = f"begun at {_clock(self.began)}" if self.began else "begun at an unknown time"
        if self.by and self.by == by:
            return f"{since} by you, or another program of yours"
        return f"{since} by {self.who}" if self.who else since


def latest(ws: Any, name: str) -> Deployment | None:
    """Return the latest operation on a service; None where the control plane names none, or has no such service.

    Raises:
        NotConnected: it does not answer now.
        ServiceFailed: it refuses.
    """
    try:
        service = azureml.read_json(ws, f"{_base(ws)}/services/{name}", "The service")
    except ServiceFailed as error:
        if error.code != azureml.NOT_THERE:
            raise
        return None
    operation = str(service.get("operationId") or "")
    return _deployment(ws, name, operation, service) if operation else None


def another(ws: Any, name: str, own: str, *, why_failed: bool = False) -> Deployment | None:
    """Return what came after our own operation ``own``; None when nothing can be proved. Raises no error.

    Args:
        ws: The workspace.
        name: The service's name.
        own: Id of the operation.
        why_failed: Only what can be the reason of a failure: not when our own operation had failed before.
    """
    try:
        both = _compared(ws, name, own)
    except Exception:  # noqa: BLE001 - an expired login, an odd answer: the outcome at hand matters more than this look
        return None
    if both is None or (why_failed and _failed_before(*both)):
        return None
    return both[1]


def known_other(context: StageContext, *, why_failed: bool = False) -> Deployment | None:
    """Return what came after the run's own deployment; None when none is known, or the user does not wait for it."""
    try:
        return interruptible(lambda: another(*context.deployed, why_failed=why_failed), context.cancelled)
    except Cancelled:
        return None


def operation_of(service: Any) -> str:
    """Return the id of the operation that a deployment has begun; empty for a service that keeps none."""
    return str(getattr(service, "_operation_endpoint", None) or "").rpartition("/")[2]


def deployer_of(service: Any) -> str:
    """Return whose deployment a service of the SDK is; empty when untold."""
    return _person(getattr(service, "created_by", None))[0]


@contextmanager
def told(context: StageContext, stage: Stage) -> Iterator[None]:
    """Say of a failure that another deployment or update has taken the service over, where that is so.

    Raises:
        ServiceFailed: it is so (code ``service-taken-over``); the run keeps nothing that could touch the service.
        Exception: the failure itself, where it is not.
    """
    try:
        yield
    except Cancelled:
        raise
    except Exception as error:
        other = known_other(context, why_failed=True)
        # A request is answered by whatever is deployed: what fails there fails for real, unless it is replaced now.
        if other is None or (stage == Stage.SCORE and not other.under_way):
            raise
        for kept in ("service", "deployed", "operation", "unknown"):
            context.state.pop(kept, None)
        context.namespace.pop("service", None)
        raise _taken_over(context, other) from error


def look_first(context: StageContext) -> None:
    """Deploy over another deployment or update only after the user has read that it has ended, or cannot be read.

    Raises:
        ServiceFailed: it is still under way, or is not what the user has read of.
    """
    name, shown = context.spec.service_name, str(context.state.get("taken", ""))
    if shown.partition("/")[0] != name:
        return
    ws = context.connect()
    found = context.patience.ask(lambda: latest(ws, name))
    if found is not None and (found.under_way or found.shown != shown):
        raise _taken_over(context, found)
    context.state.pop("taken")


def refuse_another(ws: Any, name: str, state: Mapping[str, Any]) -> None:
    """Make sure that the service which is about to be deleted is still the one that this run has deployed.

    Args:
        ws: The workspace.
        name: The service's name.
        state: The run's ``operation``, and ``by`` whom.

    Raises:
        BadInput: it has been deployed or updated since.
        ServiceFailed: it cannot be asked.
    """
    anyway = f'If it is to go all the same: Webservice(ws, "{name}").delete()'
    try:
        both = _compared(ws, name, str(state.get("operation", "")))
    except Exception as error:
        reason = error.message.rstrip(".") if isinstance(error, AmlWidgetsError) else type(error).__name__
        told = f"Nothing is deleted: it cannot be told whether the service {name} is still this run's ({reason})."
        raise ServiceFailed(told, code="service-unclear", todo=f"Try again. {anyway}") from error
    if both:
        since = both[1].words(str(state.get("by", "")))
        told = f"The service {name} is not this run's any more: another deployment or update was {since}."
        raise BadInput(told, code="service-not-ours", todo=anyway)


def _compared(ws: Any, name: str, own: str) -> tuple[Deployment, Deployment] | None:
    """Return our own operation and the one that came after it; None when none can be proved."""
    found = latest(ws, name) if name and own else None
    if found is None or found.operation == own:
        return None
    mine = _deployment(ws, name, own, {})
    later = mine.began and found.began and found.began > mine.began
    return (mine, found) if later else None


def _failed_before(mine: Deployment, other: Deployment) -> bool:
    failed = mine.state in (OperationState.FAILED, OperationState.TIMED_OUT)
    return bool(failed and mine.ended and other.began and mine.ended <= other.began)


def _taken_over(context: StageContext, other: Deployment) -> ServiceFailed:
    context.state["taken"] = other.shown
    how = "it is under way"
    if not other.under_way:
        stands = "it has ended and" if other.over else "how it stands cannot be read,"
        how = f"{stands} the service is {other.service_state}"
    again = "while the other is under way, nothing is replaced" if other.under_way else "it deploys yours over it"
    since = other.words(str(context.state.get("by", "")))
    return ServiceFailed(
        f"Another deployment or update has taken the service {other.service} over: it was {since}; {how}.",
        code=TAKEN_OVER,
        todo=f"Choose another service name, or run Schedule again{' later' if other.under_way else ''}: {again}.",
    )


def _deployment(ws: Any, name: str, operation: str, service: dict[str, Any]) -> Deployment:
    """Read an operation; one that is not kept any more, or is in no known state, is nobody's dead end."""
    try:
        found = azureml.read_json(ws, f"{_base(ws)}/operations/{operation}", "The operation")
    except ServiceFailed as error:
        if error.code != azureml.NOT_THERE:
            raise
        found = {}
    began, ended = _time(found.get("createdTime")), _time(found.get("endTime"))
    stands = str(service.get("state") or "in no known state")
    person = _person(service.get("createdBy"))
    return Deployment(name, operation, began, ended, _state(found.get("state")), *person, stands)


def _person(found: Any) -> tuple[str, str]:
    """Return what tells a person from others, and the name; empty where the control plane does not say."""
    told = found if isinstance(found, dict) else {"userName": found}
    name = str(told.get("userName") or "")
    return str(told.get("userObjectId") or name), name


def _state(text: Any) -> OperationState | None:
    try:
        return OperationState(text)
    except ValueError:
        return None


def _base(ws: Any) -> str:
    from azureml._model_management._util import _get_mms_url

    return str(_get_mms_url(ws))


def _time(text: Any) -> datetime | None:
    """Read a time of the control plane; None when it is none, or has no zone."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo and found.year > 1 else None  # the year 1 is how .NET says that there is none


def _clock(moment: datetime) -> str:
    """Return a time as clocks here show it; with the day, unless it is today."""
    here = moment.astimezone()
    return here.strftime("%H:%M:%S" if here.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S")
