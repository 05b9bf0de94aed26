"""Measuring: a bounded load against real inference servers behind the router, what is told from it, and its limits."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest
from reality import ADDRESS, LOAD_SECONDS, NAME, Fleet

from amlwidgets.capacity import Settings
from amlwidgets.errors import BadInput, ServiceFailed
from amlwidgets.sandbox.router.autoscaler import BUSY_AND_QUEUED, Rule
from amlwidgets.services.measure import Answer, LoadPlan, Measured, Measurement
from amlwidgets.widgets.calculator import ReplicaCalculator

# One request after another must not make it grow: only those that wait do.
RULE_V2 = Rule(1, 3, 1.0, 1.0, 60.0, BUSY_AND_QUEUED)
BODY = json.dumps({"sleep": 0.3})
HEAD = {"Host": f"{ADDRESS}:80"}


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    made = Fleet(tmp_path_factory.mktemp("fleet"), RULE_V2)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def plan(fleet, **changes):
    address = f"http://127.0.0.1:{fleet.router.port}/api/v1/service/{NAME}/score"
    return LoadPlan(**{"address": address, "rate": 8.0, "seconds": 9.0, "body": BODY} | changes)


@pytest.mark.sandbox
def test_service_time_start_and_concurrency_are_told_and_predicted(fleet):
    fleet.scaled()
    progress = []
    measurement = Measurement(plan(fleet), HEAD, progress.append)
    measurement.start()
    seen = measurement.result(60)
    assert 0.3 <= seen.seconds.value < 0.45
    assert seen.at_work.value == 1
    assert LOAD_SECONDS - 0.5 < seen.start_seconds.value < LOAD_SECONDS + 3
    assert len(seen.answers) > 40
    assert progress == sorted(progress)

    # The calculator takes it over, and says how its prediction did.
    calculator = ReplicaCalculator(kind="v2", target=100, min_replicas=1, max_replicas=3, minutes=1)
    predicted = calculator._take_over(seen)
    assert calculator.settings["variability"] == "measured"
    assert calculator.settings["seconds"] == pytest.approx(seen.seconds.value, abs=1e-3)
    assert calculator.settings["start_seconds"] == pytest.approx(seen.start_seconds.value, abs=0.1)
    assert calculator.undo()["settings"]["variability"] == "random"
    assert abs(predicted.refused - seen.share(503)) < 0.1


@pytest.mark.sandbox
def test_it_stops_when_it_is_told_to(fleet):
    started = []
    measurement = Measurement(plan(fleet, seconds=100.0), HEAD, lambda _: measurement.stop() if not started else None)
    measurement.start()
    seen = measurement.result(30)
    assert seen.stopped
    assert len(seen.answers) < 50


@pytest.fixture
def silent():
    """A server that takes every request and answers none, and how many it took."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take():
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/score", taken
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for one in taken:
            one.close()


def test_stop_waits_for_no_answer(silent):
    address, taken = silent
    measurement = Measurement(LoadPlan(address), {})
    measurement.start()
    until(lambda: taken)
    measurement.stop()
    seen = measurement.result(20)
    assert seen.stopped
    assert seen.answers == seen.samples == ()
    assert len(taken) == 1


def test_the_calculator_stops_what_it_measures(silent):
    address, taken = silent
    calculator = ReplicaCalculator(minutes=1)
    before = dict(calculator.settings)
    plan = {"rate": 4, "seconds": 10, "concurrent": 8, "body": "{}", "address": address}
    calculator.measure(**plan, confirmed=True)
    until(lambda: taken)
    calculator.stop()
    until(lambda: not calculator.task["running"])
    assert "Stopped before its end." in calculator.task["words"]
    assert (calculator.settings, calculator.problem) == (before, {})


@pytest.mark.sandbox
def test_what_is_no_service_is_said(fleet):
    measurement = Measurement(plan(fleet), {"Host": "nobody"})
    measurement.start()
    with pytest.raises(ServiceFailed, match="answered 404, so that there is nothing to measure"):
        measurement.result(30)
    nobody = Measurement(LoadPlan("http://127.0.0.1:9/score"), {})
    nobody.start()
    with pytest.raises(ServiceFailed, match="did not answer"):
        nobody.result(30)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate": 51}, "rate above 0 and up to 50"),
        ({"rate": float("nan")}, "rate above 0"),
        ({"seconds": 0}, "seconds above 0 and up to 120"),
        ({"concurrent": 65}, "concurrent above 0 and up to 64"),
        ({"rate": 50.0, "seconds": 120.0}, "more than 3,000 requests"),
        ({"address": "ftp://x"}, "no scoring address"),
        ({"address": "http://"}, "no scoring address"),
        ({"address": "http://["}, "no scoring address"),
        ({"body": "{"}, "not JSON"),
    ],
)
def test_more_than_is_bearable_is_refused(changes, words):
    with pytest.raises(BadInput, match=words):
        LoadPlan(**{"address": "http://127.0.0.1/score"} | changes).check()


def test_it_is_asked_first_with_the_numbers():
    calculator = ReplicaCalculator(minutes=1)
    wanted = {"rate": 4, "seconds": 10, "concurrent": 8, "body": "{}", "address": "http://127.0.0.1:9/score"}
    asked = calculator.measure(**wanted)["confirm"]
    assert "about 40 in 10 s (4 a second, 8 at a time at most) to 127.0.0.1:9/score. It ends by itself" in asked
    assert "no sandbox" not in asked, "nothing here costs"
    real = calculator.measure(**wanted | {"address": "https://me:secret@svc.westeurope.inference.ml.azure.com/score"})
    assert "may start replicas for this load, which may cost" in real["confirm"]
    assert "secret" not in real["confirm"]
    assert calculator.task == {}
    with pytest.raises(BadInput, match="Which service"):
        calculator.measure(**wanted | {"address": ""})
    with pytest.raises(BadInput, match="no service to change"):
        calculator.apply()


def test_what_cannot_be_told_says_why():
    quiet = Measured(LoadPlan("http://x/score"), (0.2, 0.2), (Answer(0.0, 0.2, 200), Answer(1.0, 0.2, 200)))
    assert quiet.at_work.why == "the load never filled the service"
    assert quiet.start_seconds.value is None
    busy = Measured(quiet.plan, (0.2,), (Answer(0.0, 0.2, 200), Answer(0.1, 0.5, 503)))
    assert busy.at_work.value == 1
    assert busy.start_seconds.why == "no replica was added while it was measured"
    assert Settings().slots == 4
