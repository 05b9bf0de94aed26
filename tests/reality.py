"""The sandbox's router with real inference servers under a recorded trace, beside the simulator: for tests and benchmarks.

The servers are processes of the real inference server; ``run()`` sleeps as long as the request says, so that the work is
known and two cores suffice. Times of service and start that the simulator gets are measured in the same run.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

import numpy as np
from sandbox_support import clean_environment

from amlwidgets.capacity import Autoscale, Scenario, simulate
from amlwidgets.capacity.traffic import Rate, draw
from amlwidgets.sandbox.router.autoscaler import Rule
from amlwidgets.sandbox.router.front import Settings
from amlwidgets.sandbox.router.server import Router

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlwidgets.capacity import Result

ADDRESS, NAME = "203.0.113.7", "real"
SCRIPT = """\
import json, os, time
def init():
    while not os.path.exists(os.environ["LOADED"]):
        time.sleep(0.01)
def run(data):
    time.sleep(json.loads(data)["sleep"])
    return "done"
"""
TRACES = {
    # Moments and requests per second between them.
    "steady": Rate((0.0, 40.0), (6.0, 6.0)),
    "step": Rate((0.0, 10.0, 10.001, 40.0), (3.0, 3.0, 12.0, 12.0)),
    "spike": Rate((0.0, 10.0, 10.001, 18.0, 18.001, 40.0), (3.0, 3.0, 14.0, 14.0, 3.0, 3.0)),
    "mixed": Rate((0.0, 8.0, 8.001, 16.0, 16.001, 21.0, 21.001, 32.0), (3.0, 3.0, 8.0, 8.0, 18.0, 18.0, 4.0, 4.0)),
}
SEEDS = {"steady": 51, "step": 0, "spike": 57, "mixed": 1}
"""Draws whose outcome does not hang on milliseconds (``own_spread``): where one request more or less is seen at a look,
so small a service has other replicas for six seconds, and two runs of the same router differ as much."""
RULE = Rule(minimum=2, maximum=8, target=0.7, refresh_seconds=1.0, down_after_seconds=6.0)
SPARE, TENTH = 4, 0.1
"""Servers beyond the maximum, for those that start after others were removed; seconds between what is compared."""
MEAN_WORK, PROBES, LOAD_SECONDS = 0.35, 15, 3.0


class Fleet:
    """Replicas that the router's autoscaler asks for: real servers whose ``init()`` loads for three seconds.

    All processes are booted before the trace, and wait in ``init()``: a machine with two cores that boots Python beside
    the trace would measure its own load. A start is timed from the autoscaler's wish to the server's first answer.
    """

    def __init__(self, folder: Path, rule: Rule) -> None:
        (folder / "score.py").write_text(SCRIPT)
        self._folder, self._rule, self._lock = folder, rule, threading.Lock()
        self._ready: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._booted = [self._boot(f"r{n}") for n in range(rule.maximum + SPARE)]
        self._starting = 0
        self._pool = ThreadPoolExecutor(32)
        self.start_seconds: list[float] = []
        self.changes: list[tuple[float, int]] = []
        self.router = Router()
        self.router.add(ADDRESS, Settings(NAME), lambda _: None)
        for _, port in self._booted:
            _wait_for(lambda port=port: _listens(port), "a server to boot")
        for _ in range(rule.minimum):
            self._start(0.0)
        self.start_seconds.clear()  # those that nobody waited for

    def _boot(self, name: str) -> tuple[str, int]:
        port = _free_port()
        command = [str(Path(sys.executable).with_name("azmlinfsrv")), "--entry_script", "score.py", "--port", str(port)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        environment = clean_environment(LOADED=str(self._folder / name))
        self._processes[name] = subprocess.Popen(command, cwd=self._folder, env=environment, **quiet)
        return name, port

    def scaled(self) -> None:
        """Let the autoscaler work from now on."""
        self.router.add(ADDRESS, Settings(NAME, rule=self._rule), lambda want: self._pool.submit(self._scale, want))

    def _scale(self, want: int) -> None:
        with self._lock:
            missing = want - len(self._ready) - self._starting
            self._starting += max(missing, 0)
            gone = [self._ready.pop(name) and name for name in list(self._ready)[: max(-missing, 0)]]
            self._tell()
        for _ in range(missing):
            self._pool.submit(self._start, LOAD_SECONDS, counted=True)
        for name in gone:
            self.router.drain(ADDRESS, NAME, name, 10)
            self._end(self._processes[name])

    def _start(self, load_seconds: float, *, counted: bool = False) -> None:
        began = time.monotonic()
        with self._lock:
            name, port = self._booted.pop(0)
        threading.Event().wait(load_seconds)
        (self._folder / name).touch()
        _wait_for(lambda: _answers(port), "a server to answer")
        with self._lock:
            self.start_seconds.append(time.monotonic() - began)
            self._ready[name] = port
            self._starting -= counted
            self._tell()

    def _tell(self) -> None:
        self.router.set_replicas(ADDRESS, NAME, dict(self._ready), self._starting)
        self.changes.append((time.time(), len(self._ready)))

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        import os
        import signal

        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # the group that was started here
            process.wait(10)

    def close(self) -> None:
        """End every server and the router."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for process in self._processes.values():
            self._end(process)
        self.router.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.01)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@dataclass(frozen=True)
class Outcome:
    """One trace: what the router did, and what the simulator says."""

    name: str
    sent: list[float]
    status: list[int]
    ready: list[int]
    model_status: list[int]
    model_ready: list[int]
    service_seconds: float
    start_seconds: float
    late: float
    """Seconds that requests were sent late and looks came late, 95th percentile: how busy the machine was."""

    @property
    def refused(self) -> tuple[float, float]:
        """Share of 503, real and predicted."""
        return self.status.count(503) / len(self.status), self.model_status.count(503) / len(self.model_status)

    @property
    def close(self) -> float:
        """Share of the time in which the number of ready replicas differs by one at most."""
        return float(np.mean([abs(a - b) <= 1 for a, b in zip(self.ready, self.model_ready, strict=True)]))


