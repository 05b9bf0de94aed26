"""What is known of a deployment under way: records, logs, settings; kept in the journal, told to listeners."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.core.stages import STAGES, Stage, StageState
from amlwidgets.errors import BadInput, NotAllowed, ServiceFailed
from amlwidgets.services import azureml
from amlwidgets.services.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

    from amlwidgets.core.checks import Check
    from amlwidgets.core.findings import Finding
    from amlwidgets.core.spec import DeploymentSpec
    from amlwidgets.services.journal import SavedRun

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


class RunState:
    """State of one deployment, safe to read from any thread.

    ``unkept`` is a sentence when the journal could not keep all of it.

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
        self._expected: dict[str, Any] = {}
        self.unkept = ""
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()
        self._idle.set()
        if saved is not None:
            self._restore(saved)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` at every change; returns a function that stops it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    @property
    def running(self) -> bool:
        """Whether a stage runs now."""
        return not self._idle.is_set()

    # ---- records ---------------------------------------------------------------------------------

    def _set(self, stage: Stage, **values: Any) -> None:
        with self._lock:
            for name, value in values.items():
                setattr(self.records[stage], name, value)
        with self._kept():
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
        with self._kept():
            if self._id:
                self._open().append_log(self._id, stage, text)
        self._tell("log", stage)

    def _forget(self, stage: Stage) -> None:
        self.logs[stage].clear()
        self.findings.pop(stage, None)
        if stage == Stage.SCORE:
            self.namespace.pop("prediction", None)
        self.records[stage] = StageRecord()
        self._set(stage)
        self._tell("panel", stage)

    def _connect(self) -> Any:
        """Find the workspace; a resumed run goes on only in the workspace in which it began.

        Raises:
            NotAllowed: this is another workspace.
        """
        ws = self._workspace()
        found = azureml.describe(ws)
        if "name" in self._expected and self._expected != found.to_dict():
            raise NotAllowed(
                f"This run began in the workspace {self._expected['name']}, and this kernel works in {found.name}.",
                code="other-workspace",
                todo="Choose Start over.",
            )
        return ws

    def _reset_from(self, stage: Stage) -> None:
        """Forget what a stage and the later ones have produced; a deployed service is remembered, to delete it."""
        produced = (("model_id", Stage.REGISTER), ("image_id", Stage.IMAGE), ("service", Stage.SCHEDULE))
        for name, produced_by in produced:
            if STAGES.index(stage) <= STAGES.index(produced_by):
                self.state.pop(name, None)
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
                self._id = self._journal.create(self.spec, {"sandbox": azureml.in_sandbox()})
            return self._journal

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Keep something in the journal; where that fails (a full disk), the run goes on and ``unkept`` says so."""
        try:
            yield
        except ServiceFailed as error:
            if error.code != "journal-unusable":
                raise
            self.unkept = f"{error.message} {error.todo}"

    def runbook(self, path: Path) -> Path:
        """Write the run as a notebook; return its path.

        Raises:
            BadInput: Nothing has run yet, or it cannot be written.
        """
        from amlwidgets.services import runbook

        if not self._id:
            raise BadInput("Nothing has run yet.", code="nothing-run")
        journal = self._open()
        return runbook.save(runbook.of_run(journal.load(self._id), journal), path)

    def _save(self, *, active: bool | None = None) -> None:
        if self.info is None and "ws" in self.namespace:
            self.info = azureml.describe(self.namespace["ws"])
        with self._kept():
            if self._id:
                workspace = self.info.to_dict() if self.info else None
                self._open().update(self._id, spec=self.spec, state=self.state, workspace=workspace, active=active)

    def _restore(self, saved: SavedRun) -> None:
        self._id, self.spec, self.state = saved.id, saved.spec, dict(saved.state)
        self._expected = saved.workspace
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
