"""The calculator's charts as plotly figures: plain dictionaries, so that drawing one loads nothing.

Colours are names of the theme's variables; the view puts their values in. Values are rounded: what is sent stays small.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from amlwidgets.capacity.advice import share
from amlwidgets.capacity.prediction import MOST_COMPUTED, enough, formula, steady_refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amlwidgets.capacity.prediction import Prediction
    from amlwidgets.capacity.settings import Settings
    from amlwidgets.capacity.sweeping import Sweep
    from amlwidgets.services.measure import Measured

Figure = dict[str, Any]

BAD, OK, DIM, BRAND, WARN = (f"var(--aml-{name})" for name in ("bad", "ok", "dim", "brand", "warn"))
BAD_FILL, OK_FILL = "var(--aml-bad-fill)", "var(--aml-ok-fill)"
HIDDEN = {"width": 0}
_FLOOR = 1e-5
_MOSTLY = 0.7
"""Share of the refusals that a spell must hold to be named alone, and of the time that is the whole of it."""
LOG_PERCENT: dict[str, Any] = {
    "type": "log",
    "range": [math.log10(_FLOOR), 2],
    "tickvals": [1e-4, 1e-2, 1, 100],
    "ticktext": ["0.0001", "0.01", "1", "100"],
}


def rounded(values: Iterable[float], digits: int = 3) -> list[float]:
    """Return values with so many digits that matter."""
    return [float(f"{value:.{digits}g}") for value in values]


def line(name: str, x: list[float], y: list[float], **more: Any) -> dict[str, Any]:
    """Return a line."""
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y} | more


def band(x: list[float], low: Iterable[float], high: Iterable[float], fill: str, **more: Any) -> list[dict[str, Any]]:
    """Return the area between two lines, without a name: the range over the runs."""
    bare = {"line": HIDDEN, "hoverinfo": "skip", "showlegend": False} | more
    return [
        line("", x, rounded(low), **bare),
        line("", x, rounded(high), fill="tonexty", fillcolor=fill, **bare),
    ]


def layout(**more: Any) -> dict[str, Any]:
    """Return what all charts share."""
    return {
        "margin": {"l": 44, "r": 12, "t": 6, "b": 34},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 11, "color": DIM},
        "showlegend": True,
        # At the top of the picture: beside the plot it would be pushed over the lines when the width changes.
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "traceorder": "normal",
        },
        "hovermode": "x unified",
        "dragmode": False,
    } | more


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """Return an axis with thin lines of the theme."""
    return {
        "title": {"text": title, "standoff": 4},
        "gridcolor": "var(--aml-line)",
        "zeroline": False,
        "linecolor": "var(--aml-line1)",
        "automargin": True,
        "fixedrange": True,
    } | more


def over_time(found: Prediction, held: Prediction | None = None) -> Figure:
    """Return load and refused requests above, replicas and queue below, with the range over the runs."""
    series = found.series
    if series is None:
        return {"data": [], "layout": layout()}
    x = rounded(series.times, 4)
    data = [line("offered", x, rounded(series.offered), line={"color": DIM, "width": 1.5, "dash": "dash"})]
    if found.seeds > 1:
        data += band(x, series.refused_low, series.refused_high, BAD_FILL)
    word = "refused (429)" if found.settings.kind == "managed" else "refused (503)"
    data.append(line(word, x, rounded(series.refused), line={"color": BAD, "width": 2}, fill=None))
    lower = {"yaxis": "y2"}
    if found.seeds > 1:
        data += band(x, series.ready_low, series.ready_high, OK_FILL, **lower)
    step = {"shape": "hv"}
    data += [
        line("ready", x, rounded(series.ready), line={"color": OK, "width": 2, **step}, **lower),
        line("starting", x, rounded(series.starting), line={"color": OK, "width": 1, "dash": "dot", **step}, **lower),
        line("busy", x, rounded(series.busy), line={"color": BRAND, "width": 1.2}, **lower),
        line("waiting", x, rounded(series.queue), line={"color": WARN, "width": 1.2}, **lower),
    ]
    if held is not None and held.series is not None:
        at = rounded(held.series.times, 4)
        thin = {"color": DIM, "width": 1.2, "dash": "dot"}
        data += [
            line("held: refused", at, rounded(held.series.refused), line=thin),
            line("held: ready", at, rounded(held.series.ready), line=thin | step, **lower),
        ]
    axes = {
        "xaxis": axis("seconds", anchor="y2", range=[0, float(series.times[-1] + series.times[0])]),
        "yaxis": axis("requests/s", domain=[0.55, 1], rangemode="tozero"),
        "yaxis2": axis("replicas, requests", domain=[0, 0.45], rangemode="tozero"),
    }
    return {"data": data, "layout": layout(height=330, **axes)}


def latency(found: Prediction, held: Prediction | None = None) -> Figure:
    """Return how the answered requests' times are distributed, with p50, p95 and p99."""
    seconds = found.latencies
    if not len(seconds):
        return {"data": [], "layout": layout(height=190)}
    end = max(float(np.quantile(seconds, 0.998)) * 1.05, 1e-3)
    edges = np.linspace(0, end, 49)
    data = [_bars("now", seconds, edges, BRAND)]
    if held is not None and len(held.latencies):
        steps = _bars("held", held.latencies, edges, DIM)
        data.append(line("held", steps["x"], steps["y"], line={"color": DIM, "dash": "dot", "shape": "hvh"}))
    marks = [("p50", found.p50), ("p95", found.p95), ("p99", found.p99)]
    dotted = {"color": DIM, "width": 1, "dash": "dot"}
    upright = {"type": "line", "y0": 0, "y1": 1, "yref": "paper", "line": dotted}
    shapes = [upright | {"x0": at, "x1": at} for _, at in marks if at is not None]
    words = [
        {"x": at, "y": 1, "yref": "paper", "yanchor": "top", "xanchor": "left", "text": name, "showarrow": False}
        for name, at in marks if at is not None
    ]  # fmt: skip
    axes = {"xaxis": axis("seconds to the answer", range=[0, end]), "yaxis": axis("% of answers", rangemode="tozero")}
    more = {"shapes": shapes, "annotations": words, "bargap": 0.08, "showlegend": held is not None}
    return {"data": data, "layout": layout(height=190, **axes, **more)}


