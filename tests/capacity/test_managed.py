"""Managed endpoints: the closed form, the rule of Azure Monitor with its guard, and the limits of time."""

from __future__ import annotations

import random

import pytest

from amlwidgets.capacity import ManagedScenario, MonitorRule, simulate_managed
from amlwidgets.capacity.queueing import loss_with_room
from amlwidgets.errors import BadInput


def poisson(rate, count, seed):
    draw, now, found = random.Random(seed), 0.0, []
    for _ in range(count):
        now += draw.expovariate(rate)
        found.append(now)
    return found, [draw.expovariate(2) for _ in found]


def test_the_closed_form_lies_inside_the_simulations_interval():
    shares = []
    for seed in range(8):
        arrivals, work = poisson(4, 20_000, seed)
        shares.append(simulate_managed(ManagedScenario(arrivals, work, instances=3, timeout_seconds=60)).share(429))
    mean = sum(shares) / len(shares)
    error = (sum((s - mean) ** 2 for s in shares) / 7 / 8) ** 0.5
    assert abs(mean - loss_with_room(4, 0.5, 3, 6)) < 3 * error
    assert 0.9 < mean / 0.048120 < 1.1


def test_more_than_twice_the_room_is_refused_and_what_is_late_is_408():
    found = simulate_managed(ManagedScenario([0.0] * 5, 1.0, instances=1, per_instance=2, timeout_seconds=1.5))
    assert list(found.status) == [200, 200, 408, 408, 429]
    assert found.finished[2] == 1.5


def test_instances_come_after_the_window_and_their_start():
    rule = MonitorRule(min=2, max=5, start_seconds=900)
    arrivals = [i / 8 for i in range(8 * 3600)]
    found = simulate_managed(ManagedScenario(arrivals, 0.5, instances=2, rule=rule))
    moments = [change[0] for change in found.changes]
    assert found.changes[1] == (60.0, 2, 2), "both are always busy: the first look adds two"
    assert found.changes[2][1:] in ((2, 3), (4, 0))
    assert max(ready for _, ready, _ in found.changes) == 5
    assert moments == sorted(moments)


@pytest.mark.parametrize(("rate", "shrinks"), [(0.2, True), (2.0, False)])
def test_the_guard_against_flapping(rate, shrinks):
    # Busy share rate * 0.5 / 3; the threshold to go in is just below that to go out.
    rule = MonitorRule(min=1, max=3, out_above=0.4, in_below=0.39)
    found = simulate_managed(ManagedScenario([i / rate for i in range(int(rate * 3600))], 0.5, instances=3, rule=rule))
    assert (found.changes[-1][1] == 1) is shrinks
    if not shrinks:
        assert found.changes[-1][1] == 3, "with one fewer it would be above the other threshold"


def test_bad_values_are_refused():
    with pytest.raises(BadInput, match="fewest instances"):
        simulate_managed(ManagedScenario([0.0], 1.0, rule=MonitorRule(min=4, max=2)))
    with pytest.raises(BadInput, match="empty"):
        simulate_managed(ManagedScenario([], 1.0))
