"""Where in a log a stage of the deployment begins."""

from __future__ import annotations

from typing import NamedTuple

from amlwidgets.core.ansi import plain_bytes
from amlwidgets.core.bytefind import holds
from amlwidgets.core.stages import Stage

# Words of docker build, conda and pip; of scheduler and kubelet; of gunicorn and the inference server; of requests.
_SIGNS = (
    (
        Stage.IMAGE,
        (
            b"Sending build context", b"Step 1/", b"conda env create", b"Solving environment", b"Successfully built ",
        ),
    ),
    (
        Stage.SCHEDULE,
        (
            b"FailedScheduling", b"nodes are available", b"Successfully assigned", b"Pulling image ",
        ),
    ),
    (
        Stage.START,
        (
            b"Starting gunicorn", b"Booting worker", b"Starting AzureML Inference Server", b"Initializing logger",
            b"Azure ML Inferencing HTTP server", b"Server Settings", b"Invoking user's init",
        ),
    ),
    (Stage.SCORE, (b"POST /score", b"GET /score", b"Scoring request")),
)  # fmt: skip
MOST = 500
"""Beginnings that are kept: a service that restarts for days has more than anybody wants to see."""


class Begin(NamedTuple):
    """A stage begins in a line, counted from 0."""

    line: int
    stage: Stage


class Stages:
    """Finds the lines in which another stage begins; a worker that boots again begins the start anew."""

    def __init__(self) -> None:
        self.begins: list[Begin] = []
        self._line = 0

    def feed(self, block: bytes) -> None:
        """Look at the next lines."""
        text = plain_bytes(block)
        at = counted = 0
        line = self._line
        found: dict[bytes, int] = {}
        while len(self.begins) < MOST:
            now = self.begins[-1].stage if self.begins else None
            at, stage = min(
                (_next(text, sign, at, found), stage) for stage, signs in _SIGNS if stage is not now for sign in signs
            )
            if at >= len(text):
                break
            line += text.count(b"\n", counted, at)
            counted = at
            self.begins.append(Begin(line, stage))
        self._line += block.count(b"\n")

    def at(self, line: int) -> Stage | None:
        """Return the stage that a line belongs to; None before the first sign of any."""
        before = [begin.stage for begin in self.begins if begin.line <= line]
        return before[-1] if before else None


def _next(text: bytes, sign: bytes, start: int, found: dict[bytes, int]) -> int:
    """Return where a sign comes next; its length where it does not, every place looked for once."""
    if found.get(sign, -1) < start:
        at = text.find(sign, start) if start or holds(text, sign) else -1
        found[sign] = at if at >= 0 else len(text)
    return found[sign]