def run_trace(name: str, folder: Path, rule: Rule) -> Outcome:
    """Play one trace against a fresh fleet and simulate the same."""
    fleet = Fleet(folder, rule)
    try:
        arrivals, work = drawn(name, SEEDS[name])
        probes = _apart(_play(fleet.router.port, [0.0] * PROBES, [0.1] * PROBES, one_by_one=True))
        overhead = median(seconds - 0.1 for _, seconds, _ in probes)
        fleet.scaled()
        begin = _next_look(fleet)
        answers = _apart(_play(fleet.router.port, arrivals, work, begin=begin))
        history = (fleet.router.snapshot(ADDRESS, NAME) or {})["history"]
        starts = mean(fleet.start_seconds) if fleet.start_seconds else 2.0
    finally:
        fleet.close()
    sent = [at for at, _, _ in answers]
    lags = [*np.subtract(sent, arrivals), *(look["time"] - begin for look in history if look["time"] > begin)]
    lags = [lag if n < len(sent) else abs(lag - round(lag)) for n, lag in enumerate(lags)]
    found = modelled(sent, [one + overhead for one in work], rule, starts)
    end = TRACES[name].times[-1]
    ready, model_ready = ready_in(fleet.changes, begin, end), ready_in(found.changes, 0.0, end)
    status = [one for _, _, one in answers]
    late = float(np.quantile(lags, 0.95))
    return Outcome(name, sent, status, ready, list(found.status), model_ready, mean(work) + overhead, starts, late)


def drawn(name: str, seed: int) -> tuple[list[float], list[float]]:
    """Return when the requests of a trace come, and the seconds that each works."""
    arrivals = draw(TRACES[name], seed, 10_000).tolist()
    return arrivals, np.random.default_rng(seed).exponential(MEAN_WORK, len(arrivals)).clip(0.02, 2.0).tolist()


def modelled(sent: list[float], work: list[float], rule: Rule, starts: float) -> Result:
    """Simulate requests as they were sent."""
    scaler = Autoscale(
        min=rule.minimum, max=rule.maximum, target=rule.target, refresh_seconds=rule.refresh_seconds,
        down_after_seconds=rule.down_after_seconds, start_seconds=starts,
    )  # fmt: skip
    return simulate(Scenario(sent, work, scaler))


def ready_in(changes: Sequence[Sequence[float]], begin: float, end: float) -> list[int]:
    """Return the ready replicas at every tenth of a second, each between two looks or at the middle of a tenth.

    Starts and removals fall on whole seconds; who looks at just these sees one side of each, and the other side of the
    prediction's.
    """
    moments = [change[0] for change in changes]
    wanted = begin + np.arange(0.05, end, TENTH)
    return [int(changes[n][1]) for n in np.searchsorted(moments, wanted, side="right") - 1]


def own_spread(name: str, rule: Rule, jitter: float = 0.008, runs: int = 40) -> tuple[float, float]:
    """Return how far the model's outcome hangs on milliseconds: requests and starts some of them later.

    Returns:
        The least share of the time in which the replicas are within one of those of the undisturbed run, and the most
        by which the share of 503 differs.
    """
    arrivals, work = drawn(name, SEEDS[name])
    end, close, shares = TRACES[name].times[-1], [], []
    base = modelled(arrivals, work, rule, LOAD_SECONDS)
    ready = ready_in(base.changes, 0.0, end)
    for seed in range(runs):
        random = np.random.default_rng(seed)
        later = np.sort(arrivals + random.exponential(jitter, len(arrivals))).tolist()
        longer = (work + random.exponential(jitter, len(work))).tolist()
        found = modelled(later, longer, rule, LOAD_SECONDS + random.uniform(0, 0.15))
        other = ready_in(found.changes, 0.0, end)
        close.append(float(np.mean([abs(a - b) <= 1 for a, b in zip(ready, other, strict=True)])))
        shares.append(abs(found.share(503) - base.share(503)))
    return min(close), max(shares)


def _next_look(fleet: Fleet) -> float:
    """Wait for a look of the autoscaler; the trace begins with it, as the simulation does."""
    seen = len((fleet.router.snapshot(ADDRESS, NAME) or {})["history"])
    while len(history := (fleet.router.snapshot(ADDRESS, NAME) or {})["history"]) <= seen:
        threading.Event().wait(0.005)
    return float(history[-1]["time"])


def _apart(work):
    """Run a coroutine on a thread of its own: a browser's driver may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _play(
    port: int, arrivals: list[float], work: list[float], *, begin: float = 0.0, one_by_one: bool = False
) -> list[tuple[float, float, int]]:
    """Send requests at their moments; returns moment, seconds and status of each."""
    import aiohttp

    url, head = f"http://127.0.0.1:{port}/api/v1/service/{NAME}/score", {"Host": f"{ADDRESS}:80"}
    begin = begin or time.time()

    async def ask(client: Any, at: float, seconds: float) -> tuple[float, float, int]:
        await asyncio.sleep(max(begin + at - time.time(), 0))
        sent = time.time()
        async with client.post(url, data=json.dumps({"sleep": seconds}), headers=head) as answer:
            await answer.read()
            return max(sent - begin, 0.0), time.time() - sent, int(answer.status)

    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as client:
        asks = [ask(client, at, seconds) for at, seconds in zip(arrivals, work, strict=True)]
        return [await one for one in asks] if one_by_one else list(await asyncio.gather(*asks))
