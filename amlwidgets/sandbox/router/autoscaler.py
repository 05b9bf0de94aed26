"""When replicas are added and removed: the documented rule of both generations, made exact.

Source: the section on autoscaling of the troubleshooting guides, the router's page for Kubernetes endpoints, and the
assumptions of autoscaling.md, section 4: the load is sampled at each look, replicas that start count as present, and
what is too much leaves in one step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BUSY, BUSY_AND_QUEUED = "busy", "busy+queued"
"""What counts as load: busy replicas (AKS web services), or requests that wait as well (Kubernetes endpoints)."""

_EXACT = 1e-12
_LATE = 0.1
"""Share of a refresh by which a look may be off its due time: 5.999 s after the first is the sixth second."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Settings of an autoscaler.

    Attributes:
        minimum: Fewest replicas.
        maximum: Most replicas.
        target: Utilisation aimed at, as a fraction.
        refresh_seconds: How often it looks.
        down_after_seconds: How long fewer replicas must have sufficed before any is removed.
        signal: :data:`BUSY` or :data:`BUSY_AND_QUEUED`.
    """

    minimum: int = 1
    maximum: int = 10
    target: float = 0.7
    refresh_seconds: float = 1.0
    down_after_seconds: float = 60.0
    signal: str = BUSY


class Autoscaler:
    """Decides from what it sees at each look.

    Args:
        rule: Settings.
        concurrent: Requests that one replica takes at a time.
    """

    def __init__(self, rule: Rule, concurrent: int = 1) -> None:
        self.rule = rule
        self._concurrent = concurrent
        self._below_since: float | None = None

    def look(self, now: float, *, busy: int, waiting: int, ready: int, starting: int) -> int:
        """Return how many replicas there should be.

        Args:
            now: Seconds, on any clock that goes on.
            busy: Requests at work.
            waiting: Requests in the queue.
            ready: Replicas that answer.
            starting: Replicas on their way.
        """
        want, present = self._want(busy, waiting), ready + starting
        if want >= present:
            self._below_since = None
            return want
        if self._below_since is None:
            self._below_since = now
            return present
        if now - self._below_since < self.rule.down_after_seconds - _LATE * self.rule.refresh_seconds:
            return present
        self._below_since = None
        return max(present - min(present - want, ready), self.rule.minimum)

    def _want(self, busy: int, waiting: int) -> int:
        load = busy + (waiting if self.rule.signal == BUSY_AND_QUEUED else 0)
        needed = math.ceil(load / self._concurrent / self.rule.target - _EXACT)
        return min(max(needed, self.rule.minimum), self.rule.maximum)
