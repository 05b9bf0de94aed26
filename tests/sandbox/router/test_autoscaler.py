"""The autoscaler's rule against the worked runs of its source."""

from __future__ import annotations

import heapq
import itertools
from collections import deque

import pytest

from amlwidgets.sandbox.router.autoscaler import BUSY, BUSY_AND_QUEUED, Autoscaler, Rule

ARRIVALS = (
    [0.25 + 0.5 * i for i in range(120)]
    + [60.25 + 0.125 * i for i in range(960)]
    + [180.25 + 0.5 * i for i in range(360)]
)
GOLDEN = {
    BUSY: (1361, 79, "1,1,1 31,2,0 61,2,1 91,3,0 91,3,2 121,5,0 121,5,3 151,8,0 182,2,0"),
    BUSY_AND_QUEUED: (1362, 78, "1,1,1 31,2,0 61,2,6 62,2,7 64,2,8 91,8,2 92,9,1 94,10,0 152,6,0 241,2,0"),
}


class World:
    """A clock, a queue and replicas that take 30 seconds to start: just enough to let the rule work."""

    def __init__(self, signal):
        self.scaler = Autoscaler(Rule(signal=signal))
        self.ready, self.starting, self.busy = 1, 0, 0
        self.waiting, self.served, self.refused = deque(), 0, 0
        self.numbers, self.events, self.changes = itertools.count(), [], []
        for index, arrival in enumerate(ARRIVALS):
            self.at(arrival, self.arrive, index)
        self.at(1.0, self.look)

    def at(self, moment, what, *arguments):
        heapq.heappush(self.events, (moment, next(self.numbers), what, arguments))

    def run(self):
        while self.events:
            self.now, _, what, arguments = heapq.heappop(self.events)
            before = (self.ready, self.starting)
            what(*arguments)
            if (self.ready, self.starting) != before:
                self.changes.append((self.now, self.ready, self.starting))
        return self

    def arrive(self, index):
        self.waiting.append(index)
        self.dispatch()
        if index in self.waiting:
            self.at(self.now + 0.5, self.expire, index)

    def expire(self, index):
        if index in self.waiting:
            self.waiting.remove(index)
            self.refused += 1

    def dispatch(self):
        while self.waiting and self.busy < self.ready:
            self.waiting.popleft()
            self.busy += 1
            self.at(self.now + 0.375, self.done)

    def done(self):
        self.busy -= 1
        self.served += 1
        self.dispatch()

    def started(self):
        self.starting -= 1
        self.ready += 1
        self.dispatch()

    def look(self):
        present = self.ready + self.starting
        want = self.scaler.look(
            self.now, busy=self.busy, waiting=len(self.waiting), ready=self.ready, starting=self.starting
        )
        for _ in range(want - present):
            self.starting += 1
            self.at(self.now + 30.0, self.started)
        self.ready -= max(present - want, 0)
        if self.now < ARRIVALS[-1] or self.busy or self.waiting:
            self.at(self.now + 1.0, self.look)


@pytest.mark.parametrize("signal", GOLDEN)
def test_worked_runs(signal):
    served, refused, changes = GOLDEN[signal]
    world = World(signal).run()
    assert (world.served, world.refused) == (served, refused)
    last_of_each_moment = [f"{t:g},{ready},{starting}" for t, ready, starting in world.changes]
    expected = changes.split()
    # The worked table shows what is after all of a moment's events, and where replicas start at once, that too.
    assert [entry for entry in expected if entry not in last_of_each_moment] == []
    assert last_of_each_moment[-1] == expected[-1]


def test_what_starts_counts_as_present():
    scaler = Autoscaler(Rule(maximum=10))
    assert scaler.look(0, busy=2, waiting=0, ready=2, starting=0) == 3
    assert scaler.look(1, busy=2, waiting=0, ready=2, starting=1) == 3


def test_removal_waits_its_time_and_starts_again_when_replicas_are_needed():
    scaler = Autoscaler(Rule(minimum=1, down_after_seconds=60))
    assert scaler.look(0, busy=1, waiting=0, ready=5, starting=0) == 5
    assert scaler.look(59, busy=1, waiting=0, ready=5, starting=0) == 5
    assert scaler.look(59.5, busy=5, waiting=0, ready=5, starting=0) == 8
    assert scaler.look(60, busy=1, waiting=0, ready=5, starting=3) == 8
    assert scaler.look(120, busy=1, waiting=0, ready=8, starting=0) == 2


def test_limits_hold():
    scaler = Autoscaler(Rule(minimum=2, maximum=4))
    assert scaler.look(0, busy=100, waiting=100, ready=2, starting=0) == 4
    scaler = Autoscaler(Rule(minimum=2, down_after_seconds=0))
    seen = [scaler.look(now, busy=0, waiting=0, ready=3, starting=0) for now in (0, 1)]
    assert seen == [3, 2]


def test_thirty_is_thirty():
    """21 busy replicas at 70 % are 30, not 31, whatever 0.7 is in binary."""
    assert Autoscaler(Rule(maximum=99)).look(0, busy=21, waiting=0, ready=1, starting=0) == 30


@pytest.mark.parametrize("off", [-0.004, 0.0, 0.004])
def test_a_look_some_milliseconds_off_is_the_look_of_its_second(off):
    scaler = Autoscaler(Rule(minimum=1, down_after_seconds=6.0))
    seen = {"busy": 0, "waiting": 0, "ready": 5, "starting": 0}
    assert [scaler.look(now, **seen) for now in (1.0, 2.0, 6.0)] == [5, 5, 5]
    assert scaler.look(7.0 + off, **seen) == 1
