"""Traffic: shapes of load, traces from files, and arrivals drawn from them.

The same seed draws the same randomness whatever the rate, so that a picture moves smoothly while a slider is dragged.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

Array = np.ndarray[Any, np.dtype[np.float64]]

DAY_SHAPE_POINTS = 97
MOST_TRACE = 2_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second over time: straight lines between points.

    Attributes:
        times: Moments in seconds, from 0, increasing.
        rates: Requests per second at each.
    """

    times: tuple[float, ...]
    rates: tuple[float, ...]

    def at(self, moments: Array) -> Array:
        """Return requests per second at moments."""
        return np.interp(moments, self.times, self.rates)

    def expected(self) -> Array:
        """Return how many requests are expected up to each point."""
        times, rates = np.asarray(self.times), np.asarray(self.rates)
        return np.concatenate(([0.0], np.cumsum(np.diff(times) * (rates[1:] + rates[:-1]) / 2)))


def shape(name: str, rps: float, peak: float, seconds: float) -> Rate:
    """Return the load over time.

    Args:
        name: ``steady``, ``ramp``, ``step``, ``spike`` or ``daily``.
        rps: Requests per second, usually.
        peak: How many times more at the peak.
        seconds: Duration; the step comes after a quarter of it.
    """
    top, edge = rps * peak, min(1e-3, seconds * 1e-6)
    if name == "steady":
        return Rate((0.0, seconds), (rps, rps))
    if name == "ramp":
        return Rate((0.0, seconds * 0.2, seconds * 0.8, seconds), (rps, rps, top, top))
    if name == "step":
        begin = seconds / 4
        return Rate((0.0, begin, begin + edge, seconds), (rps, rps, top, top))
    if name == "spike":
        begin, end = seconds * 0.25, seconds * 0.45
        return Rate((0.0, begin, begin + edge, end, end + edge, seconds), (rps, rps, top, top, rps, rps))
    moments = np.linspace(0.0, seconds, DAY_SHAPE_POINTS)
    # Lowest at night, highest in the afternoon; the mean of the usual load over the day stays near rps.
    height = (1 - np.cos(2 * np.pi * (moments / seconds - 1 / 12))) / 2
    return Rate(tuple(moments), tuple(rps * (0.4 + (peak - 0.4) * height)))


@lru_cache(maxsize=64)
def _unit_gaps(seed: int, block: int) -> Array:
    """Return the moments of a Poisson process of one a second; longer ones begin with the shorter ones."""
    drawn = np.random.default_rng((seed, 1)).exponential(size=block)
    return np.cumsum(drawn)


@lru_cache(maxsize=64)
def unit_times(seed: int, block: int) -> Array:
    """Return exponential times of mean 1."""
    return np.random.default_rng((seed, 2)).exponential(size=block)


def _block(count: int) -> int:
    return 1 << max(math.ceil(math.log2(max(count, 256))), 8)


def draw(rate: Rate, seed: int, most: int) -> Array:
    """Return moments of random (Poisson) arrivals under a load, at most ``most`` of them, from the beginning on."""
    expected = rate.expected()
    count = min(int(expected[-1] + 6 * math.sqrt(expected[-1]) + 20), most + 1)
    unit = _unit_gaps(seed, _block(count))[:count]
    unit = unit[unit <= expected[-1]][:most]
    return _inverse(rate, expected, unit)


def _inverse(rate: Rate, expected: Array, wanted: Array) -> Array:
    """Return when the expected number of requests reaches each wanted value."""
    times, rates = np.asarray(rate.times), np.asarray(rate.rates)
    at = np.clip(np.searchsorted(expected, wanted, side="right") - 1, 0, len(times) - 2)
    begin, rest = rates[at], wanted - expected[at]
    slope = (rates[at + 1] - begin) / (times[at + 1] - times[at])
    root = np.sqrt(np.maximum(begin**2 + 2 * slope * rest, 0))
    step = np.where(begin + root > 0, 2 * rest / np.maximum(begin + root, 1e-300), 0.0)
    return np.asarray(times[at] + step)


def work(arrivals: int, mean: float, variability: str, seed: int, samples: Sequence[float] = ()) -> Array:
    """Return the seconds that each of ``arrivals`` requests needs.

    Args:
        arrivals: How many.
        mean: Mean seconds.
        variability: ``random``, ``constant`` or ``measured`` (drawn from ``samples``, scaled to the mean).
        seed: Of the draws.
        samples: Measured seconds.
    """
    if variability == "constant":
        return np.full(arrivals, mean)
    if variability == "measured" and len(samples):
        seen = np.asarray(samples, dtype=float)
        picked = np.random.default_rng((seed, 3)).integers(0, len(seen), size=_block(arrivals))[:arrivals]
        return np.asarray(seen[picked] * (mean / seen.mean()))
    return unit_times(seed, _block(arrivals))[:arrivals] * mean


