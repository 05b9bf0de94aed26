"""The deployment wizard: a guided run through the stages, with live logs, findings and fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets as t

from amlwidgets.core.findings import Report
from amlwidgets.core.spec import DeploymentSpec, inputs_of
from amlwidgets.core.stages import STAGES, Stage, StageState, Target
from amlwidgets.errors import BadInput
from amlwidgets.services import azureml
from amlwidgets.services.code import render
from amlwidgets.services.defaults import guess_spec
from amlwidgets.services.deploy_run import DeployRun, folder_now
from amlwidgets.services.journal import Journal, SavedRun
from amlwidgets.services.plan import calls_of
from amlwidgets.widgets.assets import script, style
from amlwidgets.widgets.base import AmlWidget, request
from amlwidgets.widgets.coalesce import Coalescer

if TYPE_CHECKING:
    from collections.abc import Callable

Change = tuple[str, Stage | None]

_AKS_ADVICE = (
    "Not sure that AKS is to blame? ACI runs one container without a scheduler: deploy there first to rule AKS out."
)

_PUSHED_LINES = 400
"""Newest lines that are pushed to a following view at once; older ones are asked for."""


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

    _esm = script("wizard")
    _css = style("finding_card", "log_view", "wizard")

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
        self._pushed: dict[Stage, int] = {}
        self._unlisten: Callable[[], None] | None = None
        self._coalescer: Coalescer[Change] = Coalescer(self.guarded(self._push))
        self._use(DeployRun(spec, workspace=self._find_workspace, journal=journal))

    def _find_workspace(self) -> Any:
        return self._ws if self._ws is not None else azureml.find_workspace()

    def _use(self, run: DeployRun) -> None:
        if self._unlisten is not None:
            self._unlisten()
        self.deployment = run
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
        self.problem = {}
        self.deployment.start(start, end)
        return None

    @request
    def cancel(self) -> None:
        """Stop waiting."""
        self.deployment.cancel()

    @request
    def change(self, name: str, value: Any) -> None:
        """Change one setting."""
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
        self.problem = {}
        self.deployment.apply(proposal)
        self.deployment.start(start, Stage.SCORE)
        return None

    @request
    def undo(self) -> None:
        """Take the last fix back."""
        self.deployment.undo()
        self._draw_all()

    @request
    def delete_service(self, *, confirmed: bool = False) -> dict[str, str] | None:
        """Delete the deployed service."""
        if not confirmed:
            return {"confirm": f"Delete the service {self.spec.service_name}? Clients get errors from then on."}
        self.deployment.delete_service()
        self._draw_all()
        return None

    @request
    def resume(self) -> None:
        """Show the unfinished run and go on with it."""
        if self._offer is None:
            return
        saved, self._offer = self._offer, None
        run = DeployRun(saved.spec, workspace=self._find_workspace, journal=self._journal, saved=saved)
        self._use(run)
        self.selected = run.next_stage.value
        run.start(run.next_stage, Stage.SCORE)

    @request
    def start_over(self) -> None:
        """Leave the unfinished run in the journal and begin anew."""
        self._offer = None
        self._draw_head()

    @request
    def window(self, stage: str, start: int, count: int) -> dict[str, Any]:
        """Return a window of a stage's log."""
        log = self.deployment.logs[Stage(stage)]
        return {
            "start": start,
            "total": len(log),
            "lines": [line[:4000] for line in log.window(start, min(count, 500))],
        }

    @request
    def find(self, stage: str, query: str) -> dict[str, Any]:
        """Return the indices of log lines that contain ``query``."""
        return {"hits": self.deployment.logs[Stage(stage)].find(query)}

    def _costs(self, first: Stage, last: Stage) -> str:
        """Return what has to be asked before these stages run in a real workspace; empty in the sandbox."""
        if azureml.in_sandbox():
            return ""
        stages = STAGES[STAGES.index(first) : STAGES.index(last) + 1]
        does = {
            Stage.REGISTER: f"upload a new version of the model {self.spec.model_name}",
            Stage.IMAGE: "build an image in the workspace's registry",
            Stage.SCHEDULE: f"create or replace the service {self.spec.service_name} on {self.spec.target}",
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
            if "rail" in kinds or "spec" in kinds:
                self._follow_selection()
                self._draw_rail()
                self._draw_head()
            if kinds & {"panel", "spec"} or ("rail" in kinds and not self.deployment.running):
                self._draw_panels()
        for what, stage in changes:
            if what == "log" and stage is not None:
                self._push_log(stage)

    def _push_log(self, stage: Stage) -> None:
        log = self.deployment.logs[stage]
        total = len(log)
        # From the last line that was sent, because it may have been unfinished then.
        start = max(self._pushed.get(stage, 0) - 1, total - _PUSHED_LINES, 0)
        if total < self._pushed.get(stage, 0):
            start = max(total - _PUSHED_LINES, 0)
        self._pushed[stage] = total
        lines = [line[:4000] for line in log.window(start, _PUSHED_LINES)]
        self.send({"kind": "log", "stage": stage.value, "start": start, "total": total, "lines": lines})

    def _follow_selection(self) -> None:
        """Show the running stage, and stay at the one that failed."""
        for stage in STAGES:
            state = self.deployment.records[stage].state
            if state in (StageState.RUNNING, StageState.FAILED):
                self.selected = stage.value
                return
        if self.deployment.records[Stage.SCORE].state == StageState.DONE:
            self.selected = Stage.SCORE.value

    def _draw_all(self) -> None:
        with self.hold_sync():
            self._draw_head()
            self._draw_rail()
            self._draw_panels()

    def _draw_head(self) -> None:
        run = self.deployment
        info = run.info
        self.head = {
            "workspace": info.name if info else "",
            "sandbox": info.sandbox if info else azureml.in_sandbox(),
            "target": run.spec.target,
            "targets": [target.value for target in Target],
            "generation": run.spec.generation,
            "service": run.spec.service_name,
            "running": run.running,
            "saved": run.run_id,
            "can_undo": not run.running and run.can_undo,
            "service_there": "service" in run.state,
            "done": all(r.state == StageState.DONE for r in run.records.values()),
            # One primary button at a time: the card's, where a fix can be applied.
            "fixable": any(x["automatic"] for r in run.records.values() for f in r.findings for x in f["fixes"]),
            "resume": _offer_words(self._offer) if self._offer else "",
        }

    def _draw_rail(self) -> None:
        self.rail = [
            {
                "id": s.value,
                "title": s.label,
                "state": r.state.value,
                "note": r.note,
                "started": r.started,
                "ended": r.ended,
            }
            for s, r in self.deployment.records.items()
        ]

    def _draw_panels(self) -> None:
        self.panels = {stage.value: self._panel(stage) for stage in STAGES}

    def _panel(self, stage: Stage) -> dict[str, Any]:
        run, record = self.deployment, self.deployment.records[stage]
        log = run.logs[stage]
        return {
            "id": stage.value,
            "inputs": inputs_of(stage, run.spec),
            "code": render(calls_of(stage, run.spec)),
            "checks": record.checks,
            "findings": record.findings,
            "error": record.error,
            "result": record.result[:2000],
            "advice": _AKS_ADVICE if record.state == StageState.FAILED and run.spec.target == Target.AKS else "",
            "log": {"name": log.name, "total": len(log)},
        }

    # ---- static form ---------------------------------------------------------------------------------

    def to_text(self) -> str:
        """Return stages, findings and result as text."""
        run = self.deployment
        lines = [
            (
                f"Deployment of {run.spec.model_name or 'a model'} "
                f"as {run.spec.service_name or 'a service'} on {run.spec.target}"
            )
        ]
        for stage, record in run.records.items():
            note = f" ({record.note})" if record.note else ""
            lines.append(f"  {stage.label:<10} {record.state.value}{note}")
            for finding in record.findings:
                lines += [
                    f"      {finding['title']}",
                    *(f"      > {e['text'].strip()[:160]}" for e in finding["evidence"][:1]),
                ]
        if run.records[Stage.SCORE].result:
            lines.append(f"  Answer: {run.records[Stage.SCORE].result[:500]}")
        return "\n".join(lines)


def _unfinished(journal: Journal | None, service: str) -> SavedRun | None:
    """Return this folder's unfinished run; with ``service`` only if it is that service's."""
    saved = (journal or Journal()).latest_unfinished(folder_now())
    return saved if saved and (not service or saved.spec.service_name == service) else None


def _offer_words(saved: SavedRun) -> str:
    import time

    done = [s.label for s in STAGES if saved.records.get(s, {}).get("state") == StageState.DONE]
    minutes = max(0, round((time.time() - saved.updated) / 60))
    when = "just now" if minutes == 0 else f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} hours ago"  # noqa: PLR2004 - minutes until hours read better
    so_far = f"{', '.join(done)} done" if done else "nothing done yet"
    name = saved.spec.service_name or "a deployment"
    return f"The run of {name} stopped {when}: {so_far}. Resume it, or start over?"
