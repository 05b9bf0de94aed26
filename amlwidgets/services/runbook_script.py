"""Runbooks of scripts: one that failed, with its files and its diagnosis, to run again in the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.core.report_text import not_explained
from amlwidgets.services.runbook import KEY, code_cell, finding_words, markdown_cell, notebook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlwidgets.core.findings import Report

_MOST = 4

_PLACE = """\
import os
import tempfile
from pathlib import Path

%load_ext amlwidgets

place = Path(folder or tempfile.mkdtemp(prefix="runbook-"))
os.chdir(place)
%aml sandbox on
"""


def of_script(
    report: Report, script: str, files: Mapping[str, str], *, title: str, story: str, stage: str, seconds: float
) -> Any:
    """Return the notebook of a script that failed in the sandbox.

    Args:
        report: The diagnosis of its failure.
        script: Its code.
        files: Files that it works with, by name; the notebook writes them.
        title: Heading.
        story: What happens, in a sentence or two.
        stage: Where it fails.
        seconds: How long it took until it failed.

    Returns:
        An ``nbformat`` notebook, without outputs and without secrets; its script is marked as a stage that failed.
    """
    parameters = code_cell('folder = ""   # where the files are written; empty: a new temporary folder')
    parameters.metadata["tags"] = ["parameters"]
    failing = code_cell(script)
    failing.metadata[KEY] = {"stage": stage, "state": "failed", "seconds": round(seconds, 2)}
    failing.metadata["tags"] = [f"stage-{stage}", "raises-exception"]
    cells = [
        markdown_cell(f"# {title}\n\n{story} Written by amlwidgets; secrets are masked."),
        parameters,
        code_cell(_PLACE),
        *(code_cell(_file(name, text)) for name, text in files.items()),
        markdown_cell(f"## {stage.capitalize()}: failed, {seconds:.1f} s"),
        failing,
        *(markdown_cell(finding_words(finding.to_dict())) for finding in report.findings[:_MOST]),
        markdown_cell(_after(report)),
    ]
    return notebook(cells, title)


def _file(name: str, text: str) -> str:
    """Return the code that writes a file as it was; a magic could not hold what begins with a percent sign."""
    lines = "\n".join(f"    {line!r}" for line in mask(text).splitlines(keepends=True)) or "    ''"
    return f'path = place / "{name}"\npath.parent.mkdir(parents=True, exist_ok=True)\npath.write_text(\n{lines}\n);'


def _after(report: Report) -> str:
    if report.top is None:
        return not_explained(report)
    return (
        "## What to check next\n\nMend the file or the code above as the finding says and run the cells again, or let\n"
        "`amlwidgets runbook --run FILE` do it: it tells which stages end otherwise."
    )
