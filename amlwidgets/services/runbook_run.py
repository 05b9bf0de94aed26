"""Running a runbook again, and telling which stages ended otherwise than last time."""

from __future__ import annotations

import copy
import os
import re
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.errors import BadInput, NotInstalled, ServiceFailed
from amlwidgets.services.runbook import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LONGEST_PLACE = 77
"""Bytes. Names of sockets are bounded (103 bytes on macOS, 107 on Linux); what lies in there takes up to 26 of them."""

_SHORT_PLACE = "/tmp"  # noqa: S108 - a folder 0700 of our own is made there

_ON_PORTS = (
    "The folder for temporary files has too long a name for sockets: the runbook's kernel uses ports of this machine, "
    "which its other users reach. Set TMPDIR to a folder with a short name.\n"
)


@dataclass(frozen=True, slots=True)
class StageResult:
    """One stage, last time and now.

    Attributes:
        stage: Its name.
        before: State in the runbook: ``done``, ``failed`` or ``waiting``.
        now: ``done``, ``failed``, or ``not reached``.
        seconds_before: Time in the runbook.
        seconds: Time now.
        error: Last line of the exception, when it failed now.
    """

    stage: str
    before: str
    now: str
    seconds_before: float
    seconds: float
    error: str = ""

    @property
    def differs(self) -> bool:
        """Whether it ended otherwise; a stage that was never reached before has nothing to differ from."""
        return self.before in ("done", "failed") and self.now != self.before


def load(path: Path) -> Any:
    """Read a runbook.

    Raises:
        BadInput: It is no notebook, or not one of ours.
    """
    import nbformat

    try:
        book = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise BadInput(f"{path} is no notebook that can be read.", code="runbook-read") from error
    if KEY not in book.metadata:
        raise BadInput(f"{path} is no runbook of amlwidgets.", code="runbook-kind")
    if not all(_is_mark(cell.metadata[KEY]) for cell in book.cells if KEY in cell.metadata):
        raise BadInput(f"{path} says of a stage what no runbook says.", code="runbook-kind", todo="Write it anew.")
    return book


def _is_mark(found: Any) -> bool:
    """Whether it is what a runbook keeps of a stage: the words are shown in a terminal."""
    if not isinstance(found, dict) or not isinstance(found.get("seconds"), int | float):
        return False
    return all(re.fullmatch(r"[a-z_]{1,40}", str(found.get(name))) for name in ("stage", "state"))


def stages(book: Any) -> list[str]:
    """Return the stages that a runbook runs."""
    return [cell.metadata[KEY]["stage"] for cell in book.cells if cell.cell_type == "code" and KEY in cell.metadata]


def run_again(
    book: Any, folder: Path, *, tell: Callable[[str], None] = lambda _words: None, seconds: float = 3600
) -> list[StageResult]:
    """Run the code cells of a runbook in a fresh kernel; a failing stage ends the run.

    Args:
        book: The runbook; its outputs are not changed.
        folder: Where the files of the deployment are.
        tell: Told each stage as it begins.
        seconds: Time limit of one cell.

    Raises:
        NotInstalled: There is no Jupyter client here.
        ServiceFailed: The kernel ends, or a cell that is no stage fails.
    """
    try:
        from nbclient import NotebookClient
        from nbclient.exceptions import DeadKernelError
    except ImportError as problem:
        raise NotInstalled(
            "nbclient is not installed here.", code="no-nbclient", todo="pip install nbclient"
        ) from problem
    again = copy.deepcopy(book)
    for cell in again.cells:
        cell.metadata.pop("tags", None)  # “raises-exception” would hide what is looked for
    place = {"metadata": {"path": str(folder)}}
    results: list[StageResult] = []
    try:
        with _own_sockets() as config:
            client = NotebookClient(again, timeout=seconds, kernel_name="python3", resources=place, config=config)
            with client.setup_kernel():
                for number, cell in enumerate(again.cells):
                    if cell.cell_type == "code":
                        _one(client, cell, number, results, tell)
    except DeadKernelError as problem:
        raise ServiceFailed("The kernel ended while it ran the runbook.", code="kernel-dead") from problem
    return results


@contextmanager
def _own_sockets() -> Iterator[Any]:
    """Give the configuration of a kernel whose sockets are files in a folder of the user's own.

    On ports of this machine whoever else uses it could read along; they are used only where no folder's name is short
    enough, and that is said.
    """
    from traitlets.config import Config

    config, place = Config(), _place_of_sockets()
    if place is None:
        sys.stderr.write(_ON_PORTS)
        yield config
        return
    with tempfile.TemporaryDirectory(prefix="aml-", dir=place, ignore_cleanup_errors=True) as folder:
        config.KernelManager.transport = "ipc"
        config.KernelManager.ip = f"{folder}/k"
        yield config


def _place_of_sockets() -> str | None:
    """Return a folder in which the names of sockets are short enough, in bytes; None where there is none."""
    places = (tempfile.gettempdir(), _SHORT_PLACE)
    return next((p for p in places if len(os.fsencode(p)) <= _LONGEST_PLACE and os.access(p, os.W_OK | os.X_OK)), None)


def _one(client: Any, cell: Any, number: int, results: list[StageResult], tell: Callable[[str], None]) -> None:
    """Run one cell; a stage adds its result, and nothing runs after one that failed."""
    from nbclient.exceptions import CellExecutionError

    marks = cell.metadata.get(KEY)
    if any(result.now != "done" for result in results):
        if marks:
            results.append(StageResult(marks["stage"], marks["state"], "not reached", marks["seconds"], 0.0))
        return
    if marks:
        tell(f"{marks['stage'].capitalize()} …")
    began, said = time.monotonic(), ""
    try:
        client.execute_cell(cell, number)
    except CellExecutionError as problem:
        said = _last(problem)
        if not marks:
            raise ServiceFailed(f"Before the first stage: {said}", code="runbook-opening") from problem
    if marks:
        took, state = time.monotonic() - began, "failed" if said else "done"
        results.append(StageResult(marks["stage"], marks["state"], state, marks["seconds"], took, said))


def _last(problem: Any) -> str:
    """Return what an exception says, in one line: azureml-core's begin with lines that say nothing."""
    lines = [line.strip().removeprefix("Message:").strip() for line in str(problem.evalue).splitlines()]
    telling = [line for line in lines if line and not line.endswith(("Exception:", "Error:"))]
    return mask(f"{problem.ename}: {telling[0] if telling else 'no message'}")[:300]


def table(results: list[StageResult]) -> str:
    """Return the comparison as text."""
    rows = [["stage", "before", "now", ""]]
    for r in results:
        times = f"{r.seconds_before:.1f} s → {r.seconds:.1f} s" if r.seconds else ""
        said = " ".join(part for part in ("differs:" if r.differs else "", r.error, times) if part)
        rows.append([r.stage, r.before, r.now, said])
    widths = [max(len(row[i]) for row in rows) for i in range(3)] + [0]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)
