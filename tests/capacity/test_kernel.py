"""The compiled loop against the plain one, value by value: in grids of equal moments too, where the tie rules decide."""

from __future__ import annotations

import random

import numpy as np
import pytest

from amlwidgets.capacity import Autoscale, Scenario, simulate

pytest.importorskip("numba", reason="the extra “fast” is not installed")


def scenario(seed):
    draw = random.Random(seed)
    grid, rate = draw.random() < 0.5, draw.choice([1, 5, 20])
    arrivals, now = [], 0.0
    for _ in range(300):
        now += draw.expovariate(rate)
        arrivals.append(round(now * 4) / 4 if grid else now)
    work = [round(draw.expovariate(2) * 8) / 8 if grid else draw.expovariate(2) for _ in arrivals]
    if draw.random() < 0.3:
        draw.shuffle(arrivals)
    scaler = Autoscale(
        draw.choice(["busy", "busy+queued"]), draw.randint(1, 3), draw.randint(3, 12), draw.choice([0.3, 0.7, 1]),
        draw.choice([1, 0.5]), draw.choice([0, 5, 20]), draw.choice([0, 1, 7.5, 30]), draw.choice([None, 1, 5]),
    )  # fmt: skip
    return Scenario(
        arrivals, 0.5 if draw.random() < 0.2 else work, None if draw.random() < 0.2 else scaler, draw.randint(1, 6),
        draw.randint(1, 3), draw.choice([0, 0.5, 2]), draw.choice([0.5, 1, 60]), draw.choice([0, 0.003]),
        draw.choice([None, None, 0, 3]),
    )  # fmt: skip


def test_both_engines_give_the_same_answers():
    for seed in range(400):
        given = scenario(seed)
        plain, fast = simulate(given, fast=False), simulate(given, fast=True)
        assert list(fast.status) == list(plain.status), seed
        assert list(fast.finished) == list(plain.finished), seed
        assert list(fast.began) == list(plain.began), seed
        assert [tuple(change) for change in fast.changes] == plain.changes, seed
        assert fast.to_dict() == plain.to_dict(), seed


def test_arrays_are_taken_by_both():
    given = scenario(3)
    arrays = Scenario(
        np.asarray(given.arrivals), np.broadcast_to(np.asarray(given.service_seconds), 300), given.autoscaler
    )
    assert simulate(arrays, fast=False).to_dict() == simulate(arrays, fast=True).to_dict()
