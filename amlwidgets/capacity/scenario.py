"""What is simulated: arrivals, service times, the router's limits and the autoscaler's settings."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUSY, BUSY_AND_QUEUED = "busy", "busy+queued"
MOST_REQUESTS = 50_000_000
MOST_REPLICAS = 1_000_000
MOST_LOOKS = 20_000_000
"""Looks of the autoscaler in one simulation: 231 days of one a second."""


@dataclass(frozen=True, slots=True)
class Autoscale:
    """Settings of the autoscaler.

    Attributes:
        mode: ``"busy"`` (AKS web services) or ``"busy+queued"`` (Kubernetes endpoints).
        min: Fewest replicas.
        max: Most replicas.
        target: Utilization aimed at, as a fraction.
        refresh_seconds: How often it looks.
        down_after_seconds: How long fewer must have sufficed before replicas are removed.
        start_seconds: How long a new replica takes until it answers.
        initial: Replicas at the beginning; None for ``min``.
    """

    mode: str = BUSY
    min: int = 1
    max: int = 10
    target: float = 0.7
    refresh_seconds: float = 1.0
    down_after_seconds: float = 60.0
    start_seconds: float = 30.0
    initial: int | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulation.

    Attributes:
        arrivals: Moments at which requests arrive, seconds from 0; in any order.
        service_seconds: Seconds of work for each arrival, or one number for all.
        autoscaler: Its settings; None for a fixed number of replicas.
        replicas: That number; with an autoscaler it is not looked at.
        per_container: Requests that a replica takes at a time.
        max_wait_seconds: How long a request may wait for a replica.
        timeout_seconds: How long a request may take in all.
        overhead_seconds: What the router adds to every request.
        queue_limit: Most requests that may wait; None for any number.
    """

    arrivals: Sequence[float]
    service_seconds: float | Sequence[float]
    autoscaler: Autoscale | None = None
    replicas: int = 1
    per_container: int = 1
    max_wait_seconds: float = 0.5
    timeout_seconds: float = 60.0
    overhead_seconds: float = 0.003
    queue_limit: int | None = None

    @property
    def initial(self) -> int:
        """Replicas at the beginning."""
        if self.autoscaler is None:
            return self.replicas
        return self.autoscaler.min if self.autoscaler.initial is None else self.autoscaler.initial


def from_dict(content: Any) -> Scenario:
    """Return the scenario that a JSON document describes.

    Raises:
        BadInput: A key is unknown or a value cannot be used; the message names it.
    """
    if not isinstance(content, dict):
        raise _bad("A scenario has to be a JSON object with arrivals and service_seconds.")
    values = dict(content)
    values.pop("schema", None)
    scaler = values.pop("autoscaler", None)
    _known(values, {f.name for f in fields(Scenario)} - {"autoscaler"}, "scenario")
    for name in ("arrivals", "service_seconds"):
        if name not in values:
            raise _bad(f"The scenario has no {name}.")
    if scaler is not None:
        if not isinstance(scaler, dict):
            raise _bad("The autoscaler has to be a JSON object.")
        _known(scaler, {f.name for f in fields(Autoscale)}, "autoscaler")
        if "replicas" in values:
            raise _bad(
                "With an autoscaler the number of replicas at the beginning is autoscaler.initial, not replicas."
            )
        values["autoscaler"] = Autoscale(**scaler)
    scenario = Scenario(**values)
    check(scenario)
    return scenario


