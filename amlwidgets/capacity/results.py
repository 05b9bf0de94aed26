"""What a simulation says of each request and of the replicas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, REFUSED, TIMED_OUT = 200, 503, 504


@dataclass(frozen=True, slots=True)
class Result:
    """What happened.

    Attributes:
        status: HTTP status of each request, in the order of the arrivals given.
        finished: Moment at which each request was answered, router's overhead included.
        latency: Seconds from arrival to answer of each request.
        changes: ``(moment, ready, starting)`` at the beginning and after every instant at which a number changed.
        began: Moment at which a replica took each request; infinite for one that was refused.
    """

    status: Sequence[int]
    finished: Sequence[float]
    latency: Sequence[float]
    changes: list[tuple[float, int, int]]
    began: Sequence[float] = ()

    def with_lists(self) -> Result:
        """Return the same with lists in place of arrays."""
        parts = (self.status, self.finished, self.latency, self.began)
        lists: Any = (part.tolist() if hasattr(part, "tolist") else part for part in parts)
        status, finished, latency, began = lists
        return Result(status, finished, latency, self.changes, began)

    def count(self, status: int) -> int:
        """Return how many requests were answered with ``status``."""
        if hasattr(self.status, "dtype"):  # an array
            same: Any = self.status == status  # type: ignore[comparison-overlap]
            return int(same.sum())
        return sum(1 for one in self.status if one == status)

    def share(self, status: int) -> float:
        """Return the share of requests that were answered with ``status``."""
        return self.count(status) / len(self.status)

    def to_dict(self) -> dict[str, Any]:
        """Return counts, changes and latencies of the requests that were answered, as plain values."""
        answered = sorted(self.latency[i] for i, status in enumerate(self.status) if status == OK)
        return {
            "schema": 1,
            "status": {str(status): self.count(status) for status in (OK, REFUSED, TIMED_OUT)},
            "changes": [list(change) for change in self.changes],
            "latency": _summary(answered),
        }


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least that share of the ordered values do not exceed (nearest rank)."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _summary(ordered: list[float]) -> dict[str, float | None]:
    if not ordered:
        return dict.fromkeys(("mean", "p50", "p95", "p99", "max"))
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    found: dict[str, float | None] = {"mean": math.fsum(ordered) / len(ordered)}
    return found | {name: percentile(ordered, share) for name, share in shares.items()} | {"max": ordered[-1]}
