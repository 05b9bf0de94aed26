"""What ``amlwidgets arm`` found, as text, JSON, SARIF 2.1.0 and annotations of GitHub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets._version import __version__
from amlwidgets.services.sarif import SCHEMA
from amlwidgets.vault.check import all_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amlwidgets.vault.checklist import Checked


def _json(found: Sequence[Checked]) -> None:
    documents = [
        {
            "template": one.name,
            "checks": [hit.to_dict() for hit in one.hits],
            "redeploy": one.redeploy.to_dict(),
            "undecided": [question.to_dict() for question in one.open],
        }
        for one in found
    ]
    # One template, as nearly always: its document alone.
    content = documents[0] if len(found) == 1 else {"templates": documents}
    print(json.dumps({"schema": 1, **content}, indent=2))


def _text(found: Sequence[Checked]) -> None:
    for one in found:
        redeploy = one.redeploy
        print(f"{one.name}: {redeploy.verdict}")
        for label, entries in (
            ("before", redeploy.before),
            ("after run 1", redeploy.after_run_1),
            ("after run 2", redeploy.after_run_2),
        ):
            print(f"  {label:<12}{', '.join(entries) or 'nobody'}")
        for hit in one.hits:
            print(f"\n{hit.severity:<7}{hit.id}  line {hit.line}  {hit.message}\n       {hit.fix}")
        for question in one.open:
            print(f"\nopen   {', '.join(question.checks)}  line {question.line}  {question.message}")
        print()


_GITHUB_LEVELS = {"high": "error", "medium": "warning"}


def _github(found: Sequence[Checked]) -> None:
    for one in found:
        for hit in one.hits:
            level = _GITHUB_LEVELS.get(hit.severity, "notice")
            print(_annotation(level, one.name, hit.line, hit.id, f"{hit.message} {hit.fix}"))
        for question in one.open:
            title = f"{', '.join(question.checks)} undecided"
            print(_annotation("notice", one.name, question.line, title, question.message))


def _annotation(level: str, file: str, line: int, title: str, words: str) -> str:
    """Return a workflow command; what would end it early is escaped as GitHub's own toolkit does."""
    return f"::{level} file={_property(file)},line={line},title={_property(title)}::{_data(words)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_SARIF_LEVELS = {"high": "error", "medium": "warning"}
_EVERY = "all"


def _sarif(found: Sequence[Checked]) -> None:
    rules = [
        {"id": check.id, "name": check.slug, "shortDescription": {"text": check.why}, "help": {"text": check.fix}}
        for check in all_checks()
    ]
    fired = [
        _result(hit.id, _SARIF_LEVELS.get(hit.severity, "note"), f"{hit.message} {hit.fix}", _place(one.name, hit.line))
        for one in found
        for hit in one.hits
    ]
    # SARIF has a kind for a rule that was looked at and could not be decided.
    undecided = [
        _result(check, "none", question.message, _place(one.name, question.line)) | {"kind": "open"}
        for one in found
        for question in one.open
        for check in question.checks
        if check != _EVERY
    ]
    unread = [
        {"level": "warning", "message": {"text": question.message}, "locations": [_place(one.name, question.line)]}
        for one in found
        for question in one.open
        if _EVERY in question.checks
    ]
    run = {
        "tool": {"driver": {"name": "amlwidgets", "version": __version__, "rules": rules}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": unread}],
        "results": fired + undecided,
    }
    print(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}))


def _result(rule: str, level: str, words: str, place: dict[str, Any]) -> dict[str, Any]:
    return {"ruleId": rule, "level": level, "message": {"text": words}, "locations": [place]}


def _place(name: str, line: int) -> dict[str, Any]:
    where = {"artifactLocation": {"uri": Path(name).as_posix()}, "region": {"startLine": line}}
    return {"physicalLocation": where}


FORMATS: dict[str, Callable[[Sequence[Checked]], None]] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
}
"""How it can be printed."""
