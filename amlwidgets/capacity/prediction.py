"""What the calculator shows: numbers from formula and theory, and a simulation with its uncertainty.

A simulation is repeated with several seeds; the band is their range. While a slider is dragged one short run answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from amlwidgets.capacity import compiled, queueing, sizing
from amlwidgets.capacity.managed import ManagedScenario, MonitorRule, simulate_managed
from amlwidgets.capacity.results import OK
from amlwidgets.capacity.scenario import Scenario
from amlwidgets.capacity.simulator import simulate_arrays
from amlwidgets.capacity.traffic import Array, Rate, Trace, draw, shape, work

if TYPE_CHECKING:
    from amlwidgets.capacity.results import Result
    from amlwidgets.capacity.settings import Settings

BINS, PREVIEW_BINS = 150, 75
SEEDS = 8
PREVIEW_REQUESTS, FULL_REQUESTS, FAST_FACTOR = 4_000, 20_000, 10
MOST_COMPUTED = 4_000
"""Replicas up to which closed forms are computed for a chart."""

STATUSES = {"v1": (503, 504), "v2": (503, 504), "managed": (429, 408)}


@dataclass(frozen=True, slots=True)
class Series:
    """Values over time, one per bin; shares and rates are per second.

    Attributes:
        times: Middle of each bin, seconds.
        offered: Requests that arrived per second.
        refused: Requests that were refused per second; the mean over the seeds.
        refused_low: Least of the seeds.
        refused_high: Most of the seeds.
        busy: Requests at work.
        queue: Requests waiting.
        ready: Replicas that answer.
        ready_low: Least of the seeds.
        ready_high: Most of the seeds.
        starting: Replicas on their way.
    """

    times: Array
    offered: Array
    refused: Array
    refused_low: Array
    refused_high: Array
    busy: Array
    queue: Array
    ready: Array
    ready_low: Array
    ready_high: Array
    starting: Array


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected.

    Attributes:
        settings: What was asked.
        refused: Share of requests refused (503, or 429 of managed endpoints); the mean over the seeds.
        refused_range: Least and most of the seeds.
        late: Share of requests answered too late (504, or 408).
        p50: Seconds that half of the answered requests took at most; None where none was answered.
        p95: The same for 95 %.
        p99: The same for 99 %.
        latencies: Seconds of the answered requests of the first seed.
        present: Mean number of replicas that were there or starting.
        series: Over time.
        requests: Requests simulated in all.
        seconds: How much of the traffic was simulated.
        seeds: Runs.
        cut: Whether the traffic is longer than what was simulated.
    """

    settings: Settings
    refused: float
    refused_range: tuple[float, float]
    late: float
    p50: float | None
    p95: float | None
    p99: float | None
    latencies: Array = field(repr=False)
    present: float = 0.0
    series: Series | None = field(default=None, repr=False)
    requests: int = 0
    seconds: float = 0.0
    seeds: int = 1
    cut: bool = False


def load_of(settings: Settings, trace: Trace | None = None) -> Rate:
    """Return the load over time; of a trace its mean in 60 steps."""
    if settings.traffic != "trace" or trace is None:
        name = settings.traffic if settings.traffic != "trace" else "steady"
        return shape(name, settings.rps, settings.peak, settings.minutes * 60)
    edges = np.linspace(0.0, max(trace.arrivals[-1], 1e-6), 61)
    counts, _ = np.histogram(trace.arrivals, edges)
    middles = (edges[1:] + edges[:-1]) / 2
    return Rate(tuple(middles), tuple(counts / (edges[1] - edges[0])))


