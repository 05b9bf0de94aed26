"""``kill -9`` at random points of deployments; `make soak` does ten times as many."""

from __future__ import annotations

import pytest
from kills import Rounds

pytestmark = [pytest.mark.sandbox, pytest.mark.network, pytest.mark.timeout(600)]
KILLS = 10


def test_kills_at_random_points(tmp_path):
    rounds = Rounds(tmp_path, seed=20)
    try:
        rounds.prepare()
        for number in range(KILLS):
            rounds.round(number)
    finally:
        left = rounds.finish()
    assert not left, "\n".join(left)
    assert sum(rounds.outcomes.values()) >= KILLS, rounds.outcomes
