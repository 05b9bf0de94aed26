"""``amlwidgets runbook``: a run of the wizard as a notebook; and such a notebook run again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput, ServiceFailed
from amlwidgets.services import doors

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "journal", metavar="RUN", nargs="?", default="last",
        help="id of a run in the journal, or “last” (the default); a log or text file gives a runbook of its "
        "diagnosis; gallery:NAME provokes that failure first; with --run: a runbook",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="OUT.ipynb", help="where it is written (default: runbook-SERVICE.ipynb)"
    )
    parser.add_argument("--run", dest="again", action="store_true", help="run a runbook, and tell which stages differ")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Do what the options say; with ``--run`` the exit code is 1 when a stage ended otherwise than last time."""
    if options.again:
        return _again(options)
    path, _book = write(options.journal, options.output)
    print(json.dumps({"schema": 1, "runbook": str(path)}) if options.format == "json" else f"Written: {path}")
    return 0


GALLERY = "gallery:"
_WHAT = "Name a log, a run of the journal, or gallery:NAME."


def write(source: str, output: str | None = None) -> tuple[Path, Any]:
    """Write the runbook of a run (id, or ``last``), of the diagnosis of a file, or of a failure of the gallery.

    Returns:
        Its path and the notebook.

    Raises:
        BadInput: The path is no notebook's, or it cannot be written.
        ServiceFailed: There is no such run.
    """
    from amlwidgets.services import runbook

    book, name = _of(source)
    return runbook.save(book, Path(output or f"runbook-{name}.ipynb")), book


def last_run() -> float:
    """Return when the journal's last run was changed, in seconds since 1970; 0 when there is none."""
    from amlwidgets.services.journal import Journal

    journal = Journal()
    try:
        return journal.load(journal.newest()).updated
    except ServiceFailed:
        return 0.0
    finally:
        journal.close()


def _of(source: str) -> tuple[Any, str]:
    from amlwidgets.services import runbook
    from amlwidgets.services.journal import Journal

    path = Path(source)
    if source.startswith(GALLERY) and doors.gallery is not None:
        name = source.removeprefix(GALLERY)
        return doors.gallery(name), name
    if path.is_file():
        from amlwidgets.services.diagnose import diagnose

        return runbook.of_report(diagnose(path), f"Diagnosis of {path.name}"), path.stem
    if path.suffix or len(path.parts) != 1:
        raise BadInput(f"There is no file {source}, nor a run of that id.", code="runbook-what", todo=_WHAT)
    journal = Journal()
    try:
        saved = journal.load(journal.newest() if source == "last" else source)
        return runbook.of_run(saved, journal), saved.spec.service_name or "run"
    finally:
        journal.close()


def _again(options: argparse.Namespace) -> int:
    from amlwidgets.services import runbook_run

    path = Path(options.journal)
    if not path.is_file():
        raise BadInput(f"There is no file {path}.", code="runbook-read", todo="amlwidgets runbook --run FILE.ipynb")
    told = print if options.format == "text" else (lambda _words: None)
    book = runbook_run.load(path)
    if not runbook_run.stages(book):
        raise BadInput(f"{path} is the runbook of a diagnosis: nothing in it runs.", code="runbook-empty")
    results = runbook_run.run_again(book, path.resolve().parent, tell=told)
    if options.format == "json":
        print(json.dumps({"schema": 1, "stages": [asdict(r) | {"differs": r.differs} for r in results]}))
    else:
        print(runbook_run.table(results))
    return int(any(result.differs for result in results))
