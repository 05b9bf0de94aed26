"""Shapes of load, draws, and traces from files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.capacity import Settings, predict, read_trace
from amlwidgets.capacity.settings import SHAPES
from amlwidgets.capacity.traffic import draw, parse_trace, shape, work
from amlwidgets.errors import BadInput

LOG = """\
2026-11-21 04:15:20,431 I [13517] azmlinfsrv - POST /score 200 250.5ms 8
2026-11-21 04:15:20,432 I [13517] gunicorn.access - 127.0.0.1 - - [21/Nov/2026:04:15:20 +0000] "POST /score HTTP/1.1" 200 8 "-" "x"
2026-11-21 04:15:20,500 I [13517] azmlinfsrv - GET / 200 0.3ms 7
2026-11-21 04:15:21,437 I [13517] azmlinfsrv - POST /score 500 2.284ms 92
2026-11-21 04:15:23,000 I [13517] azmlinfsrv - POST /score 200 100.0ms 8
"""


@pytest.mark.parametrize("name", SHAPES)
def test_as_many_arrive_as_the_shape_says(name):
    rate = shape(name, 20, 3, 600)
    counts = [len(draw(rate, seed, 10**6)) for seed in range(20)]
    assert abs(np.mean(counts) - rate.expected()[-1]) < 3 * np.sqrt(rate.expected()[-1] / 20)
    moments = draw(rate, 0, 10**6)
    assert (np.diff(moments) >= 0).all()
    assert 0 <= moments[0] <= moments[-1] <= 600


def test_a_step_is_where_it_belongs():
    moments = draw(shape("step", 10, 5, 400), 1, 10**6)
    before, after = (moments < 100).sum() / 100, (moments > 100).sum() / 300
    assert 8.5 < before < 11.5
    assert 47 < after < 53


@given(st.floats(0.5, 50), st.floats(1.01, 1.5))
def test_the_same_seed_moves_smoothly_with_the_rate(rps, more):
    slow, fast = (draw(shape("steady", r, 1, 30), 7, 10**6) for r in (rps, rps * more))
    count = min(len(slow), len(fast))
    assert np.allclose(slow[:count], fast[:count] * more)
    assert len(fast) >= len(slow)


def test_measured_times_keep_their_mean():
    assert work(5, 0.5, "constant", 0).tolist() == [0.5] * 5
    drawn = work(50_000, 2.0, "measured", 0, (0.1, 0.1, 0.4))
    assert set(np.round(drawn, 6)) == {1.0, 4.0}
    assert abs(drawn.mean() - 2.0) < 0.05


def test_an_access_log_is_a_trace():
    found = parse_trace(LOG, "server.log")
    assert np.allclose(found.service_seconds, [0.2505, 0.002284, 0.1])
    assert np.allclose(found.arrivals, [0, 1.254216, 2.7195], atol=1e-3)


@pytest.mark.parametrize(
    ("text", "arrivals", "took"),
    [
        ("0\n0.5\n2\n", (0, 0.5, 2), ()),
        ("timestamp\n10\n12\n", (0, 2), ()),
        ("id,time,duration\n1,2026-11-21T10:00:00,0.5\n2,2026-11-21T10:00:03,0.25\n", (0, 3), (0.5, 0.25)),
    ],
)
def test_a_csv_is_a_trace(tmp_path, text, arrivals, took):
    (tmp_path / "t.csv").write_text(text)
    found = read_trace(tmp_path / "t.csv")
    assert (found.arrivals, found.service_seconds) == (arrivals, took)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "holds no requests"), ("a,b\nc,d\n", "no moment that can be read"), ("time\nnan\n", "no usable number"),
     ("time,duration\n1,-3\n", "no usable number")],
)  # fmt: skip
def test_a_trace_that_cannot_be_used_says_why(text, words):
    with pytest.raises(BadInput, match=words):
        parse_trace(text)


def test_a_trace_is_simulated_as_it_came():
    trace = parse_trace("\n".join(str(i / 16) for i in range(1, 961)))
    settings = Settings(traffic="trace", seconds=0.5, variability="constant", min_replicas=4, max_replicas=4)
    found = predict(settings, trace=trace, seeds=1)
    # The first arrival is the beginning of the trace; otherwise the fixed run of the reference.
    assert abs(found.refused - 476 / 960) < 0.01
    assert found.requests == 960
