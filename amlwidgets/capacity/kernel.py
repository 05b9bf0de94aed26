"""The simulator's event loop once more, compiled by numba: the same rules, the same answers, many times faster.

Kept beside ``simulator`` because a compiled loop has to be flat: arrays in place of objects. Starts of replicas and
ends of waits come in order by themselves and stand in queues; only the ends of requests need a heap. Tests compare the
two, value by value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from amlwidgets.capacity.results import OK, REFUSED, TIMED_OUT, Result
from amlwidgets.capacity.scenario import BUSY_AND_QUEUED, Autoscale, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

_FOREVER = math.inf
_NO_NUMBER = 1 << 62
_EXACT = 1e-12


def _jit(function: Callable[..., Any]) -> Callable[..., Any]:
    made: Callable[..., Any] = numba.njit(cache=True, nogil=True)(function)
    return made


@_jit
def _push(times: Any, numbers: Any, items: Any, size: int, moment: float, number: int, item: int) -> int:
    at = size
    while at > 0:
        parent = (at - 1) // 2
        if (times[parent], numbers[parent]) <= (moment, number):
            break
        times[at], numbers[at], items[at] = times[parent], numbers[parent], items[parent]
        at = parent
    times[at], numbers[at], items[at] = moment, number, item
    return size + 1


@_jit
def _pop(times: Any, numbers: Any, items: Any, size: int) -> int:
    """Take the first away: the last one sinks to its place."""
    size -= 1
    moment, number, item = times[size], numbers[size], items[size]
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and (times[child + 1], numbers[child + 1]) < (times[child], numbers[child]):
            child += 1
        if (moment, number) <= (times[child], numbers[child]):
            break
        times[at], numbers[at], items[at] = times[child], numbers[child], items[child]
        at = child
    times[at], numbers[at], items[at] = moment, number, item
    return size


@_jit
def _loop(  # noqa: C901, PLR0912, PLR0915, PLR0917 - one flat loop is what compiles well
    arrivals: Any, work: Any, per: int, max_wait: float, timeout: float, overhead: float, limit: int,
    scaled: bool, queued_counts: bool, least: int, most: int, target: float, refresh: float, down_after: float,
    start: float, ready: int,
) -> Any:  # fmt: skip
    """Run; arrivals are in order. Returns status, finished, began and the changes."""
    count = len(arrivals)
    status = np.zeros(count, np.int64)
    finished, began = np.zeros(count), np.full(count, _FOREVER)
    times, numbers, items = np.empty(count + 1), np.empty(count + 1, np.int64), np.empty(count + 1, np.int64)
    heap = 0
    queue, wait_times = np.empty(count, np.int64), np.empty(count)
    wait_numbers, head, tail, expiry, waiting = np.empty(count, np.int64), 0, 0, 0, 0
    starts_at, starts_no, starts_n = [_FOREVER][:0], [0][:0], [0][:0]
    first_start = 0
    changed_at, changed_ready, changed_starting = [0.0], [ready], [0]
    starting, busy, number, at, below = 0, 0, count, 0, -1.0
    last, look_at, look_no = arrivals[count - 1], _FOREVER, _NO_NUMBER
    if scaled:
        look_at, look_no = refresh, number
        number += 1
    while True:
        while expiry < tail and status[queue[expiry]] != 0:
            expiry += 1  # answered meanwhile
        while expiry < tail and began[queue[expiry]] != _FOREVER:
            expiry += 1
        moment, order, kind = _FOREVER, _NO_NUMBER, 0
        if expiry < tail:
            moment, order, kind = wait_times[expiry], wait_numbers[expiry], 1
        if heap and (times[0], numbers[0]) < (moment, order):
            moment, order, kind = times[0], numbers[0], 2
        if first_start < len(starts_at) and (starts_at[first_start], starts_no[first_start]) < (moment, order):
            moment, order, kind = starts_at[first_start], starts_no[first_start], 3
        if (look_at, look_no) < (moment, order):
            moment, order, kind = look_at, look_no, 4
        if at < count and arrivals[at] <= moment:
            now, index = arrivals[at], at
            at += 1
            if limit >= 0 and waiting >= limit:
                status[index], finished[index] = REFUSED, now + overhead
            elif waiting == 0 and busy < ready * per:
                busy += 1
                began[index] = now
                heap = _push(times, numbers, items, heap, now + work[index], number, index)
                number += 1
            else:
                queue[tail], wait_times[tail], wait_numbers[tail] = index, now + max_wait, number
                tail += 1
                waiting += 1
                number += 1
            continue
        if kind == 0:
            break
        dispatch = False
        if kind == 1:
            index = queue[expiry]
            expiry += 1
            waiting -= 1
            status[index], finished[index] = REFUSED, moment + overhead
        elif kind == 2:  # noqa: PLR2004 - the kinds are numbers here
            index = items[0]
            heap = _pop(times, numbers, items, heap)
            busy -= 1
            if moment - arrivals[index] + overhead > timeout:
                status[index], finished[index] = TIMED_OUT, arrivals[index] + timeout
            else:
                status[index], finished[index] = OK, moment + overhead
            dispatch = waiting > 0
        elif kind == 3:  # noqa: PLR2004
            starting -= starts_n[first_start]
            ready += starts_n[first_start]
            first_start += 1
            dispatch = True
        else:
            load = busy + (waiting if queued_counts else 0)
            needed = math.ceil(load / per / target - _EXACT)
            want, present = min(max(needed, least), most), ready + starting
            if want > present:
                starting += want - present
                starts_at.append(moment + start)
                starts_no.append(number)
                starts_n.append(want - present)
                number += 1
                below = -1.0
            elif want < present:
                if below < 0:
                    below = moment
                elif moment - below >= down_after:
                    removed = min(present - want, ready)
                    ready -= min(removed, max(present - least, 0))
                    below = -1.0
            else:
                below = -1.0
            look_at, look_no = _FOREVER, _NO_NUMBER
            if moment < last or busy or waiting:
                look_at, look_no = moment + refresh, number
                number += 1
        if dispatch:
            slots = ready * per
            while waiting and busy < slots:
                index = queue[head]
                head += 1
                if status[index] == 0 and began[index] == _FOREVER:
                    waiting -= 1
                    busy += 1
                    began[index] = moment
                    heap = _push(times, numbers, items, heap, moment + work[index], number, index)
                    number += 1
        if kind >= 3:  # noqa: PLR2004
            if changed_at[-1] == moment and len(changed_at) > 1:
                changed_at.pop()
                changed_ready.pop()
                changed_starting.pop()
            if changed_ready[-1] != ready or changed_starting[-1] != starting:
                changed_at.append(moment)
                changed_ready.append(ready)
                changed_starting.append(starting)
    return status, finished, began, changed_at, changed_ready, changed_starting


def run(scenario: Scenario) -> Result:
    """Simulate a scenario that was checked; the lists of the result are arrays."""
    arrivals = np.asarray(scenario.arrivals, dtype=np.float64)
    order = np.argsort(arrivals, kind="stable")
    work = np.broadcast_to(np.asarray(scenario.service_seconds, dtype=np.float64), arrivals.shape)
    scaler = scenario.autoscaler or Autoscale()
    found = _loop(
        arrivals[order], np.ascontiguousarray(work[order]), scenario.per_container, float(scenario.max_wait_seconds),
        float(scenario.timeout_seconds), float(scenario.overhead_seconds),
        -1 if scenario.queue_limit is None else scenario.queue_limit,
        scenario.autoscaler is not None, scaler.mode == BUSY_AND_QUEUED, scaler.min, scaler.max, float(scaler.target),
        float(scaler.refresh_seconds), float(scaler.down_after_seconds), float(scaler.start_seconds), scenario.initial,
    )  # fmt: skip
    status, finished, began = (np.empty_like(part) for part in found[:3])
    for whole, part in zip((status, finished, began), found[:3], strict=True):
        whole[order] = part
    changes = list(zip(*found[3:], strict=True))
    return Result(status, finished, finished - arrivals, changes, began)


def warm() -> None:
    """Compile, with every kind of event."""
    run(Scenario([0.0, 0.1, 0.2, 3.0], [0.5, 0.5, 0.5, 0.5], Autoscale(start_seconds=0.5), timeout_seconds=0.4))
