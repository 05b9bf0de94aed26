"""Requests a second of the simulator, plain and compiled, beside simpy with the same rules and a bare queue in ciw.

ciw runs in an environment of its own (it brings another setuptools); it has no autoscaler, so it gets the bare queue.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "capacity"))

PLAIN, PEER, FAST = 200_000, 200_000, 1_000_000
RUNS = 3
CIW = """
import ciw, time
come, work = ciw.dists.Exponential(54.0), ciw.dists.Exponential(2.0)
n = ciw.create_network(arrival_distributions=[come], service_distributions=[work], number_of_servers=[30])
ciw.seed(1)
begin = time.perf_counter()
s = ciw.Simulation(n)
s.simulate_until_max_customers(20000, method="Finish")
print(20000 / (time.perf_counter() - begin))
"""


def main() -> None:
    """Print requests per second and ratios; the answers of all are the same."""
    from test_simulator import Model

    from amlwidgets.capacity import compiled, simulate
    from amlwidgets.capacity.simulator import simulate_arrays

    plain = speed(lambda one: simulate(one, fast=False), PLAIN)
    peer = speed(lambda one: Model(one).run(), PEER)
    same = simulate(scenario(PEER), fast=False).status == Model(scenario(PEER)).run()
    print(f"simulator, full autoscale model                requests/s   ratio to simpy   same answers as simpy: {same}")
    rows = {"simpy, the same rules": peer, "plain Python": plain}
    if compiled.is_there():
        compiled.warm()
        rows["compiled (numba, warm)"] = speed(simulate_arrays, FAST, arrays=True)
    if found := ciw():
        rows["ciw, bare M/M/30 (no autoscaler)"] = found
    for name, value in rows.items():
        print(f"  {name:<42} {value:>12,.0f}   {value / peer:10.1f}")
    print("  budgets: plain 200,000 and 8 times simpy; compiled 3,000,000 and 100 times simpy")


def scenario(count: int, *, arrays: bool = False) -> Any:
    """Return a busy service under the autoscaler: 54 requests/s of 0.5 s."""
    import numpy as np

    from amlwidgets.capacity import Autoscale, Scenario

    draw = np.random.default_rng(1)
    arrivals, work = np.cumsum(draw.exponential(1 / 54, count)), draw.exponential(0.5, count)
    given = (arrivals, work) if arrays else (arrivals.tolist(), work.tolist())
    return Scenario(*given, Autoscale(min=5, max=60))


def speed(run: Callable[[Any], Any], count: int, *, arrays: bool = False) -> float:
    """Return requests per second, the median of some runs."""
    one, times = scenario(count, arrays=arrays), []
    for _ in range(RUNS):
        begin = time.perf_counter()
        run(one)
        times.append(time.perf_counter() - begin)
    return count / median(times)


def ciw() -> float | None:
    """Return ciw's requests per second; None where it cannot be had."""
    command = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--with", "ciw", "python", "-c", CIW]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return float(done.stdout) if done.returncode == 0 else None


if __name__ == "__main__":
    main()