# -- traces from files

_COLUMNS = ("timestamp", "time", "arrival", "arrivals", "seconds", "date")
_SERVICE = ("service_seconds", "duration_seconds", "service", "duration")
# The inference server's access log: "2026-11-21 04:03:22,519 I [70] azmlinfsrv - POST /score 200 5.3ms 4"
_ACCESS = re.compile(
    r"(?P<stamp>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?).{0,80}?\b(?:POST|GET) (?P<path>/\S*) (?P<status>\d{3}) "
    r"(?P<ms>\d+(?:\.\d+)?)ms"
)
_PROBES = ("/", "/swagger.json")


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests as they came.

    Attributes:
        arrivals: Seconds from the first request on, in order.
        service_seconds: How long each took; empty where the file does not tell.
        name: Where it comes from.
    """

    arrivals: tuple[float, ...]
    service_seconds: tuple[float, ...] = ()
    name: str = "trace"

    @property
    def rps(self) -> float:
        """Mean requests per second."""
        return len(self.arrivals) / max(self.arrivals[-1], 1e-9) if len(self.arrivals) > 1 else 1.0


def read_trace(path: str | os.PathLike[str]) -> Trace:
    """Read a trace: CSV with a column of moments, or an access log of the inference server.

    Moments are seconds or ISO dates. A CSV may have a column ``service_seconds``; a log tells how long each took.

    Raises:
        BadInput: The file cannot be read or holds no request.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as exc:
        raise BadInput(f"{file} cannot be read: {exc.strerror}.", code="file-unreadable") from exc
    return parse_trace(text, file.name)


def parse_trace(text: str, name: str = "trace") -> Trace:
    """Return the trace in a text.

    Raises:
        BadInput: It holds no request, or a value cannot be used; the message names line and value.
    """
    found = _access(text) or _csv(text, name)
    if not found:
        raise BadInput(
            f"{name} holds no requests.", code="trace-empty",
            todo="It has to be a CSV with a column “timestamp” or an access log of the inference server.",
        )  # fmt: skip
    if len(found) > MOST_TRACE:
        raise BadInput(f"{name} holds more than {MOST_TRACE:,} requests.", code="trace-long", todo="Cut it.")
    found.sort()
    first = found[0][0]
    took = tuple(t for _, t in found if t is not None)
    return Trace(tuple(at - first for at, _ in found), took if len(took) == len(found) else (), name)


def _access(text: str) -> list[tuple[float, float | None]]:
    found: list[tuple[float, float | None]] = []
    for match in _ACCESS.finditer(text):
        if match["path"].partition("?")[0] not in _PROBES:
            took = float(match["ms"]) / 1000
            # The line is written when the answer has been sent.
            found.append((_moment(match["stamp"].replace(",", ".")) - took, took))
    return found


def _csv(text: str, name: str) -> list[tuple[float, float | None]]:
    import csv

    rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    if not rows:
        return []
    head = [cell.strip().lower() for cell in rows[0]]
    named = next((head.index(c) for c in _COLUMNS if c in head), None)
    service = next((head.index(c) for c in _SERVICE if c in head), None)
    body = rows if named is None and _is_moment(rows[0][0]) else rows[1:]
    return [_row(row, named or 0, service, f"{name}, row {n}") for n, row in enumerate(body, 1)]


def _row(row: list[str], column: int, service: int | None, where: str) -> tuple[float, float | None]:
    try:
        took = float(row[service]) if service is not None else None
        moment = _moment(row[column])
    except (ValueError, IndexError) as exc:
        raise BadInput(
            f"{where}: “{','.join(row)[:60]}” has no moment that can be read.", code="trace-invalid"
        ) from exc
    if not math.isfinite(moment) or (took is not None and not (math.isfinite(took) and took >= 0)):
        raise BadInput(f"{where}: “{','.join(row)[:60]}” holds no usable number.", code="trace-invalid")
    return moment, took


def _is_moment(text: str) -> bool:
    try:
        _moment(text)
    except ValueError:
        return False
    return True


def _moment(text: str) -> float:
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
