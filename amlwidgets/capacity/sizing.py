"""The guides' sizing formula, exactly.

Source: "Why are there HTTP 503 errors" of the troubleshooting guides::

    concurrentRequests = targetRps * reqTime / targetUtilization
    replicas = ceil(concurrentRequests / maxReqPerContainer)

In floating point 21 requests a second of one second each at 70 % come out as 31; exactly they are 30.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from amlwidgets.errors import BadInput

MOST_REPLICAS = 10**9


@dataclass(frozen=True, slots=True)
class Sizing:
    """What the formula gives.

    Attributes:
        replicas: Replicas needed, at least 1.
        concurrent_requests: Requests at work at a time, over the target utilization.
        busy_replicas: Replicas busy on average: requests per second times seconds, per container.
        idle_share: Share of the capacity that is idle at that load (0.3 at 70 %): "spikes of up to 30 %".
        headroom: By how much the load may grow until every replica is busy, relative to the load (0.43 at 70 %).
    """

    replicas: int
    concurrent_requests: float
    busy_replicas: float
    idle_share: float
    headroom: float

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values."""
        return asdict(self)


def replicas(rps: float, seconds: float, per_container: int = 1, utilization: float = 70) -> Sizing:
    """Return how many replicas the guides' formula asks for.

    Args:
        rps: Requests per second.
        seconds: Seconds that one request takes.
        per_container: Requests that one container takes at a time.
        utilization: Target utilization in percent.

    Raises:
        BadInput: A number is not positive, or the utilization is above 100.
    """
    rate = exact(rps, "The requests per second", zero=True)
    time = exact(seconds, "The seconds per request", zero=True)
    slots = whole(per_container, "The requests per container")
    percent = exact(utilization, "The target utilization")
    if percent > 100:  # noqa: PLR2004 - percent
        raise BadInput(f"The target utilization is a percentage up to 100, not {utilization:g}.", code="capacity-input")
    work = rate * time
    concurrent = work * 100 / percent
    needed = max(math.ceil(concurrent / slots), 1)
    if needed > MOST_REPLICAS:
        raise BadInput("That would be more than a billion replicas.", code="capacity-input", todo="Check the units.")
    return Sizing(
        replicas=needed,
        concurrent_requests=float(concurrent),
        busy_replicas=float(work / slots),
        idle_share=float(1 - percent / 100),
        headroom=float(100 / percent - 1),
    )


def exact(value: float, what: str, *, zero: bool = False) -> Fraction:
    """Return a number as it was written: 0.1 is a tenth.

    Raises:
        BadInput: It is no finite number, or not positive.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 0 or (value == 0 and not zero):
        least = "0 or more" if zero else "more than 0"
        raise BadInput(f"{what}: it has to be {least}, not {value}.", code="capacity-input")
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def whole(value: float, what: str) -> int:
    """Return a positive whole number.

    Raises:
        BadInput: It is none.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 1 or value % 1:
        raise BadInput(f"{what} have to be a whole number from 1 on, not {value}.", code="capacity-input")
    return int(value)
