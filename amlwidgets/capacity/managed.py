"""Managed online endpoints: no queue to tune, 429 above twice the room, 408 when late, Azure Monitor for a router.

The model of autoscaling.md, section 4, "managed variant". Documented: the limit
``2 * max_concurrent_requests_per_instance * instance_count``, the time-out, the rule's window of 5 minutes with a grain
of 1 minute, the cooldown, the guard against flapping. Assumed, because it is not documented: the busy share stands for
the CPU, rules are looked at each minute, an instance answers 15 minutes after the rule.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from amlwidgets.capacity.results import Result
from amlwidgets.capacity.scenario import Scenario, check
from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, TOO_MANY, LATE = 200, 429, 408
_ARRIVE, _DONE, _STARTED, _LOOK = range(4)


@dataclass(frozen=True, slots=True)
class MonitorRule:
    """An autoscale setting of Azure Monitor.

    Attributes:
        min: Fewest instances.
        max: Most instances.
        out_above: Mean busy share above which instances are added.
        in_below: Mean busy share below which one is taken away.
        out_by: Instances added at a time.
        in_by: Instances taken away at a time.
        window_seconds: Over which the mean is taken.
        every_seconds: Between two looks.
        cooldown_seconds: After a change, before the next.
        start_seconds: Until a new instance answers.
    """

    min: int = 2
    max: int = 5
    out_above: float = 0.7
    in_below: float = 0.3
    out_by: int = 2
    in_by: int = 1
    window_seconds: float = 300.0
    every_seconds: float = 60.0
    cooldown_seconds: float = 300.0
    start_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class ManagedScenario:
    """A managed deployment under a trace.

    Attributes:
        arrivals: Moments at which requests arrive, in any order.
        service_seconds: Seconds of work for each, or one number.
        instances: At the beginning.
        per_instance: ``max_concurrent_requests_per_instance``.
        timeout_seconds: ``request_timeout_ms``.
        rule: Autoscale setting; None for a fixed number of instances.
    """

    arrivals: Sequence[float]
    service_seconds: float | Sequence[float]
    instances: int = 2
    per_instance: int = 1
    timeout_seconds: float = 5.0
    rule: MonitorRule | None = None


def simulate_managed(scenario: ManagedScenario) -> Result:
    """Simulate every request; refused ones have status 429, late ones 408.

    Raises:
        BadInput: A value cannot be used.
    """
    check(
        Scenario(
            scenario.arrivals, scenario.service_seconds, None, scenario.instances, scenario.per_instance, 0,
            scenario.timeout_seconds,
        )
    )  # fmt: skip
    if scenario.rule is not None and not 1 <= scenario.rule.min <= scenario.rule.max:
        raise BadInput("The fewest instances have to be 1 or more, and not above the most.", code="scenario-invalid")
    return _Run(scenario).run()


class _Run:
    def __init__(self, scenario: ManagedScenario) -> None:
        self._scenario, self._rule = scenario, scenario.rule
        arrivals = scenario.arrivals
        count = len(arrivals)
        constant = isinstance(scenario.service_seconds, int | float)
        self._work = [float(scenario.service_seconds)] * count if constant else list(scenario.service_seconds)  # type: ignore[arg-type]
        self._status, self._finished, self._began = [0] * count, [0.0] * count, [math.inf] * count
        self._ready, self._starting, self._busy = scenario.instances, 0, 0
        self._queue: deque[int] = deque()
        self._events = [(float(at), n, _ARRIVE, n) for n, at in enumerate(arrivals)]
        self._events.sort()
        self._number, self._last = count, self._events[-1][0]
        self._changes = [(0.0, self._ready, 0)]
        self._area = self._since = 0.0
        self._areas: deque[tuple[float, float]] = deque([(0.0, 0.0)])
        self._changed_at = -math.inf

    def run(self) -> Result:
        if self._rule is not None:
            self._schedule(self._rule.every_seconds, _LOOK, 0)
        acts = {_ARRIVE: self._arrive, _DONE: self._done, _STARTED: self._started, _LOOK: self._look}
        while self._events:
            now, _, kind, what = heappop(self._events)
            self._area += (now - self._since) * self._busy / (self._ready * self._scenario.per_instance)
            self._since = now
            acts[kind](now, what)
            if self._changes[-1][1:] != (self._ready, self._starting):
                self._changes.append((now, self._ready, self._starting))
        latency = [done - at for done, at in zip(self._finished, self._scenario.arrivals, strict=True)]
        return Result(self._status, self._finished, latency, self._changes, self._began)

    def _schedule(self, moment: float, kind: int, what: int) -> None:
        heappush(self._events, (moment, self._number, kind, what))
        self._number += 1

    def _arrive(self, now: float, index: int) -> None:
        if self._busy + len(self._queue) >= 2 * self._scenario.per_instance * self._ready:
            self._status[index], self._finished[index] = TOO_MANY, now
            return
        self._queue.append(index)
        self._dispatch(now)

    def _done(self, now: float, index: int) -> None:
        self._busy -= 1
        limit = self._scenario.arrivals[index] + self._scenario.timeout_seconds
        self._status[index], self._finished[index] = (LATE, limit) if now > limit else (OK, now)
        self._dispatch(now)

    def _dispatch(self, now: float) -> None:
        while self._queue and self._busy < self._ready * self._scenario.per_instance:
            index = self._queue.popleft()
            self._busy += 1
            self._began[index] = now
            self._schedule(now + self._work[index], _DONE, index)

    def _started(self, now: float, count: int) -> None:
        self._ready += count
        self._starting -= count
        self._dispatch(now)

    def _look(self, now: float, _: int) -> None:
        rule = self._rule or MonitorRule()
        self._areas.append((now, self._area))
        while len(self._areas) > 1 and self._areas[1][0] <= now - rule.window_seconds:
            self._areas.popleft()
        at, area = self._areas[0]
        mean, present = (self._area - area) / (now - at), self._ready + self._starting
        if now - self._changed_at >= rule.cooldown_seconds:
            self._decide(now, mean, present, rule)
        if now < self._last or self._busy or self._queue:
            self._schedule(now + rule.every_seconds, _LOOK, 0)

    def _decide(self, now: float, mean: float, present: int, rule: MonitorRule) -> None:
        if mean > rule.out_above and present < rule.max:
            more = min(rule.out_by, rule.max - present)
            self._starting += more
            self._changed_at = now
            self._schedule(now + rule.start_seconds, _STARTED, more)
        elif mean < rule.in_below and self._ready > rule.min and not self._starting:
            fewer = min(rule.in_by, self._ready - rule.min)
            # The guard against flapping: not where the remaining ones would be above the other threshold.
            if mean * present / (present - fewer) <= rule.out_above:
                self._ready -= fewer
                self._changed_at = now
