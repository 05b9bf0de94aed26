"""What the wizard's view shows, made from the state of a run; small enough to stay in a saved notebook."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import MASK, mask
from amlwidgets.core.spec import inputs_of
from amlwidgets.core.stages import STAGES, Generation, Stage, StageState, Target
from amlwidgets.services import azureml
from amlwidgets.services.code import render
from amlwidgets.services.local import engine
from amlwidgets.services.plan import calls_of

if TYPE_CHECKING:
    from amlwidgets.core.logbuffer import LogBuffer
    from amlwidgets.services.deploy_run import DeployRun
    from amlwidgets.services.journal import SavedRun

_NO_ENGINE = "no Docker"
"""Short: a list is as wide as its longest entry."""
_AKS_ADVICE = "Not sure that AKS is to blame? ACI runs one container without a scheduler: deploy there first."


_BOUND = 3_000
"""Characters of a text that the state of the view, and so a saved notebook, holds."""


def head(run: DeployRun) -> dict[str, Any]:
    """Return workspace, target, service, and what can be done now."""
    info = run.info
    return {
        "workspace": info.name if info else "",
        "sandbox": info.sandbox if info else azureml.in_sandbox(),
        "target": run.spec.target,
        "targets": [target.value for target in Target],
        "impossible": {Target.LOCAL.value: _NO_ENGINE} if engine.absent() else {},
        "generation": run.spec.generation,
        "generations": [generation.value for generation in Generation] if run.spec.target != Target.LOCAL else [],
        "service": run.spec.service_name,
        "running": run.running,
        "saved": run.run_id,
        "unkept": run.unkept,
        "can_undo": not run.running and run.can_undo,
        "service_there": bool(run.deployed),
        "done": all(r.state == StageState.DONE for r in run.records.values()),
        # One primary button at a time: the card's, where a fix can be applied.
        "fixable": any(x["automatic"] for r in run.records.values() for f in r.findings for x in f["fixes"]),
    }


def rail(run: DeployRun) -> list[dict[str, Any]]:
    """Return the state of each stage, in order."""
    return [
        {
            "id": s.value,
            "title": s.label,
            "state": r.state.value,
            "note": r.note,
            "started": r.started,
            "ended": r.ended,
        }
        for s, r in run.records.items()
    ]


def panel(run: DeployRun, stage: Stage) -> dict[str, Any]:
    """Return what is shown of one stage."""
    record = run.records[stage]
    log = run.logs[stage]
    return {
        "id": stage.value,
        "inputs": [_shown(field) for field in inputs_of(stage, run.spec)],
        "code": _bounded(mask(render(calls_of(stage, run.spec))), "code(stage) gives all"),
        "checks": record.checks,
        "findings": record.findings,
        "error": _bounded(record.error, "the rest is cut"),
        "result": record.result[:2000],
        "advice": _AKS_ADVICE if record.state == StageState.FAILED and run.spec.target == Target.AKS else "",
        "log": {"name": log.name, "total": len(log), "excerpt": _excerpt(log, record.findings)},
    }


def story(run: DeployRun) -> str:
    """Return stages, findings and result as text."""
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


def _bounded(text: str, rest: str) -> str:
    """Return a text that fits into a saved notebook."""
    return text if len(text) <= _BOUND else f"{text[:_BOUND]} … ({len(text) - _BOUND:,} more characters; {rest})"


def _shown(field: dict[str, Any]) -> dict[str, Any]:
    """Return an input as the view, and so a saved notebook, holds it: secrets masked, length bounded."""
    value = field["value"]
    if not isinstance(value, str):
        return field
    if len(value) <= _BOUND:
        return field | {"value": mask(value)}
    short = f"{mask(value[:80])} {MASK}{len(value):,} characters, change by code"
    return field | {"value": short}


def _excerpt(log: LogBuffer, findings: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Return the lines around the evidence, for a saved notebook without a kernel."""
    wanted: set[int] = set()
    for finding in findings[:2]:
        for evidence in finding["evidence"][:2]:
            if evidence["source"] == log.name:
                wanted |= set(range(max(0, evidence["first_line"] - 4), evidence["first_line"] + 3))
    return [(n, text[:160]) for n in sorted(wanted)[:24] for text in log.window(n, 1)]


def offer_words(saved: SavedRun) -> str:
    """Return the question whether an unfinished run is resumed."""
    done = [s.label for s in STAGES if saved.records.get(s, {}).get("state") == StageState.DONE]
    minutes = max(0, round((time.time() - saved.updated) / 60))
    when = "just now" if minutes == 0 else f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} hours ago"  # noqa: PLR2004 - minutes until hours read better
    so_far = f"{', '.join(done)} done" if done else "nothing done yet"
    name = saved.spec.service_name or "a deployment"
    return f"The run of {name} stopped {when}: {so_far}. Resume it, or start over?"
