"""Running one more command in a container of processes: the same files, limits and view as its server has."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.sandbox.protocols import Executed
from amlwidgets.sandbox.run import environment, isolation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amlwidgets.sandbox.protocols import ContainerSpec
    from amlwidgets.sandbox.run.isolation import View

MOST_OUTPUT = 8 << 20


def execute(
    spec: ContainerSpec,
    view: View,
    command: Sequence[str],
    *,
    seconds: float,
    variables: Mapping[str, str],
    groups: Sequence[Path] = (),
) -> Executed:
    """Run a command; it is ended, with all that it started, after ``seconds``.

    Raises:
        OSError: It cannot be started.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=spec.root, prefix="exec-") as staging, tempfile.TemporaryFile() as output:
        task = isolation.launch(
            command, cwd=view.app_root, isolate=view.mode, staging=Path(staging), show=view.show, groups=groups,
            hostname=spec.name,
        )  # fmt: skip
        process = subprocess.Popen(
            task, env=environment.variables(spec, view) | dict(variables), cwd=spec.root, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        said = output.read(MOST_OUTPUT).decode("utf-8", "replace")
    return Executed(128 - code if code is not None and code < 0 else code, said, time.monotonic() - began)
