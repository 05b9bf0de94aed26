"""The calculator without a browser: questions and answers over a recording comm, with a byte budget for each message."""

import json
import re
import threading
import time

import plotly.graph_objects as go
import pytest

from amlwidgets.errors import BadInput
from amlwidgets.widgets.calculator import ReplicaCalculator
from amlwidgets.widgets.chart import Chart, as_dict, plotly_script

SMALL = {"rps": 4, "minutes": 1, "peak": 2}


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


@pytest.fixture
def calculator():
    return ReplicaCalculator(**SMALL)


def number(state, name):
    return next(n for n in state["shown"]["numbers"] if n["name"] == name)


def test_a_view_gets_numbers_figures_and_code_that_plotly_accepts(calculator):
    state = calculator.comm.ask("start")["result"]
    assert number(state, "formula")["value"] == "3"
    assert state["complete"]
    for figure in state["figures"].values():
        go.Figure(figure)
    assert "autoscale_enabled=True" in state["shown"]["code"]["SDK v1"]
    assert "bands are the range of the runs" in state["shown"]["note"]


def test_the_uncertainty_is_drawn_as_a_band(calculator):
    data = calculator.comm.ask("start")["result"]["figures"]["time"]["data"]
    bands = [trace for trace in data if trace.get("fill") == "tonexty"]
    assert len(bands) == 2, "of refused requests and of ready replicas"
    low, high = (data[data.index(bands[0]) - n]["y"] for n in (1, 0))
    assert all(a <= b for a, b in zip(low, high, strict=True))
    assert any(a < b for a, b in zip(low, high, strict=True))


def test_dragging_answers_roughly_keeps_nothing_and_sends_little(calculator):
    before = dict(calculator.settings)
    sent = len(calculator.comm.messages)
    rough = calculator.comm.ask("preview", settings={"rps": 9})["result"]
    assert rough["shown"]["rough"]
    assert rough["settings"]["rps"] == 9
    assert calculator.settings == before
    assert len(calculator.comm.messages) == sent + 1, "one answer, no traits"
    assert calculator.comm.sizes[-1] < 40_000


def test_releasing_keeps_and_the_rest_of_the_runs_follows():
    calculator = ReplicaCalculator(**SMALL | {"rps": 100, "max_replicas": 200, "min_replicas": 50})
    state = calculator.comm.ask("settle", settings={"rps": 120})["result"]
    assert calculator.settings["rps"] == 120
    full = state if state["complete"] else calculator.comm.ask("refine")["result"]
    assert full["complete"]
    assert "over 8 runs" in number(full, "refused")["words"] or number(full, "refused")["value"] == "0 %"


@pytest.mark.parametrize("value", [-1, 0, None, "many", 1e99])
def test_bad_input_gets_one_sentence_and_the_last_good_picture_stays(calculator, value):
    before = (dict(calculator.settings), dict(calculator.shown), dict(calculator.pictures))
    answer = calculator.comm.ask("settle", settings={"seconds": value})
    assert answer["error"]["message"].startswith("Time each (seconds) has to be a number from 0.001 to 600, not ")
    assert calculator.problem == answer["error"]
    assert (calculator.settings, calculator.shown, calculator.pictures) == before
    calculator.comm.ask("settle", settings={"seconds": 1})
    assert calculator.problem == {}


def test_undo_goes_back_step_by_step(calculator):
    comm = calculator.comm
    assert comm.ask("undo")["error"]["code"] == "undo-empty"
    comm.ask("settle", settings={"rps": 5})
    comm.ask("settle", settings={"rps": 6, "target": 50})
    comm.ask("settle", settings={"rps": 6})  # nothing changed
    assert comm.ask("undo")["result"]["settings"]["rps"] == 5
    state = comm.ask("undo")["result"]
    assert (state["settings"]["rps"], state["settings"]["target"]) == (4, 70)
    assert state["head"]["undo"] is False


def test_two_settings_side_by_side(calculator):
    calculator.comm.ask("hold", on=True)
    state = calculator.comm.ask("settle", settings={"target": 100, "min_replicas": 8})["result"]
    assert number(state, "formula")["held"] == "3"
    names = [trace["name"] for trace in state["figures"]["time"]["data"]]
    assert "held: refused" in names
    assert "held: ready" in names
    assert "4 to 20 replicas at 70 %" in state["head"]["held"]
    state = calculator.comm.ask("hold", on=False)["result"]
    assert "held" not in number(state, "formula")


def test_situations_and_traces(calculator):
    state = calculator.comm.ask("preset", name="The guide's example")["result"]
    assert number(state, "formula")["value"] == "286"
    assert any("230 would do" in sentence for sentence in state["shown"]["said"])
    assert calculator.comm.ask("preset", name="x")["error"]["code"] == "preset-unknown"
    assert calculator.comm.ask("settle", settings={"traffic": "trace"})["error"]["code"] == "trace-missing"
    text = "timestamp,duration\n" + "\n".join(f"{i / 4},0.2" for i in range(400))
    state = calculator.comm.ask("trace", text=text, name="t.csv")["result"]
    assert state["settings"]["traffic"] == "trace"
    assert state["settings"]["seconds"] == 0.2
    assert state["head"]["trace"] == "t.csv"
    assert calculator.comm.ask("trace", text="", name="empty.csv")["error"]["message"] == "empty.csv holds no requests."
    assert calculator.head["trace"] == "t.csv", "the last good picture stays"


def test_a_recommendation_comes_with_reasons(calculator):
    found = calculator.comm.ask("recommend")["result"]
    assert found["values"]["min_replicas"] >= 1
    assert "keep your limits" in found["title"]
    assert any("queueing theory" in reason for reason in found["reasons"])