def predict(
    settings: Settings,
    *,
    trace: Trace | None = None,
    samples: tuple[float, ...] = (),
    seeds: int = SEEDS,
    most_requests: int | None = None,
    bins: int = BINS,
) -> Prediction:
    """Simulate the settings.

    Args:
        settings: What is asked.
        trace: Requests as they came; used where ``settings.traffic`` is ``"trace"``.
        samples: Measured seconds of work; used where ``settings.variability`` is ``"measured"``.
        seeds: Runs; the range over them is the uncertainty.
        most_requests: Of one run; None for as many as answer quickly.
        bins: Points of the series over time.

    Raises:
        BadInput: A value cannot be used.
    """
    most = most_requests or FULL_REQUESTS * (FAST_FACTOR if compiled.is_warm() else 1)
    runs = [_run(settings, trace, samples, seed, most) for seed in range(seeds)]
    whole = load_of(settings, trace).times[-1] if trace is None or settings.traffic != "trace" else trace.arrivals[-1]
    full = max(len(arrivals) for arrivals, _, _ in runs) >= most
    end = min(*(float(arrivals[-1]) for arrivals, _, _ in runs), whole) if full else whole
    refused_status, late_status = STATUSES[settings.kind]
    shares = [result.share(refused_status) for _, _, result in runs]
    answered = np.sort(np.concatenate([_latencies(result) for _, _, result in runs]))
    series = _series(runs, max(end, 1e-3), refused_status, bins)
    return Prediction(
        settings=settings,
        refused=float(np.mean(shares)),
        refused_range=(min(shares), max(shares)),
        late=float(np.mean([result.share(late_status) for _, _, result in runs])),
        p50=_rank(answered, 0.5),
        p95=_rank(answered, 0.95),
        p99=_rank(answered, 0.99),
        latencies=answered,
        present=float(np.mean(series.ready + series.starting)),
        series=series,
        requests=sum(len(arrivals) for arrivals, _, _ in runs),
        seconds=end,
        seeds=seeds,
        cut=full,
    )


_Run = tuple[Array, Array, "Result"]


def _run(settings: Settings, trace: Trace | None, samples: tuple[float, ...], seed: int, most: int) -> _Run:
    arrivals, seconds = requests_of(settings, trace, samples, seed, most)
    if settings.kind == "managed":
        # Instances serve as many at a time as they take; Azure Monitor looks each minute.
        rule = MonitorRule(
            min=settings.min_replicas, max=settings.max_replicas, out_above=settings.target / 100,
            in_below=settings.target / 250, start_seconds=settings.start_seconds,
        )  # fmt: skip
        managed = ManagedScenario(
            arrivals.tolist(), seconds.tolist(), settings.min_replicas, settings.per_container,
            settings.timeout_seconds, rule,
        )  # fmt: skip
        return arrivals, seconds, simulate_managed(managed)
    return arrivals, seconds, simulate_arrays(scenario_of(settings, arrivals, seconds))


def requests_of(
    settings: Settings, trace: Trace | None, samples: tuple[float, ...], seed: int, most: int
) -> tuple[Array, Array]:
    """Return the moments at which requests arrive and the seconds of work of each."""
    if settings.traffic == "trace" and trace is not None:
        arrivals = np.asarray(trace.arrivals[:most])
        if trace.service_seconds and settings.variability == "measured" and not samples:
            return arrivals, np.asarray(trace.service_seconds[:most])
    else:
        arrivals = draw(load_of(settings), seed, most)
    if not len(arrivals):
        arrivals = np.zeros(1)
    return arrivals, work(len(arrivals), settings.seconds, settings.variability, seed, samples)


def scenario_of(settings: Settings, arrivals: Array, seconds: Array) -> Scenario:
    """Return the scenario for the simulator."""
    return Scenario(
        arrivals=arrivals,  # type: ignore[arg-type]
        service_seconds=seconds,  # type: ignore[arg-type]
        autoscaler=settings.autoscale(),
        per_container=settings.per_container,
        max_wait_seconds=settings.max_wait_seconds,
        timeout_seconds=settings.timeout_seconds,
    )


def _latencies(result: Result) -> Array:
    answered: Array = np.asarray(result.latency)[np.asarray(result.status) == OK]
    return answered


