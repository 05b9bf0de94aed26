"""Running one stage: performs the plan's calls and watches them live."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.core.checks import Check, CheckState
from amlwidgets.core.redact import MASK
from amlwidgets.core.stages import OperationState, ServiceState, Stage, Target
from amlwidgets.errors import BadInput, ServiceFailed
from amlwidgets.services import azureml, contention
from amlwidgets.services.code import Call, execute
from amlwidgets.services.log_follow import LogFollower
from amlwidgets.services.patience import Patience
from amlwidgets.services.plan import calls_of, environment_call
from amlwidgets.services.preflight import preflight, script_path
from amlwidgets.services.streams import capture
from amlwidgets.services.waiting import interruptible, pause

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from amlwidgets.core.spec import DeploymentSpec


@dataclass(slots=True)
class StageContext:
    """What a running stage works with.

    Attributes:
        spec: What is deployed.
        namespace: Variables of the calls: ws, model, environment, build or image, service, prediction.
        state: Small facts that survive a restart: ``model_id``, ``image_id``; the ``service`` of later stages; the
            one ``deployed``, which may be deleted, by which ``operation`` and ``by`` whom; the service whose state is
            ``unknown``; what has ``taken`` the service over, as the user has read of it.
        write: Receives log text of this stage, masked afterwards by the receiver.
        note: Receives the words beside the stage while it runs.
        checks: Receives the checks so far.
        cancelled: Set when the user stops waiting.
        workspace: Finds the workspace when it is first needed.
    """

    spec: DeploymentSpec
    namespace: dict[str, Any]
    state: dict[str, Any]
    write: Callable[[str], None]
    note: Callable[[str], None]
    checks: Callable[[list[Check]], None]
    cancelled: threading.Event
    workspace: Callable[[], Any]
    sources: list[tuple[str, str]] = field(default_factory=list)

    def call(self, call: Call) -> Any:
        """Perform one call of the plan; what the SDK prints goes to the log."""
        require_folder(self.spec)
        # A copy: when the user stops waiting, what the abandoned call still produces is dropped.
        namespace = dict(self.namespace)

        def work() -> Any:
            with capture(self.write):
                return execute(call, namespace)

        value = interruptible(work, self.cancelled)
        self.namespace.update(namespace)
        return value

    @property
    def patience(self) -> Patience:
        """Asks again where the service does not answer for a while."""
        return Patience(self.note, self.cancelled, azureml.sandbox_is_gone)

    def connect(self) -> Any:
        """Return the workspace, finding it at the first use."""
        if "ws" not in self.namespace:
            self.namespace["ws"] = interruptible(self.workspace, self.cancelled)
        return self.namespace["ws"]

    @property
    def deployed(self) -> tuple[Any, str, str]:
        """The workspace, the name of the service that this run has deployed, and the operation by which it did."""
        return self.namespace.get("ws"), str(self.state.get("service", "")), str(self.state.get("operation", ""))

    def need(self, *names: str) -> None:
        """Make sure earlier results are there, fetching them again after a restart.

        Raises:
            BadInput: an earlier stage has to run first.
        """
        ws = self.connect()
        if "environment" in names and "environment" not in self.namespace:
            self.call(environment_call(self.spec))
        interruptible(lambda: azureml.restore(self.state, ws, self.namespace), self.cancelled)
        before = {
            "model": Stage.REGISTER,
            "environment": Stage.IMAGE,
            "image": Stage.IMAGE,
            "service": Stage.SCHEDULE,
        }
        for name in names:
            if name not in self.namespace:
                raise BadInput(
                    f"There is no {name} yet.", code="earlier-stage-missing", todo=f"Run {before[name].label} first."
                )


def require_folder(spec: DeploymentSpec) -> None:
    """Make sure that relative paths still mean what they meant.

    Raises:
        BadInput: the notebook's working folder was changed.
    """
    if Path(spec.folder).resolve() != Path.cwd().resolve():
        raise BadInput(
            f"This deployment belongs to {spec.folder}, but the notebook works in {Path.cwd()}.",
            code="folder-changed",
            todo="Go back with os.chdir, or open a new wizard.",
        )


def run_stage(stage: Stage, context: StageContext) -> str:
    """Run a stage to its end and return the words beside it on the rail.

    Raises:
        Cancelled: the user stopped waiting.
        AmlWidgetsError: the stage failed, in our words.
        Exception: the stage failed, in the SDK's words.
    """
    return _RUNNERS[stage](context)


def _preflight(context: StageContext) -> str:
    checks: list[Check] = []
    for check in preflight(context.spec, sandbox=azureml.in_sandbox()):
        checks.append(check)
        context.checks(list(checks))
        context.write(_check_line(check))
    _write_syntax_error(context)
    target = interruptible(lambda: _check_target(context), context.cancelled)
    checks.append(target)
    context.checks(list(checks))
    context.write(_check_line(target))
    failed = [c for c in checks if c.state == CheckState.FAIL]
    if failed:
        words = "1 check failed" if len(failed) == 1 else f"{len(failed)} checks failed"
        raise BadInput(f"{words}: {failed[0].detail}", code=f"preflight-{failed[0].id}", todo=failed[0].todo)
    return f"{len(checks)} checks"


def _check_line(check: Check) -> str:
    todo = f" {check.todo}" if check.todo else ""
    looked = f" [{check.looked_at}]" if check.looked_at else ""
    return f"{check.state.value:<4} {check.title}{looked}: {check.detail}{todo}\n"


def _write_syntax_error(context: StageContext) -> None:
    """Write what Python itself says where the entry script does not parse, so that it can be diagnosed and quoted."""
    path = script_path(context.spec)
    if not path.is_file():
        return
    try:
        compile(path.read_bytes(), str(path.relative_to(context.spec.folder)), "exec")
    except (SyntaxError, ValueError) as error:
        import traceback

        context.write("".join(traceback.format_exception_only(error)))


def _check_target(context: StageContext) -> Check:
    from amlwidgets.errors import AmlWidgetsError

    kind = "sandbox" if azureml.in_sandbox() else "workspace"
    try:
        info = azureml.describe(context.connect())
    except AmlWidgetsError as error:
        return Check("target", "Target", CheckState.FAIL, kind, error.message, error.todo)
    except Exception as error:  # noqa: BLE001 - whatever keeps the workspace from answering is the finding
        context.sources.append(("workspace error", f"{type(error).__name__}: {error}"))
        return Check("target", "Target", CheckState.FAIL, kind, f"The workspace does not answer: {error}")
    if context.spec.target == Target.AKS and (problem := _problem_with_cluster(context)) is not None:
        return Check("target", "Target", CheckState.FAIL, info.name, *problem)
    return Check("target", "Target", CheckState.OK, info.name, f"The {kind} answers; region {info.location}.")


def _problem_with_cluster(context: StageContext) -> tuple[str, str] | None:
    """Return what is wrong with the named cluster and what to do; None when it is attached."""
    attached, wanted = azureml.clusters(context.connect()), context.spec.aks_cluster
    if wanted in attached:
        return None
    detail = f"No cluster {wanted} is attached to the workspace." if wanted else "No AKS cluster is named."
    names = ", ".join(attached)
    return detail, f"Choose one of these: {names}." if names else "Attach one first, with ComputeTarget.attach."


def _register(context: StageContext) -> str:
    context.connect()
    for call in calls_of(Stage.REGISTER, context.spec):
        context.call(call)
    model = context.namespace["model"]
    context.state["model_id"] = str(model.id)
    context.write(f"Model {model.name}, version {model.version}.\n")
    return f"{model.name}:{model.version}"


def _image(context: StageContext) -> str:
    if context.spec.uses_image:
        return _image_create(context)
    context.connect()
    define, build, wait = calls_of(Stage.IMAGE, context.spec)
    context.call(define)
    context.call(build)
    context.note("building")
    details = context.namespace["build"]
    # One writer for the whole build: the log arrives in pieces that may end in the middle of a line.
    status = azureml.watch_build(details, context.write, context.cancelled, context.patience)
    context.write("\n")
    # The very call that is shown; it returns at once, because the build has ended, and its prints repeat the log.
    interruptible(lambda: _quietly(wait, context.namespace), context.cancelled)
    if status != "Succeeded":
        raise ServiceFailed(f"The image build ended as {status}.", code="image-build-failed")
    return "built"


def _image_create(context: StageContext) -> str:
    context.need("model")
    configure, create, wait = calls_of(Stage.IMAGE, context.spec)
    context.call(configure)
    context.call(create)
    image = context.namespace["image"]
    context.state["image_id"] = str(image.id)
    context.note("building")
    azureml.watch_image(image, context.write, context.cancelled, context.patience)
    context.write("\n")
    try:
        interruptible(lambda: _quietly(wait, context.namespace), context.cancelled)
    except Exception as error:
        context.sources.append(("image error", str(error)))
        raise
    return str(image.id)


def _quietly(call: Call, namespace: dict[str, Any]) -> Any:
    """Perform a call whose prints are known already."""
    with capture(lambda _text: None):
        return execute(call, namespace)


def _schedule(context: StageContext) -> str:
    if context.state.pop("unknown", "") == context.spec.service_name:
        context.need("service")  # it was begun, and only its answers stayed out
    else:
        _deploy(context)
    with contention.told(context, Stage.SCHEDULE):
        _place(context)
    return "placed" if context.spec.target == Target.AKS else "1 container"


def _place(context: StageContext) -> None:
    """Follow the deployment until a container begins."""
    try:
        operation = _follow(context, until_placed=True)
    except ServiceFailed as error:
        if error.code == "state-unknown":
            context.state["unknown"] = context.spec.service_name
        raise
    failed = operation is not None and operation.state.ended and operation.state != OperationState.SUCCEEDED
    if failed and operation is not None and not _is_placed(context, operation):
        _raise_failure(context)


def _deploy(context: StageContext) -> None:
    context.need("model", "image" if context.spec.uses_image else "environment")
    contention.look_first(context)
    context.state["operation"] = ""  # where the call's end is not seen, what comes after the earlier one may be ours
    for call in calls_of(Stage.SCHEDULE, context.spec):
        context.call(call)
    service = context.namespace["service"]
    context.state["service"] = context.state["deployed"] = str(service.name)
    context.state["operation"], context.state["by"] = contention.operation_of(service), contention.deployer_of(service)


def _is_placed(context: StageContext, operation: azureml.Operation) -> bool:
    """Whether a container has begun: on a cluster its log is the only sign that a node was found for it."""
    if operation.phase != "DeployService":
        return False
    service = context.namespace["service"]
    if context.spec.target != Target.AKS:
        return True
    return bool(interruptible(lambda: azureml.service_log(service), context.cancelled))


def _follow(context: StageContext, *, until_placed: bool) -> azureml.Operation | None:
    """Follow the deployment's operation; the container's log joins in as soon as there is a container."""
    service, offset = context.namespace["service"], 0
    container = LogFollower(context.write)
    while True:
        operation = context.patience.ask(partial(azureml.read_operation, service, offset))
        if operation is None:
            return None
        for stamp, text in operation.news:
            if until_placed:
                context.write(f"{stamp} {text}\n")
                context.note(text.strip(". ").lower())
        offset = operation.offset
        if not until_placed:
            container.update(interruptible(lambda: azureml.service_log(service), context.cancelled))
        if operation.state.ended or (until_placed and _is_placed(context, operation)):
            return operation
        pause(azureml.POLL_SECONDS, context.cancelled)


def _start(context: StageContext) -> str:
    context.need("service")
    with contention.told(context, Stage.START):
        return _wait_healthy(context)


def _wait_healthy(context: StageContext) -> str:
    wait, read_log = calls_of(Stage.START, context.spec)
    _follow(context, until_placed=False)
    try:
        interruptible(lambda: _quietly(wait, context.namespace), context.cancelled)
    except Exception as error:
        context.sources.append(("deployment error", str(error)))
        raise
    service = context.namespace["service"]
    interruptible(lambda: execute(read_log, dict(context.namespace)), context.cancelled)
    if str(service.state) not in (ServiceState.HEALTHY, "running"):
        raise ServiceFailed(f"The service is {service.state}.", code="service-not-healthy")
    return "healthy"


def _raise_failure(context: StageContext) -> None:
    """Make the SDK raise what the user would see."""
    wait = calls_of(Stage.START, context.spec)[0]
    try:
        interruptible(lambda: _quietly(wait, context.namespace), context.cancelled)
    except Exception as error:
        context.sources.append(("deployment error", str(error)))
        raise


def _score(context: StageContext) -> str:
    context.need("service")
    service = context.namespace["service"]
    before = len(interruptible(lambda: azureml.service_log(service), context.cancelled))
    (call,) = calls_of(Stage.SCORE, context.spec)
    if MASK in context.spec.sample:
        raise BadInput(
            "The sample input held a secret, which the journal does not keep.",
            code="sample-masked",
            todo="Write it again.",
        )
    context.write(f"POST {service.scoring_uri}\n{context.spec.sample}\n\n")
    with contention.told(context, Stage.SCORE):
        prediction = _ask(context, call, before)
    context.write(f"{prediction}\n")
    other = contention.known_other(context)
    if other is not None:
        since = other.words(str(context.state.get("by", "")))
        context.write(f"It comes from another deployment or update of {other.service}, {since}.\n")
    return "200, from another deployment or update" if other else "200"


def _ask(context: StageContext, call: Call, before: int) -> Any:
    """Send the sample; where it fails, what the container wrote since (from character ``before``) joins the log."""
    try:
        return context.call(call)
    except Exception as error:
        context.sources.append(("response", str(error)))
        service = context.namespace["service"]
        log = interruptible(lambda: azureml.service_log(service), context.cancelled)
        context.write("\nThe container wrote:\n" + log[before:])
        raise


_RUNNERS: dict[Stage, Callable[[StageContext], str]] = {
    Stage.PREFLIGHT: _preflight,
    Stage.REGISTER: _register,
    Stage.IMAGE: _image,
    Stage.SCHEDULE: _schedule,
    Stage.START: _start,
    Stage.SCORE: _score,
}
