"""``amlwidgets diagnose [FILE|-|DIR]...``: name the cause of a failure in logs, for terminals and pipelines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from amlwidgets.core.findings import HINT_BELOW, Finding, Report
from amlwidgets.errors import BadInput
from amlwidgets.services.diagnose import diagnose_sources
from amlwidgets.services.log_files import LogChunks
from amlwidgets.services.silence import configured
from amlwidgets.services.sources import Source, read

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

MOST_FILES = 10_000
_SKIPPED = {".git", "__pycache__", "node_modules", ".ipynb_checkpoints", ".venv"}


class _Input(NamedTuple):
    name: str
    report: Report
    unreadable: str = ""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount the command on a parser of commands."""
    words = "name the cause of a failure in logs or error texts"
    configure(subparsers.add_parser("diagnose", help=words, description=words))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        default=["-"],
        help="log or error text; - is standard input; a folder is read whole",
    )
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text")
    parser.add_argument(
        "--fail-on",
        type=_fraction,
        default=HINT_BELOW,
        metavar="CONFIDENCE",
        help="exit with 1 for findings this certain (0 to 1; default 0.5)",
    )
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="SLUG", help="silence a cause; may be given several times"
    )
    parser.add_argument(
        "--together",
        action="store_true",
        help="all inputs belong to one failure: one report, as for error, log and build log",
    )
    parser.set_defaults(run=run)


def _fraction(text: str) -> float:
    import argparse

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def run(options: argparse.Namespace) -> int:
    """Diagnose every input and print; 1 when a finding is at least as certain as ``--fail-on``.

    One input that cannot be read is told and does not keep the others from being read; the exit code is then 2.
    """
    ignore = [*configured(Path.cwd()), *_known(slug.strip() for given in options.ignore for slug in given.split(","))]
    sources = _sources(options.files)
    groups = [sources] if options.together else [[source] for source in sources]
    inputs = [_diagnosed(group, ignore) for group in groups]
    if options.format == "json":
        print(json.dumps(as_json(inputs), indent=2))
    elif options.format == "sarif":
        from amlwidgets.services.sarif import sarif

        print(json.dumps(sarif([f for i in inputs for f in i.report.findings]), indent=2))
    else:
        _print(inputs, table=any(name != "-" and Path(name).is_dir() for name in options.files))
    for item in inputs:
        if item.unreadable:
            print(f"amlwidgets: {item.unreadable}", file=sys.stderr)
    if any(item.unreadable for item in inputs):
        return 2
    return int(any(f.confidence >= options.fail_on for i in inputs for f in i.report.findings))


def _diagnosed(sources: list[Source], ignore: list[str]) -> _Input:
    name = ", ".join(source.name for source in sources)
    try:
        return _Input(name, diagnose_sources(sources, ignore=ignore))
    except BadInput as error:
        return _Input(name, Report((), (name,)), str(error))


def _known(slugs: Iterable[str]) -> list[str]:
    """Return the slugs; one that is mistyped would silence nothing, and nobody would notice."""
    import difflib

    from amlwidgets.causes import catalogue

    given, taxonomy = [slug for slug in slugs if slug], catalogue().taxonomy
    for slug in given:
        if slug not in taxonomy:
            near = difflib.get_close_matches(slug, taxonomy, 1)
            todo = f"Did you mean {near[0]}?" if near else "The page of causes lists all names."
            raise BadInput(f"No cause is named {slug!r}.", code="cause-unknown", todo=todo)
    return given


def as_json(inputs: list[_Input]) -> dict[str, Any]:
    """Return the JSON form (DESIGN section 4)."""
    return {"schema": 1, "inputs": [_json_input(i) for i in inputs]}


def _json_input(item: _Input) -> dict[str, Any]:
    findings = [f.to_dict() for f in item.report.findings]
    silenced = {"silenced": list(item.report.silenced)} if item.report.silenced else {}
    unreadable = {"error": item.unreadable} if item.unreadable else {}
    return {"source": item.name, "findings": findings, **silenced, **unreadable}


def _sources(names: list[str]) -> list[Source]:
    found: list[Source] = []
    for name in names:
        if name == "-":
            found.append(Source("standard input", _standard_input()))
        elif Path(name).is_dir():
            found += [_file(path, str(path)) for path in _files(Path(name))]
        else:
            found.append(_file(Path(name), name))
    return found


def _standard_input() -> LogChunks:
    """Standard input can be gone through only once: its lines are counted on the way."""
    return LogChunks(lambda: sys.stdin.buffer, "standard input", once=True)


def _file(path: Path, name: str) -> Source:
    return read(path)[0]._replace(name=name)


def _files(folder: Path) -> list[Path]:
    """Files of a folder and the folders below, without hidden ones; sorted."""
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part in _SKIPPED or part.startswith(".") for part in parts):
            found.append(path)
        if len(found) > MOST_FILES:
            raise BadInput(
                f"{folder} holds more than {MOST_FILES} files.", code="too-many-files", todo="Name the log files."
            )
    if not found:
        raise BadInput(f"{folder} holds no files.", code="folder-empty")
    return found


def _print(inputs: list[_Input], *, table: bool) -> None:
    for item in inputs:
        if item.unreadable or (table and not item.report.findings):
            continue
        if len(inputs) > 1:
            print(f"== {item.name}")
        print(item.report, end="\n\n" if len(inputs) > 1 else "\n")
    if table:
        _print_table(inputs)


def _print_table(inputs: list[_Input]) -> None:
    width = max(len(i.name) for i in inputs)
    print(f"{'file':<{width}}  cause")
    for item in inputs:
        print(f"{item.name:<{width}}  {'(unreadable)' if item.unreadable else _summary(item.report.top)}")


def _summary(top: Finding | None) -> str:
    if top is None:
        return "-"
    return f"{top.cause} ({'hint' if top.is_hint else f'{top.confidence:.0%}'})"
