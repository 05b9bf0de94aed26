"""The simulator: the golden runs, an independent model in simpy on the same draws, and the closed form."""

from __future__ import annotations

import math
import random
from collections import deque

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from amlwidgets.capacity import Autoscale, Scenario, simulate
from amlwidgets.capacity import queueing as q
from amlwidgets.capacity.scenario import from_dict
from amlwidgets.errors import BadInput

STEP = (
    [0.25 + 0.5 * i for i in range(120)]
    + [60.25 + 0.125 * i for i in range(960)]
    + [180.25 + 0.5 * i for i in range(360)]
)
GOLDEN = {
    # One entry an instant: the state after all of its events.
    "busy": (1361, 79, [(0, 1, 0), (1, 1, 1), (31, 2, 0), (61, 2, 1), (91, 3, 2), (121, 5, 3), (151, 8, 0), (182, 2, 0)]),
    "busy+queued": (1362, 78, [(0, 1, 0), (1, 1, 1), (31, 2, 0), (61, 2, 6), (62, 2, 7), (64, 2, 8), (91, 8, 2),
                               (92, 9, 1), (94, 10, 0), (152, 6, 0), (241, 2, 0)]),
}  # fmt: skip


@pytest.mark.parametrize("mode", GOLDEN)
def test_golden_runs(mode):
    answered, refused, changes = GOLDEN[mode]
    found = simulate(Scenario(STEP, 0.375, Autoscale(mode=mode)))
    assert (found.count(200), found.count(503), found.count(504)) == (answered, refused, 0)
    assert found.changes == changes


@pytest.mark.parametrize(
    ("arrivals", "seconds", "replicas", "expected"),
    [
        ([i / 16 for i in range(1, 961)], 0.5, 4, {"200": 484, "503": 476, "504": 0}),
        ([0.0] * 10, 0.25, 4, {"200": 8, "503": 2, "504": 0}),
        ([0.0] * 20, 0.25, 4, {"200": 8, "503": 12, "504": 0}),
        ([0.0], 61.0, 1, {"200": 0, "503": 0, "504": 1}),
    ],
)
def test_fixed_replicas(arrivals, seconds, replicas, expected):
    assert simulate(Scenario(arrivals, seconds, replicas=replicas)).to_dict()["status"] == expected


class Model:
    """The same rules in simpy, written for itself: processes instead of events."""

    def __init__(self, scenario):
        self.scenario, self.env = scenario, simpy.Environment()
        self.scaler = scenario.autoscaler
        self.ready, self.starting, self.busy = scenario.initial, 0, 0
        self.queue, self.below = deque(), None
        self.status = [0] * len(scenario.arrivals)
        self.last = max(scenario.arrivals)

    def run(self):
        for index in sorted(range(len(self.status)), key=self.scenario.arrivals.__getitem__):
            self.env.process(self.arrival(index))
        if self.scaler:
            self.env.process(self.looking())
        self.env.run()
        return self.status

    def arrival(self, index):
        yield self.env.timeout(self.scenario.arrivals[index])
        limit = self.scenario.queue_limit
        if limit is not None and len(self.queue) >= limit:
            self.status[index] = 503
            return
        self.queue.append(index)
        self.dispatch()
        if index in self.queue:
            yield self.env.timeout(self.scenario.max_wait_seconds)
            if index in self.queue:
                self.queue.remove(index)
                self.status[index] = 503

    def dispatch(self):
        while self.queue and self.busy < self.ready * self.scenario.per_container:
            self.busy += 1
            self.env.process(self.serve(self.queue.popleft()))

    def serve(self, index):
        scenario = self.scenario
        yield self.env.timeout(scenario.service_seconds[index])
        self.busy -= 1
        took = self.env.now - scenario.arrivals[index] + scenario.overhead_seconds
        self.status[index] = 504 if took > scenario.timeout_seconds else 200
        self.dispatch()

    def start(self, count):
        yield self.env.timeout(self.scaler.start_seconds)
        self.starting -= count
        self.ready += count
        self.dispatch()

    def looking(self):
        rule = self.scaler
        while True:
            yield self.env.timeout(rule.refresh_seconds)
            load = self.busy + (len(self.queue) if rule.mode == "busy+queued" else 0)
            want = math.ceil(load / self.scenario.per_container / rule.target - 1e-12)
            want, now = min(max(want, rule.min), rule.max), self.ready + self.starting
            if want > now:
                self.starting += want - now
                self.env.process(self.start(want - now))
            if want >= now:
                self.below = None
            elif self.below is None:
                self.below = self.env.now
            elif self.env.now - self.below >= rule.down_after_seconds:
                self.ready -= min(now - want, self.ready)
                self.below = None
            if not (self.env.now < self.last or self.busy or self.queue):
                return


