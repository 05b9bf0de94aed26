"""What the calculator's view shows, made from predictions; small enough to stay in a saved notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from amlwidgets.capacity.advice import share, warnings
from amlwidgets.capacity.prediction import cost_per_month, enough, formula
from amlwidgets.capacity.settings import schema
from amlwidgets.services.scaling import code_of, deploy_values, traps
from amlwidgets.widgets import chart_figures as charts
from amlwidgets.widgets.chart_sketch import sketch

if TYPE_CHECKING:
    from amlwidgets.capacity.advice import Recommendation
    from amlwidgets.capacity.prediction import Prediction
    from amlwidgets.capacity.settings import Settings
    from amlwidgets.services.measure import Measured, Told

    Nodes = list[tuple[float, float]]

CHARTS = ("time", "latency", "replicas")


def figures(found: Prediction, held: Prediction | None) -> dict[str, Any]:
    """Return the three charts."""
    return {
        "time": charts.over_time(found, held),
        "latency": charts.latency(found, held),
        "replicas": charts.by_replicas(found.settings),
    }


def titles(found: Prediction) -> dict[str, str]:
    """Return a sentence for each chart that says what it shows."""
    return {
        "time": charts.time_title(found),
        "latency": charts.latency_title(found),
        "replicas": charts.replicas_title(found.settings),
    }


def pictures(drawn: dict[str, Any], said: dict[str, str]) -> dict[str, str]:
    """Return a small static picture of each chart."""
    return {name: sketch(drawn[name], said[name]) for name in CHARTS}


def shown(
    found: Prediction, held: Prediction | None = None, service: str = "", nodes: Nodes | None = None
) -> dict[str, Any]:
    """Return numbers, sentences and code."""
    settings = found.settings
    numbers = numbers_of(found)
    if held is not None:
        for number, before in zip(numbers, numbers_of(held), strict=True):
            number["held"] = before["value"]
    return {
        "numbers": numbers,
        "said": [*traps(deploy_values(settings), nodes), *warnings(settings, found)],
        "titles": titles(found),
        "code": code_of(settings, service),
        "note": note(found),
        "rough": found.seeds == 1,
    }


def numbers_of(found: Prediction) -> list[dict[str, Any]]:
    """Return the large numbers with what they are."""
    settings, limit = found.settings, found.settings.most_refused / 100
    managed = settings.kind == "managed"
    at_peak = f", {formula(settings, settings.top_rps)} at the peak" if settings.top_rps > settings.rps else ""
    needed = enough(settings)
    low, high = found.refused_range
    range_ = f", {share(low)} to {share(high)} over {found.seeds} runs" if found.seeds > 1 and high > low else ""
    codes = ("429", "408") if managed else ("503", "504")
    return [
        {"name": "formula", "value": f"{formula(settings):,}", "words": f"replicas by the guides' formula{at_peak}"},
        {
            "name": "enough", "value": f"{needed:,}" if needed else "?",
            "words": f"replicas by queueing theory for {settings.most_refused:g} % of {codes[0]}, steady",
        },
        {
            "name": "refused", "value": share(found.refused), "bad": found.refused > limit,
            "words": f"refused ({codes[0]}) in this traffic{range_}",
        },
        {"name": "late", "value": share(found.late), "bad": found.late > limit, "words": f"too late ({codes[1]})"},
        {
            "name": "p50", "value": _seconds(found.p50),
            "words": f"half of the answers; p95 {_seconds(found.p95)}, p99 {_seconds(found.p99)}",
            "bad": bool(settings.most_p95) and (found.p95 is None or found.p95 > settings.most_p95),
        },
        _cost(found),
    ]  # fmt: skip


def _cost(found: Prediction) -> dict[str, Any]:
    cost = cost_per_month(found.settings, found.present)
    if cost is None:
        words = "replicas on average; with your prices it tells the cost"
        return {"name": "cost", "value": f"{found.present:.1f}", "words": words}
    words = f"a month at your prices, {found.present:.1f} replicas on average"
    return {"name": "cost", "value": f"{cost:,.0f}", "words": words}


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g} s"


def note(found: Prediction) -> str:
    """Return what was simulated."""
    runs = f"{found.seeds} runs" if found.seeds > 1 else "one short run"
    cut = f"; the first {found.seconds:.0f} s only" if found.cut else f" of {found.seconds:.0f} s"
    return f"{found.requests:,} random requests simulated in {runs}{cut}; bands are the range of the runs"


def recommended(found: Recommendation) -> dict[str, Any]:
    """Return a recommendation as the view shows it."""
    one = found.settings
    if found.possible:
        title = f"{one.min_replicas} to {one.max_replicas} replicas at a target of {one.target:g} % keep your limits"
    else:
        title = "No settings keep your limits"
    values = {"min_replicas": one.min_replicas, "max_replicas": one.max_replicas, "target": one.target}
    return {"title": title, "reasons": list(found.reasons), "values": values if found.possible else {}}


def measured_words(seen: Measured, predicted: Prediction | None) -> list[str]:
    """Return what was measured, what could not be told and why, and how the prediction did."""
    said = [
        f"{len(seen.answers)} requests: {share(seen.share(200))} answered, {share(seen.share(503, 429))} refused, "
        f"{share(seen.share(504, 408))} too late"
        + (f", {share(seen.share(0))} without an answer" if seen.share(0) else "")
        + ".",
        f"One request alone: {_told(seen.seconds)}.",
        f"Requests worked on at a time: {_told(seen.at_work, '')}.",
        f"Start of a replica: {_told(seen.start_seconds)}.",
    ]
    if seen.unsent:
        said.append(f"{seen.unsent} were not sent: {seen.plan.concurrent} were under way already.")
    if predicted is not None:
        said.append(f"Predicted for this load: {share(predicted.refused)} refused, p95 {_seconds(predicted.p95)}.")
    if seen.stopped:
        said.append("Stopped before its end.")
    return said


def _told(value: Told, unit: str = " s") -> str:
    return f"unknown, because {value.why}" if value.value is None else f"{value.value:.3g}{unit}"


def text(found: Prediction, service: str, nodes: Nodes | None = None) -> str:
    """Return numbers, warnings and code as text."""
    now = shown(found, None, service, nodes)
    head = f"Replica calculator{f', {service}' if service else ''}: {describe(found.settings)}"
    lines = [head, *(f"  {n['value']:>10}  {n['words']}" for n in now["numbers"])]
    lines += [f"  ! {sentence}" for sentence in now["said"]]
    name, code = next(iter(now["code"].items()))
    return "\n".join([*lines, f"  {name}:", *(f"    {row}" for row in code.splitlines())])


def named(values: dict[str, float]) -> str:
    """Return settings with their labels: “Replicas, min 9, Target 70 %”."""
    about = {field["name"]: field for field in schema()}
    return ", ".join(f"{about[n]['label']} {value:g} {about[n]['unit']}".strip() for n, value in values.items())


def describe(settings: Settings) -> str:
    """Return the main settings in a line."""
    return (
        f"{settings.rps:g} requests/s of {settings.seconds:g} s, {settings.min_replicas} to "
        f"{settings.max_replicas} replicas at "
        f"{settings.target:g} %, {settings.traffic}"
    )


def page(found: Prediction, drawn: dict[str, str], service: str, nodes: Nodes | None = None) -> str:
    """Return the same as HTML without scripts, with the pictures."""
    now = shown(found, None, service, nodes)
    rows = "".join(
        f"<tr><td style='text-align:right'><b>{html.escape(n['value'])}</b></td><td>{html.escape(n['words'])}</td></tr>"
        for n in now["numbers"]
    )
    said = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in now["said"])
    charts_ = "".join(
        f"<h4>{html.escape(now['titles'][name])}</h4><div style='max-width:700px'>{drawn[name]}</div>"
        for name in CHARTS
    )
    code = html.escape(next(iter(now["code"].values())))
    head = html.escape(describe(found.settings))
    return f"<div><b>Replica calculator</b> {head}<table>{rows}</table><ul>{said}</ul>{charts_}<pre>{code}</pre></div>"
