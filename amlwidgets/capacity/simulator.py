"""The discrete-event model of router and autoscaler, exactly as DESIGN section 4 and autoscaling.md section 4 say.

Events at one instant run in the order in which they were scheduled; all arrivals are scheduled first, in index order,
then the first look of the autoscaler. Arrivals and the ends of waits come in order by themselves, so only the rest is
in a heap.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from heapq import heappop, heappush

from amlwidgets.capacity import compiled
from amlwidgets.capacity.results import OK, REFUSED, TIMED_OUT, Result
from amlwidgets.capacity.scenario import BUSY_AND_QUEUED, Autoscale, Scenario, check

_DONE, _STARTED, _LOOK = range(3)
_EXACT = 1e-12
_FOREVER = math.inf


def simulate(scenario: Scenario, *, fast: bool | None = None) -> Result:
    """Simulate every request.

    Args:
        scenario: What is simulated.
        fast: Whether the compiled kernel is used (extra ``fast``; the same answers). None uses it where it is compiled
            already; True waits until it is.

    Raises:
        BadInput: A value of the scenario cannot be used.
        NotInstalled: ``fast`` is True, and numba is not there.
    """
    check(scenario)
    if fast or (fast is None and compiled.is_warm()):
        return compiled.run(scenario).with_lists()
    return _Run(_plain(scenario)).run()


def simulate_arrays(scenario: Scenario) -> Result:
    """Simulate for who goes on with arrays: the result holds arrays where the compiled kernel made it.

    Raises:
        BadInput: A value of the scenario cannot be used.
    """
    check(scenario)
    return compiled.run(scenario) if compiled.is_warm() else _Run(_plain(scenario)).run()


def _plain(scenario: Scenario) -> Scenario:
    """Return the scenario with lists: single values of arrays are slow."""
    arrays = {
        name: getattr(scenario, name).tolist()
        for name in ("arrivals", "service_seconds")
        if hasattr(getattr(scenario, name), "tolist")
    }
    return replace(scenario, **arrays) if arrays else scenario


class _Run:
    """State of one simulation."""

    def __init__(self, scenario: Scenario) -> None:
        count = len(scenario.arrivals)
        self._scenario, self._scaler = scenario, scenario.autoscaler
        self._order = sorted(range(count), key=scenario.arrivals.__getitem__)
        constant = isinstance(scenario.service_seconds, int | float)
        self._work = [float(scenario.service_seconds)] * count if constant else list(scenario.service_seconds)  # type: ignore[arg-type]
        self._ready, self._starting, self._busy = scenario.initial, 0, 0
        self._status, self._finished = [0] * count, [0.0] * count
        self._began = [_FOREVER] * count
        self._queue: deque[int] = deque()
        self._waits: deque[tuple[float, int, int]] = deque()
        self._heap: list[tuple[float, int, int, int]] = []
        self._number = count  # arrivals have the first numbers
        self._below_since: float | None = None
        self._gone = bytearray(count)  # which of the queue were refused meanwhile
        self._waiting = 0

    def run(self) -> Result:
        scenario, arrivals = self._scenario, self._scenario.arrivals
        changes = [(0.0, self._ready, 0)]
        order, at, count = self._order, 0, len(self._order)
        self._last = arrivals[order[-1]]
        if self._scaler is not None:
            self._schedule(self._scaler.refresh_seconds, _LOOK, 0)
        heap, waits = self._heap, self._waits
        while at < count or heap or waits:
            due = arrivals[order[at]] if at < count else _FOREVER
            first = heap[0][:2] if heap else (_FOREVER, 0)
            wait = waits[0][:2] if waits else (_FOREVER, 0)
            if at < count and due <= first[0] and due <= wait[0]:
                # Arrivals were scheduled before everything else.
                self._arrive(due, order[at])
                at += 1
                continue
            if wait < first:
                self._expire(*waits.popleft())
                continue
            moment, _, kind, what = heappop(heap)
            if kind == _DONE:
                self._done(moment, what)
            else:
                self._change(moment, kind, what)
                self._note(changes, moment)
        latency = [done - arrived for done, arrived in zip(self._finished, scenario.arrivals, strict=True)]
        return Result(self._status, self._finished, latency, changes, self._began)

    def _note(self, changes: list[tuple[float, int, int]], moment: float) -> None:
        """Keep the state after all events of an instant, once."""
        if changes[-1][0] == moment and len(changes) > 1:
            changes.pop()
        if changes[-1][1:] != (self._ready, self._starting):
            changes.append((moment, self._ready, self._starting))

    def _schedule(self, moment: float, kind: int, what: int) -> None:
        heappush(self._heap, (moment, self._number, kind, what))
        self._number += 1

    # -- requests

    def _arrive(self, now: float, index: int) -> None:
        limit = self._scenario.queue_limit
        if limit is not None and self._waiting >= limit:
            self._answer(now, index, REFUSED)
            return
        if not self._waiting and self._busy < self._ready * self._scenario.per_container:
            self._begin(now, index)
            return
        self._queue.append(index)
        self._waiting += 1
        self._waits.append((now + self._scenario.max_wait_seconds, self._number, index))
        self._number += 1

    def _expire(self, now: float, _number: int, index: int) -> None:
        if self._status[index] == 0 and not self._gone[index]:
            self._gone[index] = 1
            self._waiting -= 1
            self._answer(now, index, REFUSED)

    def _begin(self, now: float, index: int) -> None:
        self._busy += 1
        self._began[index] = now
        self._gone[index] = 1
        heappush(self._heap, (now + self._work[index], self._number, _DONE, index))
        self._number += 1

    def _done(self, now: float, index: int) -> None:
        self._busy -= 1
        scenario = self._scenario
        late = now - scenario.arrivals[index] + scenario.overhead_seconds > scenario.timeout_seconds
        self._answer(now, index, TIMED_OUT if late else OK)
        if self._waiting:
            self._dispatch(now)

    def _answer(self, now: float, index: int, status: int) -> None:
        self._status[index] = status
        self._finished[index] = now + self._scenario.overhead_seconds
        if status == TIMED_OUT:
            # The client was answered when its time was up; the replica went on.
            self._finished[index] = self._scenario.arrivals[index] + self._scenario.timeout_seconds

    def _dispatch(self, now: float) -> None:
        queue, slots = self._queue, self._ready * self._scenario.per_container
        while self._waiting and self._busy < slots:
            index = queue.popleft()
            if not self._gone[index]:
                self._waiting -= 1
                self._begin(now, index)
        if not self._waiting:
            queue.clear()

    # -- replicas

    def _change(self, now: float, kind: int, what: int) -> None:
        if kind == _STARTED:
            self._starting -= what
            self._ready += what
            self._dispatch(now)
        elif self._scaler is not None:
            self._look(now, self._scaler)

    def _look(self, now: float, scaler: Autoscale) -> None:
        load = self._busy + (self._waiting if scaler.mode == BUSY_AND_QUEUED else 0)
        needed = math.ceil(load / self._scenario.per_container / scaler.target - _EXACT)
        want, present = min(max(needed, scaler.min), scaler.max), self._ready + self._starting
        if want > present:
            self._starting += want - present
            self._schedule(now + scaler.start_seconds, _STARTED, want - present)
            self._below_since = None
        elif want < present:
            self._shrink(now, want, present, scaler)
        else:
            self._below_since = None
        if now < self._last or self._busy or self._waiting:
            self._schedule(now + scaler.refresh_seconds, _LOOK, 0)

    def _shrink(self, now: float, want: int, present: int, scaler: Autoscale) -> None:
        if self._below_since is None:
            self._below_since = now
        elif now - self._below_since >= scaler.down_after_seconds:
            removed = min(present - want, self._ready)
            self._ready -= min(removed, max(present - scaler.min, 0))
            self._below_since = None
