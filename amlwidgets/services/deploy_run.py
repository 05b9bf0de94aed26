"""A deployment under way: runs stages on a worker thread, tells listeners, writes the journal."""

from __future__ import annotations

import os
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.core.stages import STAGES, Stage, StageState
from amlwidgets.errors import AmlWidgetsError, BadInput, NotConnected, ServiceFailed
from amlwidgets.services import azureml, contention, fixes
from amlwidgets.services.diagnosis import diagnose_stage
from amlwidgets.services.execute import StageContext, require_folder, run_stage
from amlwidgets.services.journal import home
from amlwidgets.services.run_state import RunState
from amlwidgets.services.streams import MaskedWriter
from amlwidgets.services.waiting import Cancelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlwidgets.core.findings import Finding


class DeployRun(RunState):
    """One deployment, from preflight to a prediction: what the user does with it, and the worker that does it."""

    # ---- what others see -------------------------------------------------------------------------

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
            changed.stage_of(name)
            for name in changed.__dataclass_fields__
            if getattr(changed, name) != getattr(self.spec, name)
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
            require_folder(self.spec)
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
        changed, applied = fixes.apply(proposal, self.spec, home() / "backups")
        self._open().add_fix(self._id, applied.to_dict())
        self.spec = changed
        self.namespace = {k: v for k, v in self.namespace.items() if k in ("ws", "model")}
        self._save()
        self._tell("spec", None)

    def undo(self) -> str:
        """Take the last applied fix back and return what it had done; stages that it concerned wait again.

        Raises:
            BadInput: there is nothing to undo, a file or the notebook's working folder was changed since, or the
                journal leads to other files.
        """
        self._refuse_while_running()
        require_folder(self.spec)
        journal = self._open()
        last = journal.last_fix(self._id)
        if last is None:
            raise BadInput("There is no fix to undo.", code="nothing-to-undo")
        applied = fixes.Applied.from_dict(last[1])
        self.spec = fixes.undo(applied, self.spec, home() / "backups")
        journal.mark_undone(self._id, last[0])
        self._reset_from(applied.retry_from)
        self._save()
        self._tell("spec", None)
        return applied.title

    @property
    def can_undo(self) -> bool:
        """Whether a fix of this run can be taken back."""
        with self._kept():
            return bool(self._id) and self._open().last_fix(self._id) is not None
        return False

    @property
    def deployed(self) -> str:
        """Name of the service that this run has deployed; empty when there is none (any more)."""
        return str(self.state.get("deployed", ""))

    def delete_service(self) -> None:
        """Delete the service that this run has deployed, whatever the settings say now.

        Raises:
            BadInput: a stage is running, this run has deployed none, or another deployment or update has taken it over.
            ServiceFailed: the service cannot be deleted or asked whose it is, or is gone already.
        """
        self._refuse_while_running()
        name = self.deployed
        if not name:
            raise BadInput("This run has deployed no service.", code="nothing-deployed")
        self._idle.clear()
        self._tell("rail", None)
        try:
            ws = self.namespace.get("ws") or self._connect()
            contention.refuse_another(ws, name, self.state)
            deleted = azureml.delete_service(ws, name)
            self.state.pop("deployed", None)
            self._reset_from(Stage.SCHEDULE)
        finally:
            self._save()
            self._idle.set()
            self._tell("rail", None)
        if not deleted:
            raise ServiceFailed(f"The workspace has no service {name} any more.", code="service-gone")

    # ---- the worker ------------------------------------------------------------------------------

    def _work(self, stages: Sequence[Stage]) -> None:
        try:
            with self._kept():
                self._open().update(self._id, active=True)
            for stage in stages:
                if not self._run_one(stage):
                    break
        except Exception as error:  # noqa: BLE001 - every failure of the SDK is the user's to see
            self._fail(stages[0], error, [])
        finally:
            try:
                self._save(active=False)
            finally:
                self._idle.set()
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
            self._connect,
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
        with self._kept():
            self._open().clear_log(self._id, stage)
        self._set(stage, state=StageState.RUNNING, started=time.time())

    def _fail(self, stage: Stage, error: Exception, sources: list[tuple[str, str]]) -> None:
        gone = azureml.sandbox_is_gone()
        if gone:
            error = NotConnected(
                "The sandbox does not answer any more; what was begun there is unknown until it does.",
                code="sandbox-not-running",
                todo="Start it again: %aml sandbox on, or  amlwidgets sandbox start  in a terminal. Nothing is lost.",
            )
        message = error.message if isinstance(error, AmlWidgetsError) else str(error)
        code = error.code if isinstance(error, AmlWidgetsError) else type(error).__name__
        if isinstance(error, AmlWidgetsError) and error.todo:
            message = f"{message} {error.todo}"
        # What the client says of a closed port, or of somebody else's deployment, would only lead away from that.
        known = gone or code == contention.TAKEN_OVER
        found = () if known else diagnose_stage(stage, self.spec, self.logs[stage], error, sources, self.namespace)
        self.findings[stage] = found
        self._finish(
            stage,
            StageState.FAILED,
            note=_restarts(str(error)),
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
            if proposal and proposal.title != shown["title"]:  # the files asked for another mend than the text alone
                shown |= {"title": proposal.title, "steps": [], "code": ""}
            shown["diff"] = proposal.diff(self.spec) if proposal else ""
            shown["retry_from"] = proposal.retry_from.value if proposal else ""
        return plain


_GOES_ON = {
    Stage.PREFLIGHT: "",
    Stage.REGISTER: "The upload may still end by itself; a model version may appear in the workspace.",
    Stage.IMAGE: "The image build goes on in the service; running this stage again joins it.",
    Stage.SCHEDULE: "The deployment goes on in the service. Delete the service to stop it.",
    Stage.START: "The deployment goes on in the service. Delete the service to stop it.",
    Stage.SCORE: "The request may still be answered; its answer is dropped.",
}


def _restarts(error: str) -> str:
    """Return how often the container was started again, from the instance view in Azure's error; empty when unsaid."""
    found = re.search(r'RestartCount"?: (\d+)', error)
    if not found or found[1] == "0":
        return ""
    return "1 restart" if found[1] == "1" else f"{found[1]} restarts"


def _drop(_count: int) -> None:
    """Turn a stream's write into a function without a result."""


def folder_now() -> str:
    """Return the working folder, as deployments keep it."""
    return os.getcwd()  # noqa: PTH109 - the very text, not a resolved path