@pytest.mark.parametrize("mode", ["busy", "busy+queued", None])
@pytest.mark.parametrize("seed", range(6))
def test_the_same_answers_as_an_independent_model(mode, seed):
    draw = random.Random(seed)
    arrivals, now = [], 0.0
    for index in range(3000):
        now += draw.expovariate(4 if index < 1000 or index > 2000 else 12)
        arrivals.append(now)
    draw.shuffle(arrivals)
    times = [draw.expovariate(1.5) + (70 if draw.random() < 0.002 else 0) for _ in arrivals]
    scaler = None if mode is None else Autoscale(mode=mode, min=2, max=20, start_seconds=7, down_after_seconds=15)
    limit = 5 if seed % 2 else None
    scenario = Scenario(arrivals, times, scaler, replicas=6, per_container=1 + seed % 2, queue_limit=limit)
    found = simulate(scenario, fast=False)
    assert found.status == Model(scenario).run()
    assert {200, 503} <= set(found.status)


def test_the_closed_form_lies_inside_the_simulations_interval():
    shares = []
    for seed in range(30):
        draw, now, arrivals = random.Random(seed), 0.0, []
        for _ in range(4000):
            now += draw.expovariate(14)
            arrivals.append(now)
        times = [draw.expovariate(2) for _ in arrivals]
        shares.append(simulate(Scenario(arrivals, times, replicas=8, overhead_seconds=0)).share(503))
    mean = sum(shares) / len(shares)
    spread = math.sqrt(sum((share - mean) ** 2 for share in shares) / (len(shares) - 1) / len(shares))
    assert abs(mean - q.refused_after(14, 0.5, 8, 0.5)) < 4 * spread


@settings(max_examples=60)
@given(
    st.lists(st.floats(0, 50), min_size=1, max_size=60),
    st.floats(0, 5),
    st.sampled_from(["busy", "busy+queued"]),
    st.integers(1, 3),
    st.integers(1, 6),
)
def test_every_request_is_answered_and_replicas_stay_within_limits(arrivals, seconds, mode, least, more):
    scaler = Autoscale(mode=mode, min=least, max=least + more, start_seconds=3, down_after_seconds=5)
    found = simulate(Scenario(arrivals, seconds, scaler))
    assert all(status in (200, 503, 504) for status in found.status)
    assert all(latency >= 0 for latency in found.latency)
    assert all(least <= ready + starting <= least + more for _, ready, starting in found.changes)
    moments = [moment for moment, _, _ in found.changes]
    assert moments == sorted(set(moments))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "JSON object"),
        ({"arrivals": [], "service_seconds": 1}, "empty"),
        ({"arrivals": [1]}, "no service_seconds"),
        ({"arrivals": [1, math.nan], "service_seconds": 1}, "arrivals[1]"),
        ({"arrivals": [-1], "service_seconds": 1}, "arrivals[0]"),
        ({"arrivals": "abc", "service_seconds": 1}, "list of numbers"),
        ({"arrivals": [1], "service_seconds": [1, 2]}, "2 service times for 1 arrivals"),
        ({"arrivals": [1], "service_seconds": -1}, "service_seconds"),
        ({"arrivals": [1], "service_seconds": 1, "replicas": 0}, "replicas"),
        ({"arrivals": [1], "service_seconds": 1, "replicas": 3, "autoscaler": {}}, "autoscaler.initial"),
        ({"arrivals": [0, True], "service_seconds": 1}, "arrivals"),
        ({"arrivals": [1], "service_seconds": 1, "speed": 3}, "no speed"),
        ({"arrivals": [1], "service_seconds": 1, "autoscaler": {"min": 5, "max": 2}}, "larger"),
        ({"arrivals": [1], "service_seconds": 1, "autoscaler": {"mode": "cpu"}}, "cpu"),
        ({"arrivals": [1], "service_seconds": 1, "autoscaler": {"target": 0}}, "target"),
        ({"arrivals": [1], "service_seconds": 1, "autoscaler": {"refresh_seconds": 0}}, "refresh_seconds"),
        ({"arrivals": [1.7e9], "service_seconds": 1, "autoscaler": {}}, "Moments are seconds from its beginning"),
        ({"arrivals": [0], "service_seconds": [1e12], "autoscaler": {}}, "looks more than"),
    ],
)
def test_bad_scenarios_get_one_sentence(content, words):
    with pytest.raises(BadInput) as caught:
        from_dict(content)
    assert words in caught.value.message
    assert caught.value.message.endswith(".")
