"""Every worked number of the closed forms, to six digits."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.capacity import queueing as q
from amlwidgets.errors import BadInput

WORKED = [
    (q.erlang_b(10, 8), 0.121661),
    (q.erlang_c(10, 8), 0.409180),
    (q.erlang_b(4, 3), 0.206107),
    (q.erlang_c(4, 3), 0.509434),
    (q.erlang_b(10, 7), 0.078741),
    (q.erlang_c(10, 7), 0.221732),
    (q.erlang_b(20, 14), 0.030035),
    (q.erlang_c(20, 14), 0.093561),
    (q.mean_wait(14, 0.5, 10), 0.036955),
    (q.mean_wait(14, 0.5, 10) + 0.5, 0.536955),
    (q.mean_wait(14, 0.5, 10) * 14, 0.517373),
    (q.wait_longer_than(14, 0.5, 10, 0.5), 0.011039),
    (q.mean_wait(14, 0.5, 10, service_cv2=0), 0.018478),
    (q.mean_wait(14, 0.5, 10, service_cv2=0.25), 0.023097),
    (q.mean_wait(14, 0.5, 10, service_cv2=4), 0.092388),
    (q.sakasegawa_wait(14, 0.5, 10, service_cv2=0.25), 0.027930),
    (q.loss_with_room(14, 0.5, 10, 20), 0.001887),
    (q.loss_with_room(4, 0.5, 3, 6), 0.048120),
    *((q.refused_after(rate, 0.5, 10, 0.5), share) for rate, share in ((14, 0.003338), (20, 0.068212), (24, 0.177424))),
    *(
        (q.refused_after(14, 0.5, c, 0.5), share)
        for c, share in zip(
            range(7, 14), (0.090759, 0.036726, 0.012066, 0.003338, 0.000808, 0.000176, 0.000035), strict=True
        )
    ),
    (q.mean_wait(0.8, 1, 1), 4.0),
    (q.mean_wait(1.5, 1, 2), 1.285714),
    (q.erlang_c(230, 200), 0.023516),
    (q.erlang_c(240, 200), 0.003605),
    *(
        (q.refused_after(1.4, 0.5, c, 0.5), share)
        for c, share in zip(range(1, 5), (0.244226, 0.032715, 0.002840, 0.000183), strict=True)
    ),
]


@pytest.mark.parametrize(("found", "expected"), WORKED)
def test_worked_numbers(found, expected):
    assert found == pytest.approx(expected, abs=1e-6)


def test_very_small_shares():
    assert q.erlang_c(286, 200) == pytest.approx(6.57e-9, rel=1e-3)
    assert q.refused_after(140, 0.5, 100, 0.5) == pytest.approx(1.3e-17, rel=0.05)


def test_the_step():
    assert q.lost_in_step(28, 0.5, 10, 30) == 240
    assert q.lost_in_step(10, 0.5, 10, 30) == 0


def test_fewest_replicas():
    assert q.fewest_replicas(14, 0.5, 0.5, 0.001) == 11
    assert q.fewest_replicas(1.4, 0.5, 0.5, 0.01) == 3
    assert q.fewest_replicas(0.001, 0.001, 0.5, 1) == 1


@given(st.floats(0.01, 500), st.floats(0.01, 20), st.floats(0, 5))
def test_more_replicas_never_refuse_more(rate, seconds, patience):
    start = max(math.ceil(rate * seconds), 1)
    shares = [q.refused_after(rate, seconds, c, patience) for c in range(start, start + 5)]
    assert all(0 <= share <= 1 for share in shares)
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(shares))


def test_thousands_of_replicas_do_not_overflow():
    assert 0 < q.refused_after(9000, 1, 9000, 0.5) < 0.1
    assert 0 < q.loss_with_room(9000, 1, 9000, 18000) < 1
    assert q.erlang_c(5, 5) == 1.0
    assert q.mean_wait(10, 1, 5) == math.inf


def test_an_overload_refuses_what_cannot_be_served():
    assert q.refused_after(1000, 1, 10, 0.5) == pytest.approx(0.99, abs=1e-6)
    assert q.refused_after(5000, 1, 10, 60) == pytest.approx(0.998, abs=1e-6)


@pytest.mark.parametrize("values", [(0, 1, 1, 1), (1, -1, 1, 1), (1, 1, 0, 1), (1, 1, 1, -1), (math.nan, 1, 1, 1)])
def test_bad_input(values):
    with pytest.raises(BadInput):
        q.refused_after(*values)


def test_many_idle_replicas_refuse_nothing():
    assert q.refused_after(4.0, 0.2, 286, 0.5) == 0.0
    assert q.refused_after(4.0, 0.2, 20, 0.5) < 1e-12
