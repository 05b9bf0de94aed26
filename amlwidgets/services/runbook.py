"""Runbooks: a run of the wizard, or a diagnosis, as a notebook that a colleague can read, and run again.

Every code cell carries in its metadata how its stage ended, so that a later run can tell what is different now.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.core.markup import fenced, inline, table_cell
from amlwidgets.core.redact import mask
from amlwidgets.core.report_text import not_explained
from amlwidgets.core.stages import STAGES, Stage, StageState
from amlwidgets.errors import BadInput
from amlwidgets.services.code import Ref, render
from amlwidgets.services.fixes import Applied
from amlwidgets.services.journal import home
from amlwidgets.services.kept_files import backup_text, digest, project_file, read_text
from amlwidgets.services.plan import calls_of
from amlwidgets.services.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amlwidgets.core.findings import Report
    from amlwidgets.services.code import Call
    from amlwidgets.services.journal import Journal, SavedRun

KEY = "amlwidgets"
"""Key of our entries in the metadata of notebook and cells."""

_EXCERPT, _AROUND, _MOST = 12, 3, 4

# Argument of a call → field of the specification that becomes a parameter.
_PARAMETERS = {
    "model_path": "model_path", "model_name": "model_name", "entry_script": "entry_script",
    "execution_script": "entry_script", "conda_file": "conda_file", "file_path": "conda_file", "cpu_cores": "cpu_cores",
    "memory_gb": "memory_gb", "input_data": "sample", "port": "port",
}  # fmt: skip
_MARKS = {"done": "✓", "failed": "✕", "running": "…", "cancelled": "-", "waiting": " ", "blocked": " "}


def of_run(run: SavedRun, journal: Journal) -> Any:
    """Return the notebook of a run that the journal has.

    Args:
        run: The run.
        journal: Where its logs and fixes are.

    Returns:
        An ``nbformat`` notebook, without outputs and without secrets.
    """
    spec = run.spec
    cells = [markdown_cell(_story(run)), *_opening(spec, sandbox=bool(run.workspace.get("sandbox")))]
    for stage in STAGES:
        record = run.records.get(stage, {})
        calls = [] if stage is Stage.PREFLIGHT else _with_parameters(calls_of(stage, spec), spec)
        cells.append(markdown_cell(_stage_words(stage, record, journal.log(run.id, stage))))
        if calls:
            cells.append(_stage_cell(render(calls), stage, record))
    cells += [markdown_cell(text) for text in (_fixes(run, journal.fixes(run.id)), _next(run)) if text]
    return notebook(cells, f"{spec.service_name or 'A service'}: {_outcome(run)}")


def of_report(report: Report, title: str = "A failure", code: str = "") -> Any:
    """Return the notebook of a diagnosis.

    Args:
        report: What was found.
        title: Heading.
        code: Script that failed, if there is one.
    """
    cells = [markdown_cell(f"# {inline(title)}\n\n{len(report.findings)} finding(s) in {_sources(report)}.")]
    if code:
        cells.append(code_cell(code))
    cells += [markdown_cell(finding_words(finding.to_dict())) for finding in report.findings[:_MOST]]
    if report.top is None:
        cells.append(markdown_cell(not_explained(report)))
    return notebook(cells, title)


def save(book: Any, path: Path) -> Path:
    """Write a notebook after checking it; return its path. Another runbook of that name is replaced.

    Raises:
        BadInput: The path is no notebook's, or somebody's own notebook's, or it cannot be written.
    """
    import nbformat

    if path.suffix != ".ipynb":
        raise BadInput(f"{path} is no notebook.", code="runbook-name", todo="Let the name end with .ipynb.")
    if path.exists() and not _is_ours(path):
        raise BadInput(f"{path} is there already, and is no runbook.", code="runbook-there", todo="Name another file.")
    nbformat.validate(book)
    try:
        write_whole(path, nbformat.writes(book) + "\n", rights=0o644)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.", code="runbook-write") from error
    return path


def _is_ours(path: Path) -> bool:
    import nbformat

    try:
        return KEY in nbformat.read(path, as_version=4).metadata  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 - whatever it is, it is not ours
        return False


# ---- cells ---------------------------------------------------------------------------------------------------------


def notebook(cells: list[Any], title: str) -> Any:
    """Return a notebook that knows itself as a runbook; its cells have ids that stay the same."""
    from nbformat.v4 import new_notebook

    from amlwidgets._version import __version__

    book = new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    for number, cell in enumerate(book.cells):
        cell["id"] = f"runbook-{number:02d}"
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.metadata["title"] = mask(title)
    book.metadata[KEY] = {"runbook": 1, "version": __version__}
    return book


def markdown_cell(text: str) -> Any:
    """Return a cell of text, without secrets."""
    from nbformat.v4 import new_markdown_cell

    # Half a surrogate pair, from a JSON text, can be written into no file.
    return new_markdown_cell(mask(text.encode("utf-8", "replace").decode()))  # type: ignore[no-untyped-call]


def code_cell(text: str) -> Any:
    """Return a cell of code, without secrets."""
    from nbformat.v4 import new_code_cell

    return new_code_cell(mask(text.rstrip("\n")))  # type: ignore[no-untyped-call]


def _stage_cell(text: str, stage: Stage, record: dict[str, Any]) -> Any:
    cell, state = code_cell(text), str(record.get("state", "waiting"))
    cell.metadata[KEY] = {"stage": stage.value, "state": state, "seconds": _seconds(record)}
    cell.metadata["tags"] = [f"stage-{stage.value}", *(["raises-exception"] if state == "failed" else [])]
    return cell


def _opening(spec: Any, *, sandbox: bool) -> list[Any]:
    names = dict.fromkeys(_PARAMETERS.values())
    lines = [f"{name} = {getattr(spec, name)!r}" for name in names if getattr(spec, name, None) not in ("", None)]
    lines.append(f"service_name = {spec.service_name!r}")
    parameters = code_cell("# Parameters: change them here, or with papermill.\n" + "\n".join(lines))
    parameters.metadata["tags"] = ["parameters"]
    world = "%load_ext amlwidgets\n%aml sandbox on\n\n" if sandbox else ""
    connect = code_cell(f"{world}from azureml.core import Workspace\n\nws = Workspace.from_config()")
    return [parameters, connect]


def _with_parameters(calls: Iterable[Call], spec: Any) -> list[Call]:
    """Put parameters in the place of the values that came from the specification."""

    def named(key: str, value: Any) -> Any:
        field = _PARAMETERS.get(key)
        if field and value == getattr(spec, field, None) and value not in ("", None):
            return Ref(field)
        return Ref("service_name") if key == "name" and value == spec.service_name else value

    return [replace(call, arguments={k: named(k, v) for k, v in call.arguments.items()}) for call in calls]


# ---- words ----------------------------------------------------------------------------------------------------------


def _outcome(run: SavedRun) -> str:
    failed = next((s for s in STAGES if run.records.get(s, {}).get("state") == StageState.FAILED), None)
    if failed is not None:
        return f"failed at {failed.label}"
    done = run.records.get(Stage.SCORE, {}).get("state") == StageState.DONE
    return "deployed and scored" if done else "not finished"


def _story(run: SavedRun) -> str:
    spec, when = run.spec, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(run.updated))
    place, name = inline(run.workspace.get("name", "")), inline(spec.service_name)
    where = f" in the workspace {place}" + (" (sandbox)" if run.workspace.get("sandbox") else "") if place else ""
    rows = "".join(_row(stage, run.records.get(stage, {})) for stage in STAGES)
    return (
        f"# {name or 'A service'}: {_outcome(run)}\n\n"
        f"{inline(spec.model_name) or 'A model'} as {name or 'a service'} on {spec.target}{where}, {when}. "
        "Written by amlwidgets; secrets are masked. To run it again, be in the folder of the files."
        f"\n\n| Stage | State | Time | |\n|---|---|---|---|\n{rows}"
    )


def _row(stage: Stage, record: dict[str, Any]) -> str:
    state, note = str(record.get("state", "waiting")), table_cell(record.get("note", ""))
    return f"| {_MARKS.get(state, ' ')} {stage.label} | {state} | {_time(record)} | {note} |\n"


def _stage_words(stage: Stage, record: dict[str, Any], log: str) -> str:
    parts = [f"## {stage.label}: {record.get('state', 'waiting')}{f', {_time(record)}' if _time(record) else ''}"]
    failed = [c for c in record.get("checks", []) if c.get("state") in ("fail", "warn")]
    parts += [f"* {inline(c['title'])}: {inline(c['detail'])} {inline(c.get('todo', ''))}".rstrip() for c in failed]
    findings = record.get("findings", [])
    parts += [finding_words(finding) for finding in findings[:_MOST]]
    if record.get("state") == "failed":
        parts.append(_excerpt(log, findings))
    if record.get("result"):
        parts.append(f"The service answered:\n\n{fenced(str(record['result'])[:600], 'text')}")
    return "\n\n".join(part for part in parts if part)


def _sources(report: Report) -> str:
    return inline(", ".join(report.sources)) or "no text"


def finding_words(finding: dict[str, Any]) -> str:
    """Return a finding as Markdown: what, why, proof, the best fix, and what does not help."""
    sure = f"`{finding['cause']}`, {finding['confidence']:.0%} sure. {inline(finding['why'])}"
    parts = [f"### {inline(finding['title'])}", sure]
    for evidence in finding.get("evidence", [])[:2]:
        where = f"{inline(evidence['source'])}, line {evidence['first_line']}:"
        parts.append(f"{where}\n\n{fenced(evidence['text'][:800], 'text')}")
    for fix in finding.get("fixes", [])[:1]:
        steps = "\n".join(f"1. {inline(step)}" for step in fix.get("steps", []))
        parts.append(f"**{inline(fix['title'])}**\n\n{steps}".rstrip())
        if fix.get("code"):
            parts.append(fenced(fix["code"], "python"))
    if finding.get("do_not"):
        parts.append(f"*{inline(finding['do_not'])}*")
    return "\n\n".join(parts)


def _excerpt(log: str, findings: list[dict[str, Any]]) -> str:
    """Return the log around the best evidence; its end where there is none."""
    lines = log.splitlines()
    if not lines:
        return ""
    proofs = [e["first_line"] - 1 for f in findings[:1] for e in f.get("evidence", [])]
    marks = [line for line in proofs if 0 <= line < len(lines)]
    first = max(0, marks[0] - _AROUND) if marks else max(0, len(lines) - _EXCERPT)
    shown = "\n".join(lines[first : first + _EXCERPT])
    return f"The log, from line {first + 1} of {len(lines)}:\n\n{fenced(shown, 'text')}"


def _fixes(run: SavedRun, applied: list[tuple[dict[str, Any], bool]]) -> str:
    if not applied:
        return ""
    read = [(_read(plain), undone) for plain, undone in applied]
    kept = [entry for fix, _ in read for entry in fix.files]
    parts = ["## Fixes that were applied"]
    for fix, undone in read:
        changed = ", ".join(f"{inline(n)}: {inline(repr(b))} → {inline(repr(a))}" for n, (b, a) in fix.settings.items())
        parts.append(f"* {inline(fix.title)}{' (taken back)' if undone else ''}{f': {changed}' if changed else ''}")
        parts += [fenced(diff, "diff") for diff in _diffs(fix, kept, Path(run.spec.folder))]
    return "\n\n".join(parts)


def _read(plain: dict[str, Any]) -> Applied:
    try:
        return Applied.from_dict(plain)
    except BadInput:
        return Applied(f"{plain.get('title') or 'A fix'}: the journal's record of it is spoiled")


def _diffs(fix: Applied, kept: list[dict[str, str]], folder: Path) -> list[str]:
    """Return what a fix changed, as far as it can still be told.

    Args:
        fix: The fix.
        kept: What the journal says of the files of every fix: a later one kept what this one wrote.
        folder: The working folder.
    """
    import difflib

    found = []
    for entry in fix.files:
        old, new = _backup(entry), _written(entry, kept, folder)
        if old is not None and new is not None:
            name = Path(str(entry.get("file"))).name
            found.append("\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="")))
    return [diff for diff in found if diff]


def _backup(entry: dict[str, str]) -> str | None:
    try:
        return backup_text(entry, home() / "backups")
    except BadInput:
        return None


def _written(entry: dict[str, str], kept: list[dict[str, str]], folder: Path) -> str | None:
    """Return what a fix wrote into a file; None where neither the file nor a later backup has it any more."""
    try:
        now = read_text(project_file(entry, folder))
    except (BadInput, OSError, ValueError):
        now = None
    later = (_backup(other) for other in kept if other.get("before") == entry.get("after"))
    return next((text for text in (now, *later) if text is not None and digest(text) == entry.get("after")), None)


def _next(run: SavedRun) -> str:
    failed = next((s for s in STAGES if run.records.get(s, {}).get("state") == StageState.FAILED), None)
    if failed is None:
        return ""
    others = [f"* If it was not that: {inline(f['title'])}" for f in run.records[failed].get("findings", [])[1:3]]
    first = "* Apply the fix above, then run the cells from the stage that it concerns."
    last = "* `%aml explain` after a cell that fails names the cause anew."
    return "\n".join(["## What to check next\n", first, *others, last])


def _seconds(record: dict[str, Any]) -> float:
    began, ended = float(record.get("started") or 0), float(record.get("ended") or 0)
    return round(ended - began, 2) if began and ended >= began else 0.0


def _time(record: dict[str, Any]) -> str:
    seconds = _seconds(record)
    return f"{seconds:.1f} s" if seconds else ""