def _bars(name: str, seconds: Any, edges: Any, color: str) -> dict[str, Any]:
    counts, _ = np.histogram(seconds, edges)
    middles = (edges[1:] + edges[:-1]) / 2
    share_ = counts / max(len(seconds), 1) * 100
    return {"type": "bar", "name": name, "x": rounded(middles), "y": rounded(share_), "marker": {"color": color}}


def by_replicas(settings: Settings) -> Figure:
    """Return the refused share of steady traffic by number of replicas, with limit, formula and the chosen minimum."""
    chosen, wanted = settings.max_replicas, formula(settings)
    needed = enough(settings)
    top = min(max(chosen, wanted, needed or 1) + 3, MOST_COMPUTED // settings.per_container)
    low = max(1, math.floor(0.6 * settings.rps * settings.seconds / settings.per_container) - 2)
    low = min(low, settings.min_replicas, chosen)
    every = max((top - low) // 60, 1)
    counts = sorted({*range(low, top + 1, every), *(n for n in (chosen, wanted, needed or 0) if low <= n <= top)})
    shares = [max((steady_refused(settings, n) or 0.0) * 100 - _FLOOR, 0.0) for n in counts]
    # The chosen one is seen, however few it refuses.
    shares = [max(value, _FLOOR) if n == chosen else value for n, value in zip(counts, shares, strict=True)]
    colors = [BRAND if n == chosen else OK if n == needed else DIM for n in counts]
    data = [
        {
            "type": "bar",
            "name": "refused",
            "x": counts,
            "y": rounded(shares),
            "marker": {"color": colors},
            "base": _FLOOR,
        }
    ]
    limit = settings.most_refused
    dotted = {"color": BAD, "width": 1, "dash": "dot"}
    shapes = [{"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": limit, "y1": limit, "line": dotted}]
    axes = {
        "xaxis": axis("replicas"),
        "yaxis": axis("% refused", **LOG_PERCENT),
    }
    place = {"x": 1, "xref": "paper", "xanchor": "right", "y": math.log10(limit), "yanchor": "bottom"}
    words = [place | {"showarrow": False, "text": f"your limit, {limit:g} %", "font": {"color": BAD}}]
    return {
        "data": data,
        "layout": layout(height=190, bargap=0.25, showlegend=False, shapes=shapes, annotations=words, **axes),
    }


def measured(seen: Measured, found: Prediction) -> Figure:
    """Return predicted against measured: how long the answers took, as the share that took no longer."""
    ok = np.sort([a.seconds for a in seen.answers if a.status == 200])  # noqa: PLR2004 - HTTP
    data = []
    for name, values, color, dash in (("measured", ok, BAD, "solid"), ("predicted", found.latencies, BRAND, "dash")):
        if len(values):
            ranks = np.linspace(0, 1, 80)
            data.append(
                line(
                    name,
                    rounded(np.quantile(values, ranks)),
                    rounded(ranks * 100),
                    line={"color": color, "dash": dash, "width": 2},
                )
            )
    axes = {
        "xaxis": axis("seconds to the answer", rangemode="tozero"),
        "yaxis": axis("% that took no longer", range=[0, 101]),
    }
    return {"data": data, "layout": layout(height=210, hovermode="closest", **axes)}


def sweep_map(found: Sweep) -> Figure:
    """Return mean replicas (or cost, where prices are known) against the refused share, the best marked."""
    priced = any(point.cost is not None for point in found.points)
    x = [(point.cost or 0.0) if priced else point.present for point in found.points]
    y = [max(point.refused * 100, _FLOOR) for point in found.points]
    words = [", ".join(f"{name} {value:g}" for name, value in point.values.items()) for point in found.points]
    colors = [OK if point.keeps else DIM for point in found.points]
    spot = {"color": colors, "size": 7}
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "tried",
            "x": rounded(x),
            "y": rounded(y),
            "text": words,
            "marker": spot,
        }
    ]
    if best := found.best:
        at = [(best.cost or 0.0) if priced else best.present], [max(best.refused * 100, _FLOOR)]
        ring = {"color": BRAND, "size": 13, "symbol": "circle-open", "line": {"width": 3}}
        data.append({"type": "scatter", "mode": "markers", "name": "best", "x": at[0], "y": at[1], "marker": ring})
    axes = {
        "xaxis": axis("cost a month" if priced else "replicas on average"),
        "yaxis": axis("% refused", **LOG_PERCENT),
    }
    return {"data": data, "layout": layout(height=240, hovermode="closest", **axes)}


