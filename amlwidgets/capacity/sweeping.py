"""A grid of settings, simulated in parallel with joblib: what each costs, and how many requests it refuses.

joblib's backend is the caller's choice: with ``joblib.parallel_config(backend="dask")`` (or ``"ray"``) around the call
a cluster takes the work. Each task gets plain values only.
"""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.capacity.prediction import cost_per_month, predict
from amlwidgets.capacity.settings import Settings, settings_from
from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from amlwidgets.capacity.traffic import Trace

MOST_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of the grid and what came of it.

    Attributes:
        values: What differs from the base.
        refused: Share of requests refused or late.
        p95: Seconds of 95 % of the answers; None where none was answered.
        present: Mean number of replicas.
        cost: A month, where prices were given.
        keeps: Whether it keeps the limits of the settings.
    """

    values: dict[str, float]
    refused: float
    p95: float | None
    present: float
    cost: float | None
    keeps: bool


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found.

    Attributes:
        base: The settings that were varied.
        points: In the order of the grid; fewer where it was cancelled.
        cancelled: Whether it was.
    """

    base: Settings
    points: tuple[Point, ...]
    cancelled: bool = False

    @property
    def best(self) -> Point | None:
        """The cheapest point that keeps the limits; None where none does."""
        fine = [point for point in self.points if point.keeps]
        return min(fine, key=lambda point: (point.present, point.refused), default=None)


def grid(base: Settings, **choices: Sequence[float]) -> list[dict[str, float]]:
    """Return every combination; those with a minimum above the maximum are left out.

    Raises:
        BadInput: A name is unknown, or there is nothing to try, or too much.
    """
    if not choices or not all(len(values) for values in choices.values()):
        raise BadInput(
            "There is nothing to try.", code="sweep-empty", todo="Say for instance min_replicas=range(1, 20)."
        )
    names, found = list(choices), []
    for values in itertools.product(*choices.values()):
        one = dict(zip(names, values, strict=True))
        if one.get("min_replicas", base.min_replicas) <= one.get("max_replicas", base.max_replicas):
            settings_from(one, base)
            found.append(one)
    if not 1 <= len(found) <= MOST_POINTS:
        raise BadInput(f"A grid has 1 to {MOST_POINTS:,} settings, not {len(found):,}.", code="sweep-size")
    return found


def sweep(
    base: Settings | Mapping[str, Any] | None = None,
    *,
    trace: Trace | None = None,
    seeds: int = 3,
    jobs: int = -1,
    progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
    choices: Mapping[str, Sequence[float]] | None = None,
    **more: Sequence[float],
) -> Sweep:
    """Simulate every setting of a grid in parallel.

    Args:
        base: What stays the same; a mapping changes the defaults.
        trace: For traffic from a file.
        seeds: Runs of each setting.
        jobs: Processes; -1 is one for each processor. joblib's own context decides where there is one.
        progress: Called with settings done and settings in all.
        cancel: Set from another thread to stop; what is done is returned.
        choices: Values of settings to try, by name.
        **more: The same, such as ``min_replicas=range(1, 20), target=[30, 50, 70]``.

    Raises:
        BadInput: A name or value cannot be used.
    """
    import joblib

    start = base if isinstance(base, Settings) else settings_from(base or {})
    tries = grid(start, **{**(choices or {}), **more})
    tasks = (joblib.delayed(try_one)(start, values, trace, seeds) for values in tries)
    points: list[Point] = []
    # An active parallel_config may have chosen a cluster; then its own number of workers is right.
    chosen = {} if joblib.parallel.get_active_backend()[0].__class__.__name__ not in _LOCAL else {"n_jobs": jobs}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*still being processed by the workers have been cancelled")
        found = joblib.Parallel(return_as="generator", batch_size=1, **chosen)(tasks)
        for point in found:
            points.append(point)
            if progress is not None:
                progress(len(points), len(tries))
            if cancel is not None and cancel.is_set():
                break
        del found  # here, so that what joblib says of cancelled tasks stays unsaid
    return Sweep(start, tuple(points), cancelled=len(points) < len(tries))


_LOCAL = ("LokyBackend", "MultiprocessingBackend", "ThreadingBackend", "SequentialBackend")


def try_one(base: Settings, values: Mapping[str, float], trace: Trace | None, seeds: int) -> Point:
    """Simulate one setting."""
    settings = settings_from(values, base)
    found = predict(settings, trace=trace, seeds=seeds, most_requests=20_000)
    lost = found.refused + found.late
    slow = settings.most_p95 and (found.p95 is None or found.p95 > settings.most_p95)
    keeps = lost <= settings.most_refused / 100 and not slow
    cost = cost_per_month(settings, found.present)
    return Point(dict(values), lost, found.p95, found.present, cost, bool(keeps))


def vary(settings: Settings, points: int = 8) -> dict[str, list[float]]:
    """Return a grid around what the peak needs: minimum and target."""
    most = max(settings.max_replicas, 2)
    step = max(most // points, 1)
    return {"min_replicas": list(range(1, most + 1, step)), "target": [30.0, 50.0, 70.0, 90.0]}
