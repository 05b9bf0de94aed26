"""Image builds: the steps of Docker, BuildKit, pip, conda and uv, and which of them failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amlwidgets.causes.facts.base import Fact, Parser

if TYPE_CHECKING:
    from amlwidgets.causes.document import Document
    from amlwidgets.causes.lines import Line

_STEP = re.compile(r"(?:^|\s)Step (\d{1,3})/(\d{1,3}) ?: (.{1,600})")
_KIT_STEP = re.compile(r"\[(?:[\w.-]{1,40} )?(\d{1,3})/(\d{1,3})\] (RUN|COPY|ADD|FROM|WORKDIR) (.{1,600})")
_ENDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("returned a non-zero code", re.compile(r"The command '?(.{1,600}?)'? returned a non-zero code: (\d{1,3})")),
    (
        "did not complete successfully",
        re.compile(r'process "(.{1,600}?)" did not complete successfully: exit code: (\d{1,3})'),
    ),
    ("failed to run step ID", re.compile(r"failed to run step ID: (\S{1,80}): exit status (\d{1,3})")),
    ("Container failed during run", re.compile(r"Container failed during run: ([^\s.]{1,80})()")),
    ("Run ID: ", re.compile(r"Run ID: (\w{1,40}) failed after ()")),
    ("failed with exit code", re.compile(r"[Bb]uild.{0,80} failed with exit code[: ]+()(\d{1,3})")),
)
_FIRST_BAD = re.compile(
    r"^(?:.{0,60}?\s)?(ERROR: (?!process|failed to (?:solve|run)|executor).{1,400}"
    r"|(?:\w{1,40}\.)?\w{1,60}(?:Error|Exception|NotFound): .{1,400}"
    r"|E: .{1,300}|.{0,200}: (?:command not found|not found)$|fatal: .{1,300})"
)

SHOWN = 120
"""Characters of a command that fit on a card's line."""


def parse(doc: Document) -> list[Fact]:
    """Find the step at which a build ended, and the first complaint inside that step."""
    step, total, command, began = "", "", "", 0
    facts: list[Fact] = []
    for i, line in enumerate(doc.lines):
        found = _STEP.search(line.text) or _KIT_STEP.search(line.text)
        if found:
            step, total, began = found[1], found[2], i
            command = " ".join(g for g in found.groups()[2:] if g).strip()
        ended = _end(line.text)
        if ended:
            what, code = ended
            fields = {
                "step": step, "steps": total, "exit_code": code,
                "command": _short(command or what), "complaint": _complaint(doc.lines, began, i),
            }  # fmt: skip
            facts.append(Fact("build", {k: v for k, v in fields.items() if v}, began, i, i))
    return facts


def _end(text: str) -> tuple[str, str] | None:
    for literal, pattern in _ENDS:
        if literal in text:
            match = pattern.search(text)
            if match:
                return match[1], match[2]
    return None


def _complaint(lines: list[Line], began: int, end: int) -> str:
    for line in lines[max(began, end - 400) : end]:
        match = _FIRST_BAD.match(line.text)
        if match:
            return match[1].strip()[:300]
    return ""


def _short(command: str) -> str:
    return command if len(command) <= SHOWN else command[: SHOWN - 1] + "…"


PARSER = Parser("build", tuple(literal for literal, _ in _ENDS), parse)
