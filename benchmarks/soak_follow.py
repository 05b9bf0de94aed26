"""Two hours of following a deployment, in simulated time: every look that the wizard takes, without its pauses.

Looked at is the process that follows, as a kernel does: its memory, threads, open files, and files of the journal.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

HOURS = 2.0
LOOKS = 5


def follow(folder: Path, hours: float = HOURS) -> list[str]:
    """Follow a service of a sandbox as long as it takes; returns what has grown."""
    import sandbox_support as support

    from amlwidgets.sandbox import client, world
    from amlwidgets.services import azureml

    folder.mkdir()
    (folder / "env.yml").write_text(support.CONDA)
    (folder / "score.py").write_text(support.GOOD_SCORE)
    (folder / "m.txt").write_text("forty-two")
    before, sandbox = Path.cwd(), support.start_sandbox(folder / "home")
    os.chdir(folder)
    os.environ["AMLWIDGETS_HOME"] = str(folder / "journal")
    try:
        world.switch_on(client.start(folder / "home")).workspace_config()
        return _follow(folder, int(hours * 3600 / azureml.POLL_SECONDS))
    finally:
        world.switch_off()
        os.chdir(before)
        sandbox.stop()


def _follow(folder: Path, rounds: int) -> list[str]:
    from amlwidgets.core.stages import Stage
    from amlwidgets.services.azureml import LogFollower, read_operation, service_log
    from amlwidgets.services.defaults import guess_spec
    from amlwidgets.services.deploy_run import DeployRun
    from amlwidgets.services.patience import Patience
    from benchmarks.soak import table

    spec = guess_spec(str(folder), model_path="m.txt", model_name="m", service_name="svc", sample='{"x": 1}')
    run = DeployRun(spec)
    run.start(Stage.PREFLIGHT, Stage.SCORE)
    assert run.wait(300), "the deployment did not end"
    assert run.failed_stage is None, run.records
    service = run.namespace["service"]
    log = LogFollower(lambda text: run._append(Stage.START, text))  # noqa: SLF001 - as the run does
    patience = Patience(lambda words: run._set(Stage.START, note=words), threading.Event())  # noqa: SLF001
    looks, began = [], time.monotonic()
    _warm(patience, service, log, rounds // 20)
    for step in range(LOOKS):
        looks.append(look(folder, step * rounds // (LOOKS - 1)))
        for _ in range(rounds // (LOOKS - 1) if step < LOOKS - 1 else 0):
            assert patience.ask(lambda: read_operation(service, 0)).state.ended
            log.update(patience.ask(lambda: service_log(service)))
    print(f"soak: {rounds} looks at a deployment in {time.monotonic() - began:.0f} s")
    return table(looks)


def _warm(patience: Any, service: Any, log: Any, rounds: int) -> None:
    from amlwidgets.services.azureml import read_operation, service_log

    for _ in range(rounds):
        patience.ask(lambda: read_operation(service, 0))
        log.update(patience.ask(lambda: service_log(service)))


def look(folder: Path, polls: int) -> Any:
    """Return what this process holds now."""
    import psutil

    from benchmarks.soak import Look

    own = psutil.Process()
    files = sum(1 for path in (folder / "journal").rglob("*") if path.is_file())
    kilobytes = sum(path.stat().st_size for path in (folder / "journal").rglob("*") if path.is_file()) / 1000
    return Look(polls, own.memory_info().rss / 1e6, own.num_fds(), own.num_threads(), files, kilobytes)
