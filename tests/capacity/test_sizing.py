"""The guides' formula, exactly, and what is no input for it."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.capacity import replicas
from amlwidgets.errors import BadInput


@pytest.mark.parametrize(
    ("rps", "seconds", "per_container", "utilization", "expected"),
    [
        (20, 10, 1, 70, 286),  # the guides' own examples
        (5, 0.2, 1, 70, 2),
        (21, 1, 1, 70, 30),  # in floating point 31
        (10, 0.21, 1, 70, 3),  # in floating point 4
        (20, 10, 4, 70, 72),
        (0, 1, 1, 70, 1),
        (0.1, 0.1, 1, 100, 1),
        (1000, 1, 1, 100, 1000),
    ],
)
def test_worked_examples(rps, seconds, per_container, utilization, expected):
    assert replicas(rps, seconds, per_container, utilization).replicas == expected


def test_both_meanings_of_thirty_percent():
    sizing = replicas(20, 10)
    assert sizing.idle_share == pytest.approx(0.3)
    assert sizing.headroom == pytest.approx(0.428571, abs=1e-6)
    assert sizing.busy_replicas == 200


@given(st.floats(0, 1e4), st.floats(0, 100), st.integers(1, 64), st.floats(1, 100))
def test_never_zero_and_never_too_few(rps, seconds, per_container, utilization):
    found = replicas(rps, seconds, per_container, utilization)
    assert found.replicas >= 1
    assert found.replicas * per_container * utilization / 100 >= rps * seconds * (1 - 1e-9)
    assert replicas(rps + 1, seconds, per_container, utilization).replicas >= found.replicas
    assert replicas(rps, seconds + 1, per_container, utilization).replicas >= found.replicas


@pytest.mark.parametrize(
    "values",
    [
        (-1, 1), (1, -1), (math.nan, 1), (1, math.inf), (1, 1, 0), (1, 1, 1.5), (1, 1, 1, 0), (1, 1, 1, 101),
        (1e9, 1e9), (True, 1), ("3", 1),
    ],
)  # fmt: skip
def test_bad_input_gets_one_sentence(values):
    with pytest.raises(BadInput) as caught:
        replicas(*values)
    assert caught.value.message.endswith(".")
    assert caught.value.code == "capacity-input"


def command(*arguments, text=None):
    program = [sys.executable, "-m", "amlwidgets.cli", *arguments]
    return subprocess.run(program, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_the_command():
    done = command("replicas", "--rps", "20", "--seconds", "10", "--format", "json")
    answer = json.loads(done.stdout)
    assert (answer["schema"], answer["replicas"]) == (1, 286)
    assert answer["concurrent_requests"] == pytest.approx(285.714286)
    words = command("replicas", "--rps", "1.4", "--seconds", "0.5").stdout
    assert "1 replica " in words
    assert "24 % of the requests would wait" in words
    assert command("replicas", "--rps", "-1", "--seconds", "1").returncode == 2
    assert command("replicas", "--rps", "x", "--seconds", "1").returncode == 2


def test_the_simulation_command(tmp_path):
    scenario = {"arrivals": [0.0] * 10, "service_seconds": 0.25, "replicas": 4}
    done = command("simulate", "-", "--format", "json", text=json.dumps(scenario))
    answer = json.loads(done.stdout)
    assert answer["schema"] == 1
    assert answer["status"] == {"200": 8, "503": 2, "504": 0}
    assert answer["changes"] == [[0.0, 4, 0]]
    (tmp_path / "s.json").write_text(json.dumps(scenario))
    assert "20.00%  503" in command("simulate", str(tmp_path / "s.json")).stdout
    for bad, words in (("{", "not JSON"), ("{}", "no arrivals"), ('{"arrivals": [], "service_seconds": 1}', "empty")):
        done = command("simulate", "-", text=bad)
        assert done.returncode == 2
        assert words in done.stderr
    assert command("simulate", str(tmp_path / "none.json")).returncode == 2


def test_the_command_says_why_fewer_or_more_would_do():
    def said(*numbers):
        command = [sys.executable, "-m", "amlwidgets.cli", "replicas", *numbers]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    large = said("--rps", "20", "--seconds", "10")
    assert "286 replicas" in large
    assert "For steady random traffic 230 would do: 2.4 % of the requests wait at all" in large
    small = json.loads(said("--rps", "1.4", "--seconds", "0.5", "--format", "json"))
    assert small["replicas"] == 1
    assert round(small["refused_share"], 6) == 0.244226
    assert "The formula's 1 refuses 24 % of steady random traffic" in small["advice"][0]
