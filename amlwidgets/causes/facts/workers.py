"""Life of the scoring workers: gunicorn and the inference server, from the first start to the last exit."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from amlwidgets.causes.facts.base import Fact, Parser

if TYPE_CHECKING:
    from amlwidgets.causes.document import Document

_BOOT = "Booting worker with pid"
_EVENTS: tuple[tuple[str, str], ...] = (
    (_BOOT, "boot"),
    ("WORKER TIMEOUT", "timeout"),
    ("was sent SIGKILL", "killed"),
    ("was terminated due to signal 9", "killed"),
    ("was sent SIGABRT", "aborted"),
    ("exited with code", "exited"),
    ("Worker failed to boot", "failed_to_boot"),
    ("Initializing logger", "initializing"),
    ("Found user script at", "script_found"),
    ("Invoking user's init function", "init_started"),
    ("init has completed successfully", "init_done"),
    ("ready for serving traffic", "ready"),
    ("Handling signal: term", "stopped"),
    ("Worker exiting", "exiting"),
    ("Starting gunicorn", "server_start"),
)
_PROGRESS = ("boot", "initializing", "script_found", "init_started", "init_done", "ready")
_STAGE_AFTER = {
    "": "container", "boot": "import", "initializing": "import", "script_found": "import",
    "init_started": "init", "init_done": "run", "ready": "run",
}  # fmt: skip
_COUNT = re.compile(r"Worker Count: (\d{1,3})")
_CODE = re.compile(r"exited with code (\d{1,3})")
_PID = re.compile(r"pid[: ]+(\d{1,9})")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)")
_BETWEEN_STARTS = 2.0
"""Seconds: workers of one start are booted closer together than this; a replaced worker comes later."""


@dataclass
class _Life:
    counts: Counter[str] = field(default_factory=Counter)
    furthest: str = ""
    workers: int = 1
    code: str = ""
    boots: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    proofs: dict[str, int] = field(default_factory=dict)
    since_ready: int = 0


def parse(doc: Document) -> list[Fact]:
    """Count what happened to the workers and how far the best of them came."""
    life = _Life()
    for i, line in enumerate(doc.lines):
        for literal, event in _EVENTS:
            if literal in line.text:
                _note(life, event, i, line.text)
        if "Worker Count: " in line.text:
            match = _COUNT.search(line.text)
            life.workers = int(match[1]) if match else life.workers
    if not life.events:
        return []
    return [_fact(doc, life)]


def _note(life: _Life, event: str, i: int, text: str) -> None:
    life.counts[event] += 1
    life.events.append(i)
    life.proofs.setdefault(event, i)
    if event == "boot":
        life.boots.append(i)
        life.since_ready += 1
    if event in ("init_done", "ready"):
        life.since_ready = 0
    if event == "exited":
        match = _CODE.search(text)
        life.code = match[1] if match else life.code
    if event in _PROGRESS and _PROGRESS.index(event) > (_PROGRESS.index(life.furthest) if life.furthest else -1):
        life.furthest = event


def _fact(doc: Document, life: _Life) -> Fact:
    restarts = _restarts(doc, life)
    fields = {
        "boots": str(life.counts["boot"]),
        "restarts": str(restarts),
        "ready": str(max(life.counts["ready"], life.counts["init_done"])),
        "timeouts": str(life.counts["timeout"]),
        "killed": str(life.counts["killed"]),
        "exit_code": life.code,
        "failed_to_boot": "yes" if life.counts["failed_to_boot"] else "",
        "stage": _STAGE_AFTER[life.furthest],
        "workers": str(life.workers),
    }
    order = ("timeout", "killed", "failed_to_boot", "exited", "aborted")
    proof = next((life.proofs[e] for e in order if e in life.proofs), life.boots[-1] if life.boots else life.events[0])
    match = _PID.search(doc.lines[proof].text)
    fields["pid"] = match[1] if match else ""
    return Fact("workers", {k: v for k, v in fields.items() if v}, life.events[0], life.events[-1], proof)


def _restarts(doc: Document, life: _Life) -> int:
    """Boots that replaced a worker which never became ready (not those of the first start, nor of a clean restart)."""
    if life.since_ready <= life.workers:
        return 0
    boots = life.boots[-life.since_ready :]
    stamps = [_time(doc.lines[i].text) for i in boots]
    if None in stamps:
        return len(boots) - life.workers
    known = [s for s in stamps if s is not None]
    return sum((b - a).total_seconds() >= _BETWEEN_STARTS for a, b in pairwise(known))


def _time(text: str) -> datetime | None:
    match = _STAMP.search(text)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]} {match[2]}")
    except ValueError:
        return None


def phase_at(doc: Document, index: int) -> str:
    """Where the service was in its life when the line at ``index`` was written; empty when nothing tells."""
    for i in range(index, max(-1, index - 400), -1):
        text = doc.lines[i].text
        for literal, event in _EVENTS:
            if event in _PROGRESS and literal in text:
                return _STAGE_AFTER[event]
    return ""


PARSER = Parser("workers", tuple(literal for literal, _ in _EVENTS[:7]), parse)