# -- titles that say what the chart shows


def time_title(found: Prediction) -> str:
    """Return what happens over time, in one sentence."""
    series, limit = found.series, found.settings.most_refused / 100
    word = "429" if found.settings.kind == "managed" else "503"
    if series is None or found.refused == 0:
        return f"Nothing is refused in {found.seconds:.0f} s"
    if found.refused <= limit:
        return f"{share(found.refused)} refused: within your limit"
    first, last = worst_spell(series.refused)
    inside = float(series.refused[first : last + 1].sum() / series.refused.sum())
    whole = last - first >= _MOSTLY * len(series.times)
    if inside < _MOSTLY or whole:
        return f"{share(found.refused)} of all requests get {word}, all the time"
    begin, end = series.times[first], series.times[last]
    until = "to the end" if last >= len(series.times) - 3 else f"to {end:.0f} s"
    return f"From {begin:.0f} s {until} there are too few replicas: {share(found.refused)} of all requests get {word}"


def worst_spell(refused: Any) -> tuple[int, int]:
    """Return the first and last bin of the time around the most refusals in which at least a quarter as many are."""
    width = max(len(refused) // 30, 1)
    smooth = np.convolve(refused, np.ones(width) / width, mode="same")
    low = smooth < smooth.max() / 4
    top = int(smooth.argmax())
    before, after = np.nonzero(low[:top])[0], np.nonzero(low[top:])[0]
    return (int(before[-1]) + 1 if len(before) else 0), (top + int(after[0]) - 1 if len(after) else len(refused) - 1)


def latency_title(found: Prediction) -> str:
    """Return what the distribution says."""
    if found.p95 is None:
        return "No request is answered in time"
    return (
        f"95 % of the answers take {found.p95:.2g} s at most; the work itself takes "
        f"{found.settings.seconds:g} s on average"
    )


def replicas_title(settings: Settings) -> str:
    """Return what the bars say."""
    refused = steady_refused(settings, settings.max_replicas)
    if refused is None:
        return "Too many replicas to compute"
    return f"At a steady {settings.rps:g}/s, {settings.max_replicas} replicas refuse {share(refused)}"
