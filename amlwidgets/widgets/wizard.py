"""The deployment wizard: a guided run through the stages, with live logs, findings and fixes."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets as t

from amlwidgets.core.findings import Report
from amlwidgets.core.redact import MASK
from amlwidgets.core.stages import STAGES, Stage, StageState
from amlwidgets.errors import BadInput
from amlwidgets.services import azureml
from amlwidgets.services.code import render
from amlwidgets.services.defaults import guess_spec
from amlwidgets.services.deploy_run import DeployRun, folder_now
from amlwidgets.services.journal import Journal, SavedRun
from amlwidgets.services.plan import calls_of
from amlwidgets.widgets.assets import packed
from amlwidgets.widgets.base import AmlWidget, request
from amlwidgets.widgets.coalesce import Coalescer
from amlwidgets.widgets.findings_view import calculator_of, checklist_of, container_of
from amlwidgets.widgets.log_pane import LogPane
from amlwidgets.widgets.wizard_state import head, offer_words, panel, rail, story

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.core.spec import DeploymentSpec

Change = tuple[str, Stage | None]


class DeployWizard(AmlWidget):
    """Walk a model from a file to a prediction, and see why when it stops on the way.

    Args:
        ws: An ``azureml.core.Workspace``; None finds it when it is first needed (the sandbox's, when the kernel is
            in its world, else ``Workspace.from_config()``).
        resume: A saved run to show; None looks for an unfinished one and offers it.
        journal: Where runs are kept; None is the user's journal.
        **settings: Fields of ``DeploymentSpec``, such as ``model_path="ridge.pkl"``; what is left out is guessed
            from the files of the working folder.

    Example:
        >>> wizard = DeployWizard(model_path="ridge.pkl", service_name="diabetes")  # doctest: +SKIP
        >>> wizard.run_to_end()  # the same as the button  # doctest: +SKIP
    """

    _esm = packed("wizard", "finding_card", "log_view", "wizard")

    head = t.Dict().tag(sync=True)
    """Workspace, target, service, and whether something runs."""
    rail: t.List[Any] = t.List().tag(sync=True)
    """State of each stage, in order."""
    panels = t.Dict().tag(sync=True)
    """For each stage: inputs, code, checks, findings, result, and how many log lines there are."""
    selected = t.Unicode(Stage.PREFLIGHT.value).tag(sync=True)
    """The stage that is shown."""

    def __init__(
        self, ws: Any = None, *, resume: SavedRun | None = None, journal: Journal | None = None, **settings: Any
    ) -> None:
        super().__init__()
        spec = guess_spec(folder_now(), **settings)
        self._ws, self._journal = ws, journal
        self._offer = resume or _unfinished(journal, spec.service_name if settings else "")
        self._panes: dict[Stage, LogPane] = {}
        self._unlisten: Callable[[], None] | None = None
        self._followed: Stage | None = None
        self._coalescer: Coalescer[Change] = Coalescer(self.guarded(self._push))
        self._use(DeployRun(spec, workspace=self._find_workspace, journal=journal))

    def _find_workspace(self) -> Any:
        return self._ws if self._ws is not None else azureml.find_workspace()

    def _use(self, run: DeployRun) -> None:
        if self._unlisten is not None:
            self._unlisten()
        self.deployment = run
        self._panes = {stage: LogPane(log, partial(self._tell_log, stage)) for stage, log in run.logs.items()}
        self._unlisten = run.listen(self._on_change)
        self._draw_all()

    # ---- for code: what the buttons do ---------------------------------------------------------------

    @property
    def spec(self) -> DeploymentSpec:
        """What is deployed."""
        return self.deployment.spec

    @property
    def prediction(self) -> Any:
        """What the service answered to the sample input; None before that."""
        return self.deployment.prediction

    @property
    def report(self) -> Report:
        """Findings of the stage that failed last; empty when none did."""
        stage = self.deployment.failed_stage
        return Report(self.deployment.findings.get(stage, ()) if stage else ())

    def run_to_end(self, timeout: float | None = None) -> Report:
        """Run what is not done yet and wait; return the findings, which are empty when all went well.

        Raises:
            BadInput: something runs already.
            TimeoutError: it took longer than ``timeout`` seconds; the run goes on.
        """
        self.deployment.start(self.deployment.next_stage, Stage.SCORE)
        return self._wait(timeout)

    def apply_fix(self, timeout: float | None = None) -> Report:
        """Apply the first automatic fix of the best finding, retry from where it matters, and wait.

        Raises:
            BadInput: no finding has an automatic fix.
            TimeoutError: it took longer than ``timeout`` seconds; the run goes on.
        """
        stage = self.deployment.failed_stage
        for number, finding in enumerate(self.report.findings):
            for index in range(len(finding.fixes)):
                proposal = self.deployment.propose(stage, number, index) if stage else None
                if proposal is not None:
                    self.deployment.apply(proposal)
                    self.deployment.start(self._earliest(proposal.retry_from), Stage.SCORE)
                    return self._wait(timeout)
        raise BadInput("No finding has a fix that can be applied by itself.", code="no-automatic-fix")

    def _wait(self, timeout: float | None) -> Report:
        if not self.deployment.wait(timeout):
            raise TimeoutError(f"Still running after {timeout} s.")
        return self.report

    def _earliest(self, wanted: Stage) -> Stage:
        return min(wanted, self.deployment.next_stage, key=STAGES.index)

    # ---- requests of the view ------------------------------------------------------------------------

    @request
    def refresh(self) -> None:
        """Send the present state to a view that has just opened."""
        self._draw_all()

    @request
    def run(
        self, first: str | None = None, last: str | None = None, *, confirmed: bool = False
    ) -> dict[str, str] | None:
        """Run stages; None means from the first that is not done, and to the end."""
        start = Stage(first) if first else self.deployment.next_stage
        end = Stage(last) if last else Stage.SCORE
        words = self._costs(start, end)
        if words and not confirmed:
            return {"confirm": words}
        self._begin(start, end)
        return None

    def _begin(self, start: Stage, end: Stage) -> None:
        """Run stages, and show them as they run."""
        self.problem = {}
        self._followed = Stage(self.selected)
        self.deployment.start(start, end)

    @request
    def cancel(self) -> None:
        """Stop waiting."""
        self.deployment.cancel()

    @request
    def change(self, name: str, value: Any) -> None:
        """Change one setting."""
        if MASK in str(value):
            raise BadInput("A masked secret cannot be sent back.", code="masked", todo="Write the whole value again.")
        self.problem = {}
        try:
            self.deployment.change(**{name: value})
        finally:
            self._draw_all()

    @request
    def apply(self, stage: str, finding: int, fix: int, *, confirmed: bool = False) -> dict[str, str] | None:
        """Apply a fix and retry from the stage that it concerns."""
        proposal = self.deployment.propose(Stage(stage), finding, fix)
        if proposal is None:
            raise BadInput("This fix no longer fits the files.", code="fix-outdated", todo="Run the stage again.")
        start = self._earliest(proposal.retry_from)
        words = self._costs(start, Stage.SCORE)
        if words and not confirmed:
            return {"confirm": words}
        self.deployment.apply(proposal)
        self._begin(start, Stage.SCORE)
        return None

    @request
    def checklist(self) -> dict[str, str]:
        """Make a key vault checklist, which the view shows below the card."""
        return {"model": checklist_of(self._ws)}

    @request
    def container(self) -> dict[str, str]:
        """Make a panel on the container of the deployed service, which the view shows below the stage."""
        run = self.deployment
        if not run.deployed:
            raise BadInput("This run has deployed no service.", code="nothing-deployed")
        service = run.namespace.get("service") or azureml.find_service(run.deployed, self._ws)
        return {"model": container_of(service, run.spec.entry_script)}

    @request
    def calculator(self) -> dict[str, str]:
        """Make a replica calculator with the settings of the deployed service, which the view shows below the card."""
        run = self.deployment
        return {"model": calculator_of(self._ws, run.deployed, run.namespace.get("service"))}

    @request
    def runbook(self) -> dict[str, str]:
        """Write the run as a notebook into the working folder."""
        run = self.deployment
        name = f"runbook-{run.spec.service_name or 'run'}.ipynb"
        return {"path": str(run.runbook(Path(run.spec.folder, name)))}

    @request
    def undo(self) -> None:
        """Take the last fix back."""
        self.deployment.undo()
        self._draw_all()

    @request
    def delete_service(self, *, confirmed: bool = False) -> dict[str, str] | None:
        """Delete the deployed service."""
        if not self.deployment.deployed:
            raise BadInput("This run has deployed no service.", code="nothing-deployed")
        if not confirmed:
            return {"confirm": f"Delete the service {self.deployment.deployed}? Clients get errors from then on."}
        # On a thread of its own: Azure takes its time, and the view has to be answered.
        threading.Thread(target=self.guarded(self.deployment.delete_service), daemon=True).start()
        return None

    @request
    def resume(self, *, confirmed: bool = False) -> dict[str, str] | None:
        """Show the unfinished run and go on with it."""
        if self._offer is None:
            return None
        saved = self._offer
        first = next((s for s in STAGES if saved.records.get(s, {}).get("state") != StageState.DONE), Stage.SCORE)
        words = self._costs(first, Stage.SCORE, saved.spec)
        if words and not confirmed:
            return {"confirm": words}
        self._offer = None
        run = DeployRun(saved.spec, workspace=self._find_workspace, journal=self._journal, saved=saved)
        self._use(run)
        self.selected = run.next_stage.value
        self._begin(run.next_stage, Stage.SCORE)
        return None

    @request
    def start_over(self) -> None:
        """Leave the unfinished run in the journal and begin anew."""
        self._offer = None
        self._draw_head()

    @request
    def log(self, stage: str, op: str, payload: dict[str, Any]) -> Any:
        """Answer a question about a stage's log; the operations are those of ``LogPane``."""
        return self._panes[Stage(stage)].answer(op, payload)

    def _costs(self, first: Stage, last: Stage, spec: DeploymentSpec | None = None) -> str:
        """Return what has to be asked before these stages run in a real workspace; empty in the sandbox."""
        if azureml.in_sandbox():
            return ""
        spec = spec or self.spec
        stages = STAGES[STAGES.index(first) : STAGES.index(last) + 1]
        does = {
            Stage.REGISTER: f"upload a new version of the model {spec.model_name}",
            Stage.IMAGE: "build an image in the workspace's registry",
            Stage.SCHEDULE: f"create or replace the service {spec.service_name} on {spec.target}",
        }
        named = [does[s] for s in stages if s in does]
        if not named:
            return ""
        return f"This will {', '.join(named)} in your Azure workspace, which costs money. Go on?"

    # ---- drawing -------------------------------------------------------------------------------------

    def _on_change(self, what: str, stage: Stage | None) -> None:
        self._coalescer.add((what, stage))

    def _push(self, changes: set[Change]) -> None:
        """Send what changed, together; runs on the coalescer's thread."""
        kinds = {what for what, _ in changes}
        with self.hold_sync():
            if "rail" in kinds:
                self._follow_selection()
            if kinds & {"rail", "spec"}:
                self._draw_rail()
                self._draw_head()
            if kinds & {"panel", "spec"} or ("rail" in kinds and not self.deployment.running):
                self._draw_panels()
        for what, stage in changes:
            if what == "log" and stage is not None:
                self._panes[stage].push()

    def _tell_log(self, stage: Stage, message: dict[str, Any], buffers: list[bytes]) -> None:
        self.send(message | {"stage": stage.value}, buffers=buffers)

    def _follow_selection(self) -> None:
        """Go along with the run, unless the user has chosen to look at another stage."""
        now = self._interesting()
        if now is None or now == self._followed:
            return
        if self._followed is None or self.selected == self._followed:
            self.selected = now.value
        self._followed = now

    def _interesting(self) -> Stage | None:
        """Return the stage that runs, or that failed, or the end when all is done."""
        records = self.deployment.records
        for stage in STAGES:
            if records[stage].state in (StageState.RUNNING, StageState.FAILED):
                return stage
        return Stage.SCORE if records[Stage.SCORE].state == StageState.DONE else None

    def _draw_all(self) -> None:
        with self.hold_sync():
            self._draw_head()
            self._draw_rail()
            self._draw_panels()

    def _draw_head(self) -> None:
        self.head = head(self.deployment) | {"resume": offer_words(self._offer) if self._offer else ""}

    def _draw_rail(self) -> None:
        self.rail = rail(self.deployment)

    def _draw_panels(self) -> None:
        self.panels = {stage.value: panel(self.deployment, stage) for stage in STAGES}

    def code(self, stage: str) -> str:
        """Return the azureml-core code that a stage runs."""
        return render(calls_of(Stage(stage), self.spec))

    # ---- static form ---------------------------------------------------------------------------------

    def to_text(self) -> str:
        """Return stages, findings and result as text."""
        return story(self.deployment)


def _unfinished(journal: Journal | None, service: str) -> SavedRun | None:
    """Return this folder's unfinished run; with ``service`` only if it is that service's."""
    saved = (journal or Journal()).latest_unfinished(folder_now(), sandbox=azureml.in_sandbox())
    return saved if saved and (not service or saved.spec.service_name == service) else None
