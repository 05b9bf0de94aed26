"""The simulator against the router with real inference servers: one recorded trace with a step and a spike."""

from __future__ import annotations

import pytest
from reality import RULE, run_trace


@pytest.mark.sandbox
@pytest.mark.timeout(240)
def test_the_prediction_holds_against_real_servers(tmp_path):
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        found = run_trace("mixed", folder, RULE)
        # A machine that sends its own requests late plays another trace than the recorded one.
        if found.late < 0.05:
            break
    real, predicted = found.refused
    assert 0.005 < real < 0.5, "the trace is made to lose some"
    assert abs(real - predicted) < 0.03
    assert found.close >= 0.95
    assert max(found.ready) >= 5, "and to make the autoscaler work"
