"""Predictions, warnings, recommendations, sweeps: the worked examples, properties, and bad input."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from amlwidgets.capacity import Settings, predict, recommend, sweep
from amlwidgets.capacity.advice import few_wait, share, warnings
from amlwidgets.capacity.prediction import cost_per_month, enough, formula, steady_refused
from amlwidgets.capacity.settings import PRESETS, schema, settings_from
from amlwidgets.capacity.sweeping import grid
from amlwidgets.errors import BadInput

GUIDE = settings_from(PRESETS["The guide's example"])
REFERENCE = settings_from({"rps": 14, "seconds": 0.5, "min_replicas": 10, "max_replicas": 20, "peak": 2})
SMALL = settings_from(PRESETS["Small and unlucky"])


def test_the_guides_example_is_286_and_230_would_do():
    assert formula(GUIDE) == 286
    assert few_wait(GUIDE) == 230
    (said,) = [w for w in warnings(GUIDE) if "would do" in w]
    assert (
        "The formula's 286 leave room to spare. For steady random traffic 230 would do: 2.4 % of the requests wait"
        in said
    )


def test_one_replica_by_the_formula_refuses_a_quarter():
    assert formula(SMALL) == 1
    assert round(steady_refused(SMALL, 1), 6) == 0.244226
    assert "The formula's 1 refuses 24 % of steady random traffic" in " ".join(warnings(SMALL))
    found = predict(SMALL)
    low, high = found.refused_range
    assert low < 0.244226 < high
    assert abs(found.refused - 0.244226) < 0.02


def test_a_peak_above_the_minimum_brings_503_back():
    said = " ".join(warnings(REFERENCE, predict(REFERENCE)))
    assert "A peak of 28/s is more than the minimum of 10 can hold (20/s)" in said
    assert "where only the minimum is ready, 503 comes back" in said
    assert "about 240 requests in 30 s" in said
    assert "“Spikes of up to 30 %” is 30 % of the capacity: at 70 % the load may grow by 43 %" in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"min_replicas": 2, "max_replicas": 40},
            "A lower target starts replicas earlier, not faster: each still needs 30 s",
        ),
        ({"timeout_seconds": 1.0}, "503 turns into 504"),
        ({"per_container": 2}, "WORKER_COUNT=2"),
        ({"target": 100}, "none is in reserve"),
        ({"max_replicas": 12}, "Even 12 replicas hold only 24/s"),
        ({"kind": "managed"}, "quarter of an hour"),
    ],
)
def test_what_else_is_warned_of(changes, words):
    settings = settings_from(changes, REFERENCE)
    assert words in " ".join(warnings(settings, predict(settings, seeds=1)))


def test_the_picture_adds_up():
    found = predict(Settings(), seeds=3)
    series, width = found.series, found.seconds / 150
    assert math.isclose((series.refused * width).sum() * 3, found.refused * found.requests, rel_tol=0.02)
    assert (series.refused_low <= series.refused).all()
    assert (series.refused <= series.refused_high).all()
    assert (series.busy <= series.ready_high + 1e-9).all()
    assert (series.ready_low >= 4).all()
    assert (series.queue >= 0).all()
    assert found.p50 <= found.p95 <= found.p99
    assert len(found.latencies) == round((1 - found.refused - found.late) * found.requests) or found.seeds > 1


def test_the_closed_form_lies_inside_the_range_over_seeds():
    settings = settings_from({"traffic": "steady", "max_replicas": 10, "minutes": 30}, REFERENCE)
    found = predict(settings, seeds=20)
    low, high = found.refused_range
    assert low < steady_refused(settings, 10) < high
    assert abs(found.refused / 0.003338 - 1) < 0.25


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 100), st.floats(0.05, 3), st.integers(1, 3), st.floats(0.01, 10))
def test_enough_is_the_fewest_and_grows_with_rate_and_time(rps, seconds, per, limit):
    settings = settings_from({"rps": rps, "seconds": seconds, "per_container": per, "most_refused": limit})
    needed = enough(settings)
    assert needed >= 1
    assert steady_refused(settings, needed) <= limit / 100
    assert needed == 1 or steady_refused(settings, needed - 1) > limit / 100
    assert enough(settings_from({"rps": rps * 1.5}, settings)) >= needed
    assert formula(settings) >= 1


@pytest.mark.parametrize("kind", ["v1", "v2", "managed"])
def test_all_kinds_are_simulated(kind):
    found = predict(settings_from({"kind": kind, "min_replicas": 4, "traffic": "spike"}), seeds=2)
    assert 0 < found.refused < 1


def test_a_recommendation_keeps_the_limits_and_one_replica_fewer_does_not():
    asked = Settings(most_refused=1.0)
    found = recommend(asked, seeds=3)
    assert found.possible
    assert predict(found.settings).refused <= 0.01
    fewer = settings_from({"min_replicas": found.settings.min_replicas - 1}, found.settings)
    assert predict(fewer).refused > 0.01
    reasons = " ".join(found.reasons)
    assert f"At least {found.settings.min_replicas} from the beginning: a new replica needs 30 s" in reasons
    assert "queueing theory refuses" in reasons


def test_what_cannot_be_reached_is_said():
    found = recommend(Settings(most_p95=0.1), seeds=1)
    assert not found.possible
    assert "No number of replicas answers 95 % within 0.1 s" in found.reasons[0]


def test_the_cost_is_told_only_with_prices():
    assert cost_per_month(Settings(), 10) is None
    priced = settings_from({"cores": 1, "memory_gb": 2, "core_price": 0.05, "gb_price": 0.01})
    assert cost_per_month(priced, 10) == pytest.approx(0.07 * 730 * 10)


def test_a_sweep_finds_the_cheapest_that_keeps_the_limit_and_can_be_cancelled():
    base, seen = settings_from({"most_refused": 0.5, "max_replicas": 24}, REFERENCE), []
    found = sweep(
        base, min_replicas=[2, 16, 20], target=[70.0, 90.0], progress=lambda n, of: seen.append((n, of)), jobs=2
    )
    assert [p.values for p in found.points] == grid(base, min_replicas=[2, 16, 20], target=[70.0, 90.0])
    assert seen[-1] == (6, 6)
    assert found.best.keeps
    assert all(p.present >= found.best.present for p in found.points if p.keeps)
    assert not found.points[0].keeps
    stop = threading.Event()
    cut = sweep(base, min_replicas=range(1, 24), cancel=stop, progress=lambda *_: stop.set(), jobs=2)
    assert cut.cancelled
    assert len(cut.points) == 1
    with pytest.raises(BadInput, match="nothing to try"):
        sweep(base)


BAD = [-1, 0, math.nan, math.inf, 1e300, "many", None, True, [1]]


@pytest.mark.parametrize("field", [f for f in schema() if "least" in f], ids=lambda f: f["name"])
def test_bad_numbers_get_one_sentence_that_names_them(field):
    for value in BAD:
        if value == 0 and field["least"] == 0:
            continue
        with pytest.raises(BadInput, match=field["name"]) as caught:
            settings_from({field["name"]: value})
        assert caught.value.code == "capacity-input"
        assert "\n" not in caught.value.message


def test_other_bad_settings():
    with pytest.raises(BadInput, match="no setting “speed”"):
        settings_from({"speed": 1})
    with pytest.raises(BadInput, match="has to be one of steady"):
        settings_from({"traffic": "wild"})
    with pytest.raises(BadInput, match="30 replicas at least are more than the 20 of the maximum"):
        settings_from({"min_replicas": 30})
    with pytest.raises(BadInput, match="At most 3 replicas are fewer than the 4"):
        settings_from({"max_replicas": 3})


def test_absurd_sizes_are_answered_quickly():
    found = predict(settings_from({"rps": 20_000, "seconds": 600, "max_replicas": 1000, "minutes": 1440}), seeds=1)
    assert found.cut
    assert found.requests <= 200_000
    assert enough(found.settings) is None
    assert warnings(found.settings, found)


def test_shares_read_well():
    assert [share(v) for v in (0, 0.244226, 0.00333, 1e-9, 1, 0.095)] == [
        "0 %", "24 %", "0.33 %", "under 0.001 %", "100 %", "9.5 %",
    ]  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_the_situations_can_be_used(name):
    found = predict(settings_from(PRESETS[name]), seeds=1)
    assert np.isfinite(found.series.offered).all()