def check(scenario: Scenario) -> None:
    """Check every value.

    Raises:
        BadInput: One cannot be used; the message names it.
    """
    _numbers(scenario.arrivals, "arrivals")
    if not len(scenario.arrivals):
        raise _bad("The trace is empty: there are no arrivals.")
    if len(scenario.arrivals) > MOST_REQUESTS:
        raise _bad(f"More than {MOST_REQUESTS:,} arrivals are too many.")
    if isinstance(scenario.service_seconds, int | float):
        _number(scenario.service_seconds, "service_seconds")
    else:
        _numbers(scenario.service_seconds, "service_seconds")
        if len(scenario.service_seconds) != len(scenario.arrivals):
            counts = f"{len(scenario.service_seconds):,} service times for {len(scenario.arrivals):,} arrivals"
            raise _bad(f"There are {counts}; each arrival needs one.")
    for name in ("max_wait_seconds", "timeout_seconds", "overhead_seconds"):
        _number(getattr(scenario, name), name)
    _count(scenario.replicas, "replicas")
    _count(scenario.per_container, "per_container")
    if scenario.queue_limit is not None:
        _count(scenario.queue_limit, "queue_limit", least=0)
    if scenario.autoscaler is not None:
        _check_autoscaler(scenario.autoscaler)
        _check_looks(scenario, scenario.autoscaler.refresh_seconds)


def _check_autoscaler(scaler: Autoscale) -> None:
    if scaler.mode not in (BUSY, BUSY_AND_QUEUED):
        raise _bad(f"The autoscaler's mode is {BUSY} or {BUSY_AND_QUEUED}, not {scaler.mode}.")
    _count(scaler.min, "autoscaler.min")
    _count(scaler.max, "autoscaler.max")
    if scaler.min > scaler.max:
        raise _bad(f"autoscaler.min ({scaler.min}) is larger than autoscaler.max ({scaler.max}).")
    if scaler.initial is not None:
        _count(scaler.initial, "autoscaler.initial", least=0)
    for name in ("target", "refresh_seconds"):
        _number(getattr(scaler, name), f"autoscaler.{name}", positive=True)
    for name in ("down_after_seconds", "start_seconds"):
        _number(getattr(scaler, name), f"autoscaler.{name}")


def _check_looks(scenario: Scenario, refresh: float) -> None:
    """Refuse what would take hours, such as a trace whose moments are seconds since 1970."""
    work = scenario.service_seconds
    longest = work if isinstance(work, int | float) else _most(work)
    end = _most(scenario.arrivals) + scenario.max_wait_seconds + longest
    if end / refresh > MOST_LOOKS:
        raise _bad(
            f"The trace would last {end:,.0f} s, in which the autoscaler looks more than {MOST_LOOKS:,} times. "
            "Moments are seconds from its beginning."
        )


def _most(values: Any) -> float:
    """Return the largest value; numpy's own maximum, where it is an array, takes a fiftieth of the time."""
    return float(values.max() if hasattr(values, "dtype") else max(values))


def _known(values: Mapping[str, Any], names: set[str], what: str) -> None:
    unknown = sorted(set(values) - names)
    if unknown:
        raise _bad(f"The {what} has no {', '.join(unknown)}; it has {', '.join(sorted(names))}.")


def _number(value: Any, name: str, *, positive: bool = False) -> None:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fine or value < 0 or (positive and value == 0):
        raise _bad(f"{name} has to be a number {'above' if positive else 'from'} 0, not {value}.")


def _numbers(values: Any, name: str) -> None:
    try:
        array = hasattr(values, "dtype") and len(values)
        total = float(values.sum()) if array else math.fsum(values)
        least = float(values.min()) if array else min(values, default=0)
    except (TypeError, ValueError, OverflowError) as exc:
        raise _bad(f"{name} has to be a list of numbers.") from exc
    flag = None if array else next((i for i, value in enumerate(values) if isinstance(value, bool)), None)
    if flag is not None:
        raise _bad(f"{name}[{flag}] has to be a number from 0, not {values[flag]}.")
    if not math.isfinite(total) or least < 0:
        at = next(i for i, value in enumerate(values) if not (math.isfinite(value) and value >= 0))
        raise _bad(f"{name}[{at}] has to be a number from 0, not {values[at]}.")


def _count(value: Any, name: str, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST_REPLICAS:
        raise _bad(f"{name} has to be a whole number from {least} to {MOST_REPLICAS:,}, not {value}.")


def _bad(message: str) -> BadInput:
    return BadInput(message, code="scenario-invalid")