def test_a_sweep_runs_beside_and_ends_with_a_map(calculator):
    assert calculator.comm.ask("sweep").get("error") is None
    until(lambda: not calculator.task.get("running"), 60)
    assert calculator.problem == {}
    assert calculator.task["progress"] == 1
    figure = calculator.comm.ask("task_figure")["result"]["figure"]
    go.Figure(figure)
    assert len(figure["data"][0]["x"]) > 10


def test_what_is_saved_is_small_and_reads_well_without_a_kernel(calculator):
    state = json.dumps(calculator.get_state(), default=str)
    assert len(state) < 50_000
    text = calculator.to_text()
    assert "replicas by the guides' formula" in text
    assert "autoscale_enabled=True" in text
    page = calculator.to_html()
    assert page.count("<svg") == 3
    assert "<script" not in page


def test_numbers_come_first_from_a_short_run_and_the_rest_when_it_is_looked_at(calculator):
    assert calculator.shown["rough"], "one short run: nothing waits for more"
    assert calculator.comm.ask("start")["result"]["complete"]
    assert not calculator.shown["rough"]
    by_code = ReplicaCalculator(**SMALL)
    assert by_code.prediction.seeds == 8
    assert "8 runs" not in ReplicaCalculator(**SMALL)._beside_view()
    assert "over 8 runs" in ReplicaCalculator(**SMALL, min_replicas=1).to_html()


def test_the_title_names_the_spell_without_enough_replicas():
    spike = ReplicaCalculator(traffic="spike", peak=4)
    title = spike.comm.ask("start")["result"]["shown"]["titles"]["time"]
    begin, end = map(int, re.fullmatch(r"From (\d+) s to (\d+) s there are too few replicas: .*", title).groups())
    assert 60 <= begin <= 80, "the spike begins at 75 s"
    assert 120 <= end <= 145, "and ends at 135 s; a few refusals before and after are not it"
    steady = ReplicaCalculator(traffic="steady", rps=1.4, min_replicas=1, max_replicas=1)
    assert steady.comm.ask("start")["result"]["shown"]["titles"]["time"].endswith("get 503, all the time")


def test_by_code():
    calculator = ReplicaCalculator(rps=20, seconds=10, traffic="steady", min_replicas=286, max_replicas=300, minutes=1)
    calculator.change(target=50)
    assert calculator.settings["target"] == 50
    assert "max_instances: 300" in calculator.code("Kubernetes, v2")
    assert "instance_count: 286" in calculator.code("Managed, v2")
    with pytest.raises(BadInput, match="no setting “speed”"):
        ReplicaCalculator(speed=3)
    with pytest.raises(BadInput, match="A int has no replicas"):
        ReplicaCalculator(3)


def test_plotly_comes_from_the_installed_package_as_bytes_never_as_state(calculator):
    answer = calculator.comm.ask("plotly")
    assert answer["result"] == {"encoding": "gzip"}
    assert bytes(calculator.comm.messages[-1][2][0]) == plotly_script()
    chart = Chart(go.Figure(go.Scatter(x=[0, 1, 2], y=[3.0, 1.0, 2.0], name="load")), "It falls and rises")
    assert len(json.dumps(chart.get_state(), default=str)) < 20_000
    assert chart.comm.ask("figure")["result"]["data"][0]["y"] == [3.0, 1.0, 2.0]
    chart.update(
        {"data": [{"type": "bar", "name": "b", "x": [1], "y": [2], "marker": {"color": "red"}}], "layout": {}}, "Two"
    )
    assert chart.comm.sent("figure")[-1]["figure"]["data"][0]["y"] == [2]
    assert "b: 2 to 2, 1 values" in chart.to_text()
    assert "<svg" in chart.to_html()
    with pytest.raises(BadInput, match="needs a plotly figure"):
        Chart(3)


def test_arrays_that_plotly_packs_are_unpacked():
    import numpy as np

    packed = as_dict(go.Figure(go.Scatter(x=np.arange(3), y=np.asarray([0.5, 1.5, 2.5]))))
    assert packed["data"][0]["y"] == [0.5, 1.5, 2.5]


def test_a_finding_without_a_workspace_still_leads_to_a_calculator(tmp_path, monkeypatch):
    from ipywidgets.widgets.widget import _instances

    from amlwidgets import diagnose
    from amlwidgets.widgets.findings_view import FindingsView

    monkeypatch.chdir(tmp_path)
    view = FindingsView(diagnose("503: Too many requests for service svc (overloaded)"))
    calculator = _instances[view.comm.ask("calculator")["result"]["model"]]
    assert calculator.problem["code"] == "workspace-missing"
    assert calculator.settings["rps"] == 8


@pytest.mark.parametrize(
    "data",
    [
        [{"type": "bar", "x": [0, 1], "y": [1, 2]}],
        [{"type": "scatter", "mode": "markers", "x": [0, 1], "y": [1, 2]}],
        [{"type": "pie", "values": [1, 2], "labels": ["a", "b"]}],
        [{"type": "bar", "x": ["a", "b"], "y": [1, 2]}],
        [{"type": "scatter", "x": ["2026-11-21", "2026-11-22"], "y": [1, 2]}],
        [{"type": "heatmap", "z": [[1, 2], [3, 4]]}],
        [],
    ],
)
def test_a_chart_takes_any_figure_and_has_a_picture_where_it_can(data):
    chart = Chart({"data": data, "layout": {}}, "Any")
    assert chart.to_html().startswith("<figure>")
    assert ("<svg" in chart.picture) == (not data or (data[0]["type"] in ("bar", "scatter") and data[0]["x"] == [0, 1]))
