"""Prediction against reality: three recorded traces through the router with real inference servers, and simulated.

``python -m benchmarks reality`` prints both and draws ``docs/replicas-*.svg``. It takes three minutes.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

TRACES = ("steady", "step", "spike")


def main() -> None:
    """Play every trace, print shares of 503 and how often the replica counts agree, draw them."""
    from reality import RULE, own_spread, run_trace

    print("trace    requests   503 real   503 predicted   time within 1 replica   own spread   service s   start s")
    for name in TRACES:
        with tempfile.TemporaryDirectory() as folder:
            found = run_trace(name, Path(folder), RULE)
        real, predicted = found.refused
        print(
            f"{name:<8} {len(found.sent):>8}   {real:8.2%}   {predicted:13.2%}   {found.close:21.1%}"
            f"   {own_spread(name, RULE)[0]:10.1%}   {found.service_seconds:9.3f}   {found.start_seconds:7.2f}"
        )
        picture = re.sub(r"var\(--[\w-]+,([^()]+(?:\([^()]*\))?)\)", r"\1", drawn(found))
        (ROOT / "docs" / f"replicas-{name}.svg").write_text(picture + "\n", encoding="utf-8")


def drawn(found: Any) -> str:
    """Return requests and refusals a second above, ready replicas below; predicted dashed."""
    import numpy as np

    from amlwidgets.widgets import chart_figures as charts
    from amlwidgets.widgets.chart_sketch import sketch

    # Both are known at every tenth of a second; the picture has their middles of seconds.
    ready, model_ready = found.ready[5::10], found.model_ready[5::10]
    edges = np.arange(len(ready) + 1)
    seconds = [float(s) + 0.5 for s in edges[:-1]]

    def lost(status: list[int]) -> list[float]:
        at = [moment for moment, one in zip(found.sent, status, strict=True) if one == 503]
        return [float(n) for n in np.histogram(at, edges)[0]]

    solid, dashed = {"width": 2}, {"width": 1.6, "dash": "dash"}
    below = {"yaxis": "y2"}
    steps = {"shape": "hv"}
    offered = [float(n) for n in np.histogram(found.sent, edges)[0]]
    data = [
        charts.line("requests a second", seconds, offered, line={"color": charts.DIM, "width": 1.2}),
        charts.line("503", seconds, lost(found.status), line={"color": charts.BAD, **solid}),
        charts.line("503 predicted", seconds, lost(found.model_status), line={"color": charts.WARN, **dashed}),
        charts.line("ready", seconds, ready, line={"color": charts.OK, **solid, **steps}, **below),
        charts.line("ready, predicted", seconds, model_ready, line={"color": charts.BRAND, **dashed, **steps}, **below),
    ]
    axes = {
        "xaxis": charts.axis("seconds", range=[0, len(ready)]),
        "yaxis": charts.axis(domain=[0.5, 1]),
        "yaxis2": charts.axis(domain=[0, 0.42]),
    }
    return sketch({"data": data, "layout": charts.layout(height=320, **axes)}, f"{found.name}: predicted and real")


if __name__ == "__main__":
    main()
