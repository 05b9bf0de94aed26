"""Writes the pages that are generated from the code: cli.md, magics.md and settings.md; ``python docs/make_reference.py``.

``tests/product/test_docs.py`` checks that they are current, and that no setting of the code is missing.
"""

from __future__ import annotations

import argparse
import html
import importlib
import os
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets import cli
from amlwidgets.capacity.settings import schema
from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.core.stages import Generation, Target
from amlwidgets.magics import HELP

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parent
VARIABLES = {
    "AMLWIDGETS_HOME": "Folder of the journal and of the backups. Default: `amlwidgets` in your data folder.",
    "AMLWIDGETS_SANDBOX_HOME": "State folder of the sandbox. Default: `amlwidgets/sandbox` in your data folder.",
    "AMLWIDGETS_BASE_IMAGE": "A public image that Docker builds stand on, instead of one that is made here.",
    "AMLWIDGETS_SANDBOX": "Set by the sandbox while a process is in its world; not for you to set.",
    "AMLWIDGETS_SANDBOX_WORKSPACE": "Set by the sandbox: its own workspace; not for you to set.",
    "AMLWIDGETS_SANDBOX_BEFORE": "Set by the sandbox: what `%aml sandbox off` restores; not for you to set.",
}
"""Every environment variable of ours."""

_WRITTEN = "<!-- Written by `python docs/make_reference.py`. -->\n"
_ENTRY = re.compile(r"^(%aml\S*(?: \S+)*) {2,}(.*)$")


def pages() -> dict[str, str]:
    """Return each page by its name."""
    return {"cli.md": command_line(), "magics.md": magics(), "settings.md": settings()}


# -- the command line


def command_line() -> str:
    """Return the page of the commands: what ``--help`` prints, for each."""
    parts = [
        (
            f"{_WRITTEN}\n# Command line\n\nExit codes: 0 nothing found (or done), 1 findings or a failure, 2 wrong usage "
            "or unreadable input. `python -m amlwidgets` is the same program."
        )
    ]
    os.environ["COLUMNS"] = "100"
    for name, (module, _words) in cli._COMMANDS.items():
        parser = argparse.ArgumentParser(prog=f"amlwidgets {name}", add_help=False)
        importlib.import_module(module).configure(parser)
        parts += [_help(p, level) for p, level in _parsers(parser, 2)]
    return "\n\n".join(parts) + "\n"


def _parsers(parser: argparse.ArgumentParser, level: int) -> Iterator[tuple[argparse.ArgumentParser, int]]:
    yield parser, level
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in dict.fromkeys(action.choices.values()):
                yield from _parsers(sub, level + 1)


def _help(parser: argparse.ArgumentParser, level: int) -> str:
    home = str(Path.home())
    return f"{'#' * level} {parser.prog}\n\n```text\n{parser.format_help().replace(home, '~').rstrip()}\n```"


# -- the magics


def magics() -> str:
    """Return the page of ``%aml``."""
    entries: list[list[str]] = []
    for line in HELP.splitlines():
        found = _ENTRY.match(line)
        if found:
            entries.append([found[1], found[2]])
        elif line.startswith("%aml"):
            entries.append([line, ""])
        else:
            entries[-1][1] += f" {line.strip()}"
    rows = "\n".join(f"| {_code(name)} | {words.strip()} |" for name, words in entries)
    return (
        f"{_WRITTEN}\n# The magic\n\n`%load_ext amlwidgets` adds it, and loads nothing heavy. "
        "A name stands for a variable of yours, a file, or a web service of the workspace, in this order. "
        f"`ws` is your workspace, if you have a variable of that name.\n\n| say | get |\n|---|---|\n{rows}\n"
    )


def _code(text: str) -> str:
    """Return code for a cell of a table, where GitHub and the site disagree about how a bar is written in backticks."""
    bar = html.escape(text, quote=False).replace("|", "&#124;")
    return f"<code>{bar}</code>" if "|" in text else f"`{text}`"


# -- the settings


def settings() -> str:
    """Return the page of everything that can be set."""
    return (
        "\n\n".join(
            [
                f"{_WRITTEN}\n# Settings",
                (
                    "## Of the wizard\n\n`DeployWizard(name=value)` or `%aml wizard name=value`; what is left out is guessed "
                    "from the files of the working folder."
                ),
                _table(("name", "default", "stage", "what"), _of_wizard()),
                (
                    "## Of the replica calculator\n\n`ReplicaCalculator(name=value)`, `%aml replicas name=value`, or "
                    "`amlwidgets.capacity.Settings`."
                ),
                _table(("name", "default", "unit", "what"), _of_calculator()),
                "## Environment variables",
                _table(("variable", "what"), [(f"`{name}`", words) for name, words in VARIABLES.items()]),
                (
                    "## Silencing a cause\n\n"
                    "`# amlwidgets: ignore SLUG` in the entry script, `--ignore SLUG` on the command line, or in `pyproject.toml`:\n\n"
                    '```toml\n[tool.amlwidgets]\nignore = ["worker-timeout"]\n```'
                ),
            ]
        )
        + "\n"
    )


def _of_wizard() -> list[tuple[str, ...]]:
    choices = {"target": Target, "generation": Generation}
    plain = [f for f in fields(DeploymentSpec) if f.name in choices]
    return [
        (f"`{f.name}`", f"`{f.default!r}`", "", ", ".join(f"`{choice}`" for choice in choices[f.name])) for f in plain
    ] + [
        (
            f"`{f.name}`",
            f"`{f.default!r}`",
            str(f.metadata["stage"].label),
            f"{f.metadata['label']}. {f.metadata['help']}",
        )
        for f in fields(DeploymentSpec)
        if "label" in f.metadata
    ]


def _of_calculator() -> list[tuple[str, ...]]:
    return [(f"`{s['name']}`", f"`{s['default']!r}`", str(s.get("unit", "")), _meaning(s)) for s in schema()]


def _meaning(setting: dict[str, Any]) -> str:
    choices = ", ".join(f"`{choice}`" for choice in setting.get("choices", ()))
    return f"{setting['label']}. {setting.get('help', '')}{choices}".strip()


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
