"""A deployment under way: runs stages on a worker thread, tells listeners, writes the journal."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.core.redact import mask
from amlwidgets.core.stages import STAGES, Stage, StageState
from amlwidgets.errors import AmlWidgetsError, BadInput
from amlwidgets.services import azureml, fixes
from amlwidgets.services.diagnosis import diagnose_stage
from amlwidgets.services.execute import StageContext, run_stage
from amlwidgets.services.journal import Journal, SavedRun
from amlwidgets.services.streams import MaskedWriter
from amlwidgets.services.waiting import Cancelled

if TYPE_CHECKING:
    from amlwidgets.core.checks import Check
    from amlwidgets.core.findings import Finding
    from amlwidgets.core.spec import DeploymentSpec

LOG_NAMES = {
    Stage.PREFLIGHT: "checks",
    Stage.REGISTER: "registration log",
    Stage.IMAGE: "image build log",
    Stage.SCHEDULE: "deployment log",
    Stage.START: "container log",
    Stage.SCORE: "request and answer",
}


@dataclass(slots=True)
class StageRecord:
    """What is known of one stage; ``plain`` gives what the journal keeps."""

    state: StageState = StageState.WAITING
    note: str = ""
    started: float = 0.0
    ended: float = 0.0
    error: str = ""
    code: str = ""
    checks: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    result: str = ""

    def plain(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self) | {"state": self.state.value}

    @classmethod
    def restored(cls, record: dict[str, Any]) -> StageRecord:
        """Return the record from its JSON form."""
        known = {k: v for k, v in record.items() if k in cls.__dataclass_fields__}
        return cls(**known | {"state": StageState(record.get("state", "waiting"))})


Listener = Callable[[str, Stage | None], None]
"""Called with what changed ("rail", "panel", "log", "spec") and the stage; from any thread."""


class DeployRun:
    """One deployment, from preflight to a prediction.

    Args:
        spec: What to deploy.
        workspace: Finds the workspace; called on the worker thread when a stage first needs it.
        journal: Where the run is kept; None opens the user's journal at the first run of a stage.
        saved: An interrupted run to go on with.

    """

    def __init__(
        self,
        spec: DeploymentSpec,
        *,
        workspace: Callable[[], Any] = azureml.find_workspace,
        journal: Journal | None = None,
        saved: SavedRun | None = None,
    ) -> None:
        self.spec = spec
        self.records = {stage: StageRecord() for stage in STAGES}
        self.logs = {stage: LogBuffer(LOG_NAMES[stage]) for stage in STAGES}
        self.namespace: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.findings: dict[Stage, tuple[Finding, ...]] = {}
        self.info: azureml.WorkspaceInfo | None = None
        self._workspace, self._journal, self._id = workspace, journal, ""
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()
        self._idle.set()
        if saved is not None:
            self._restore(saved)

    # ---- what others see -------------------------------------------------------------------------

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` at every change; returns a function that stops it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    @property
    def running(self) -> bool:
        """Whether a stage runs now."""
        return not self._idle.is_set()

    @property
    def prediction(self) -> Any:
        """What the service answered to the sample, or None."""
        return self.namespace.get("prediction")

    @property
    def failed_stage(self) -> Stage | None:
        """The stage that failed last, or None."""
        return next((s for s in reversed(STAGES) if self.records[s].state == StageState.FAILED), None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs; False when ``timeout`` seconds were not enough."""
        return self._idle.wait(timeout)

    # ---- what the user does ----------------------------------------------------------------------

    def change(self, **values: Any) -> None:
        """Change settings; stages whose result depends on them go back to waiting.

        Raises:
            BadInput: a stage is running, or a value is of the wrong type.

        """
        self._refuse_while_running()
        changed = self.spec.changed(**values)
        if changed == self.spec:
            return
        touched = [
            f.metadata.get("stage")
            for f in changed.__dataclass_fields__.values()
            if getattr(changed, f.name) != getattr(self.spec, f.name)
        ]
        stages = [s for s in touched if s is not None]
        self.spec = changed
        self._reset_from(min(stages, key=STAGES.index) if stages else Stage.PREFLIGHT)
        self._save()
        self._tell("spec", None)

    def start(self, first: Stage, last: Stage) -> None:
        """Run the stages from ``first`` to ``last`` on a worker thread; stops at the first that fails.

        Raises:
            BadInput: something runs already, or the notebook's working folder was changed.

        """
        with self._lock:
            self._refuse_while_running()
            if Path(self.spec.folder).resolve() != Path.cwd().resolve():
                raise BadInput(
                    f"This deployment belongs to {self.spec.folder}, but the notebook works in {Path.cwd()}.",
                    code="folder-changed",
                    todo="Go back with os.chdir, or open a new wizard.",
                )
            self._cancelled.clear()
            self._idle.clear()
            for stage in STAGES[STAGES.index(first) :]:
                self._forget(stage)
            stages = STAGES[STAGES.index(first) : STAGES.index(last) + 1]
            self._thread = threading.Thread(target=self._work, args=(stages,), name="amlwidgets-run", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Stop waiting. What the service has begun goes on there; the SDK cannot recall it."""
        self._cancelled.set()

    def propose(self, stage: Stage, finding: int, fix: int) -> fixes.Proposal | None:
        """Return what a finding's fix would change, or None when only a person can do it."""
        try:
            chosen = self.findings[stage][finding].fixes[fix]
        except (KeyError, IndexError):
            return None
        return fixes.propose(chosen, self.spec)

    def apply(self, proposal: fixes.Proposal) -> None:
        """Apply a fix: files are changed (with a backup), settings too; nothing runs yet.

        Raises:
            BadInput: a stage is running, or a file has changed in the meantime.

        """
        self._refuse_while_running()
        changed = fixes.apply(proposal, self.spec)
        journal = self._open()
        for edit in proposal.edits:
            journal.add_edit(self._id, edit.file, edit.before, edit.after, proposal.title)
        self.spec = changed
        self.namespace = {k: v for k, v in self.namespace.items() if k in ("ws", "model")}
        self._save()
        self._tell("spec", None)

    def undo(self) -> str:
        """Take the last applied fix back and return the name of the file.

        Raises:
            BadInput: there is nothing to undo, or the file was changed since.

        """
        self._refuse_while_running()
        journal = self._open()
        edit = journal.last_edit(self._id)
        if edit is None:
            raise BadInput("There is no fix to undo.", code="nothing-to-undo")
        fixes.undo(edit["file"], edit["before"], edit["after"], self.spec)
        journal.mark_undone(self._id, edit["n"])
        self._tell("spec", None)
        return str(edit["file"])

    @property
    def can_undo(self) -> bool:
        """Whether a fix of this run can be taken back."""
        return bool(self._id) and self._open().last_edit(self._id) is not None

    def delete_service(self) -> bool:
        """Delete the deployed service; False when there is none."""
        ws = self.namespace.get("ws") or self._workspace()
        deleted = azureml.delete_service(ws, self.spec.service_name)
        self.namespace.pop("service", None)
        self.state.pop("service", None)
        self._reset_from(Stage.SCHEDULE)
        self._save()
        return deleted

    # ---- the worker ------------------------------------------------------------------------------

    def _work(self, stages: Sequence[Stage]) -> None:
        try:
            self._open().update(self._id, active=True)
            for stage in stages:
                if not self._run_one(stage):
                    break
        except Exception as error:  # noqa: BLE001 - the journal failed: say so where the user looks
            self._fail(stages[0], error, [])
        finally:
            self._idle.set()
            self._save(active=False)
            self._tell("rail", None)

    def _run_one(self, stage: Stage) -> bool:
        self._begin(stage)
        writer = MaskedWriter(lambda text: self._append(stage, text))
        context = StageContext(
            self.spec,
            self.namespace,
            self.state,
            lambda text: _drop(writer.write(text)),
            lambda words: self._set(stage, note=words),
            lambda checks: self._checks(stage, checks),
            self._cancelled,
            self._workspace,
        )
        try:
            note = run_stage(stage, context)
        except Cancelled:
            writer.close()
            self._finish(stage, StageState.CANCELLED, note="stopped waiting", error=_GOES_ON[stage])
            return False
        except Exception as error:  # noqa: BLE001 - every failure of the SDK is the user's to see
            writer.close()
            self._fail(stage, error, context.sources)
            return False
        writer.close()
        result = mask(str(self.prediction)) if stage == Stage.SCORE else ""
        self._finish(stage, StageState.DONE, note=note, result=result)
        return True

    def _begin(self, stage: Stage) -> None:
        self._forget(stage)
        self._open().clear_log(self._id, stage)
        self._set(stage, state=StageState.RUNNING, started=time.time())

    def _fail(self, stage: Stage, error: Exception, sources: list[tuple[str, str]]) -> None:
        message = error.message if isinstance(error, AmlWidgetsError) else str(error)
        code = error.code if isinstance(error, AmlWidgetsError) else type(error).__name__
        if isinstance(error, AmlWidgetsError) and error.todo:
            message = f"{message} {error.todo}"
        found = diagnose_stage(stage, self.spec, self.logs[stage], error, sources, self.namespace)
        self.findings[stage] = found
        self._finish(
            stage,
            StageState.FAILED,
            note="failed",
            error=mask(message)[:4000],
            code=code,
            findings=[self._plain(stage, n, f) for n, f in enumerate(found)],
        )

    def _plain(self, stage: Stage, number: int, finding: Finding) -> dict[str, Any]:
        """Return a finding as the view needs it: with each automatic fix's diff."""
        plain = finding.to_dict()
        for index, shown in enumerate(plain["fixes"]):
            proposal = self.propose(stage, number, index)
            shown["automatic"] = proposal is not None
            shown["diff"] = proposal.diff(self.spec) if proposal else ""
            shown["retry_from"] = proposal.retry_from.value if proposal else ""
        return plain

    # ---- records ---------------------------------------------------------------------------------

    def _set(self, stage: Stage, **values: Any) -> None:
        with self._lock:
            for name, value in values.items():
                setattr(self.records[stage], name, value)
        if self._id:
            self._open().save_stage(self._id, stage, self.records[stage].plain())
        self._tell("rail", stage)

    def _finish(self, stage: Stage, state: StageState, **values: Any) -> None:
        self._save()
        self._set(stage, state=state, ended=time.time(), **values)
        if state != StageState.DONE:
            for later in STAGES[STAGES.index(stage) + 1 :]:
                self._set(later, state=StageState.BLOCKED)
        self._tell("panel", stage)

    def _checks(self, stage: Stage, checks: list[Check]) -> None:
        self._set(stage, checks=[c.to_dict() for c in checks])
        self._tell("panel", stage)

    def _append(self, stage: Stage, text: str) -> None:
        self.logs[stage].append(text)
        if self._id:
            self._open().append_log(self._id, stage, text)
        self._tell("log", stage)

    def _forget(self, stage: Stage) -> None:
        self.logs[stage].clear()
        self.findings.pop(stage, None)
        self.records[stage] = StageRecord()
        self._set(stage)
        self._tell("panel", stage)

    def _reset_from(self, stage: Stage) -> None:
        for later in STAGES[STAGES.index(stage) :]:
            self._forget(later)
        keep = {Stage.PREFLIGHT: ("ws",), Stage.REGISTER: ("ws",)}.get(stage, ("ws", "model"))
        self.namespace = {k: v for k, v in self.namespace.items() if k in keep}

    def _refuse_while_running(self) -> None:
        if self.running:
            raise BadInput("A stage is running.", code="running", todo="Cancel it first.")

    def _tell(self, what: str, stage: Stage | None) -> None:
        for listener in list(self._listeners):
            listener(what, stage)

    # ---- the journal -----------------------------------------------------------------------------

    def _open(self) -> Journal:
        with self._lock:
            if self._journal is None:
                self._journal = Journal()
            if not self._id:
                self._id = self._journal.create(self.spec, {})
            return self._journal

    def _save(self, *, active: bool | None = None) -> None:
        if self.info is None and "ws" in self.namespace:
            self.info = azureml.describe(self.namespace["ws"])
        if self._id:
            workspace = self.info.to_dict() if self.info else None
            self._open().update(self._id, spec=self.spec, state=self.state, workspace=workspace, active=active)

    def _restore(self, saved: SavedRun) -> None:
        self._id, self.spec, self.state = saved.id, saved.spec, dict(saved.state)
        journal = self._open()
        for stage, record in saved.records.items():
            restored = StageRecord.restored(record)
            if restored.state == StageState.RUNNING:
                restored.state, restored.note = StageState.CANCELLED, "interrupted"
                restored.error = "The kernel ended while this stage ran. Run it again: what was done is kept."
            self.records[stage] = restored
            self.logs[stage].append(journal.log(saved.id, stage))

    @property
    def run_id(self) -> str:
        """The journal's name of this run; empty before its first stage."""
        return self._id

    @property
    def next_stage(self) -> Stage:
        """The first stage that is not done."""
        return next((s for s in STAGES if self.records[s].state != StageState.DONE), Stage.SCORE)


_GOES_ON = {
    Stage.PREFLIGHT: "",
    Stage.REGISTER: "The upload may still end by itself; a model version may appear in the workspace.",
    Stage.IMAGE: "The image build goes on in the service; running this stage again joins it.",
    Stage.SCHEDULE: "The deployment goes on in the service. Delete the service to stop it.",
    Stage.START: "The deployment goes on in the service. Delete the service to stop it.",
    Stage.SCORE: "The request may still be answered; its answer is dropped.",
}


def _drop(_count: int) -> None:
    """Turn a stream's write into a function without a result."""


def folder_now() -> str:
    """Return the working folder, as deployments keep it."""
    return os.getcwd()  # noqa: PTH109 - the very text, not a resolved path