def _rank(ordered: Array, share: float) -> float | None:
    return float(ordered[max(math.ceil(share * len(ordered)) - 1, 0)]) if len(ordered) else None


def _series(runs: list[_Run], end: float, refused_status: int, bins: int) -> Series:
    edges = np.linspace(0.0, end, bins + 1)
    width = end / bins
    middles = (edges[1:] + edges[:-1]) / 2
    rows = [_one(arrivals, seconds, result, edges, middles, refused_status) for arrivals, seconds, result in runs]
    stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    refused, ready = stacked["refused"] / width, stacked["ready"]
    return Series(
        times=middles,
        offered=stacked["offered"].mean(0) / width,
        refused=refused.mean(0), refused_low=refused.min(0), refused_high=refused.max(0),
        busy=stacked["busy"].mean(0), queue=stacked["queue"].mean(0),
        ready=np.median(ready, 0), ready_low=ready.min(0), ready_high=ready.max(0),
        starting=np.median(stacked["starting"], 0),
    )  # fmt: skip


def _one(
    arrivals: Array, seconds: Array, result: Result, edges: Array, middles: Array, refused_status: int
) -> dict[str, Array]:
    status, began = np.asarray(result.status), np.asarray(result.began)
    refused = status == refused_status
    moments = np.asarray([change[0] for change in result.changes])
    at = np.searchsorted(moments, middles, side="right") - 1
    counts = np.asarray([change[1:] for change in result.changes])[at]
    left = np.where(refused, np.asarray(result.finished), began)
    return {
        "offered": np.histogram(arrivals, edges)[0],
        "refused": np.histogram(arrivals[refused], edges)[0],
        "busy": _inside(began[~refused], (began + seconds)[~refused], middles),
        "queue": _inside(arrivals, left, middles),
        "ready": counts[:, 0],
        "starting": counts[:, 1],
    }


def _inside(entered: Array, left: Array, moments: Array) -> Array:
    """Return how many have entered and not left at each moment."""
    in_, out = np.searchsorted(np.sort(entered), moments), np.searchsorted(np.sort(left), moments)
    return np.asarray(in_ - out, dtype=float)


# -- closed forms


@lru_cache(maxsize=4096)
def steady_refused(settings: Settings, replicas: int, rps: float | None = None) -> float | None:
    """Return the share refused at a steady load and a fixed number of replicas; None where it cannot be computed."""
    rate, slots = rps or settings.rps, replicas * settings.per_container
    if slots > MOST_COMPUTED:
        return None
    if settings.kind == "managed":
        return queueing.loss_with_room(rate, settings.seconds, slots, 2 * slots)
    return queueing.refused_after(rate, settings.seconds, slots, settings.max_wait_seconds)


@lru_cache(maxsize=1024)
def enough(settings: Settings, rps: float | None = None) -> int | None:
    """Return the fewest replicas that keep the refused share within the limit at a steady load; None: too many."""
    rate, limit = rps or settings.rps, settings.most_refused / 100
    if rate * settings.seconds > MOST_COMPUTED * 0.8:
        return None
    low = 1
    high = max(math.ceil(rate * settings.seconds / settings.per_container), 1)
    while (refused := steady_refused(settings, high, rate)) is not None and refused > limit:
        low, high = high + 1, math.ceil(high * 1.5) + 1
    if refused is None:
        return None
    while low < high:
        middle = (low + high) // 2
        if (steady_refused(settings, middle, rate) or 0.0) <= limit:
            high = middle
        else:
            low = middle + 1
    return low


def formula(settings: Settings, rps: float | None = None) -> int:
    """Return the guides' number of replicas."""
    return sizing.replicas(rps or settings.rps, settings.seconds, settings.per_container, settings.target).replicas


def cost_per_month(settings: Settings, present: float) -> float | None:
    """Return what that many replicas cost in a month of 730 hours; None where no price was given."""
    hour = settings.cores * settings.core_price + settings.memory_gb * settings.gb_price
    return hour * 730 * present if hour > 0 else None
