"""One small host for plotly figures: plotly.js comes from the installed plotly package, over the comm, once per page.

``FigureWidget`` puts 5 MB of script into every notebook, for each figure; this puts a small picture there.
"""

from __future__ import annotations

import gzip
import importlib.util
import threading
from functools import cache
from pathlib import Path
from typing import Any

import traitlets as t

from amlwidgets.errors import BadInput, NotInstalled
from amlwidgets.widgets.assets import packed, style
from amlwidgets.widgets.base import AmlWidget, Binary, request
from amlwidgets.widgets.chart_sketch import sketch

MOST_SKETCH = 40_000
"""Characters of the picture that a saved notebook holds."""


@cache
def plotly_script() -> bytes:
    """Return plotly.js of the installed package, gzip; nothing of plotly is imported.

    Raises:
        NotInstalled: plotly is not there.
    """
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        raise NotInstalled("plotly is not installed.", code="plotly-missing", todo="%pip install plotly")
    file = Path(found.origin).parent / "package_data" / "plotly.min.js"
    # Level 1: a third of the bytes for a tenth of a second.
    return gzip.compress(file.read_bytes(), compresslevel=1, mtime=0)


class PlotlyHost(AmlWidget):
    """What a widget with charts answers to its view's question for plotly.js."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        # By the time a view asks, it is packed.
        threading.Thread(target=self.guarded(plotly_script), daemon=True).start()

    @request
    def plotly(self) -> Binary:
        """Return plotly.js, gzip."""
        return Binary({"encoding": "gzip"}, [plotly_script()])


class Chart(PlotlyHost):
    """A plotly figure in a notebook.

    Args:
        figure: A ``plotly.graph_objects.Figure``, or the same as a dictionary with ``data`` and ``layout``.
        title: A sentence above it: what the chart shows.

    Raises:
        BadInput: It is no figure.
    """

    _esm = packed("chart")
    _css = style("chart")

    title = t.Unicode("").tag(sync=True)
    """A sentence above the chart."""
    picture = t.Unicode("").tag(sync=True)
    """A small static picture, for a notebook without a kernel."""

    def __init__(self, figure: Any, title: str = "") -> None:
        self._figure = as_dict(figure)
        super().__init__()
        self._keep(title)

    def _keep(self, title: str) -> None:
        picture = _picture(self._figure, title)
        with self.hold_sync():
            self.title = title
            self.picture = picture if len(picture) <= MOST_SKETCH else ""

    @request
    def figure(self) -> dict[str, Any]:
        """Return the figure to a view; it is never a synced trait."""
        return self._figure

    def update(self, figure: Any, title: str | None = None) -> None:
        """Draw another figure in the views that are open.

        Raises:
            BadInput: It is no figure.
        """
        self._figure = as_dict(figure)
        self._keep(str(self.title) if title is None else title)
        self.send({"kind": "figure", "figure": self._figure})

    def to_text(self) -> str:
        """Return the title and, for each series, its name and range."""
        lines = [str(self.title) or "chart"]
        for trace in self._figure["data"]:
            values = [v for v in trace.get("y", ()) if isinstance(v, int | float)]
            if trace.get("name") and values:
                lines.append(f"  {trace['name']}: {min(values):g} to {max(values):g}, {len(values)} values")
        return "\n".join(lines)

    def to_html(self) -> str:
        """Return the title and the picture."""
        import html

        return f"<figure><figcaption>{html.escape(str(self.title))}</figcaption>{self.picture or ''}</figure>"


def _picture(figure: dict[str, Any], title: str) -> str:
    """Return the static picture; none of kinds of figures that it cannot draw, such as pies, maps and dates."""
    try:
        return sketch(figure, title)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return ""


def as_dict(figure: Any) -> dict[str, Any]:
    """Return a figure as plain values.

    Raises:
        BadInput: It is no figure.
    """
    if hasattr(figure, "to_plotly_json"):
        import json

        figure = json.loads(figure.to_json(engine="json"))
        figure["data"] = [
            trace | {name: _plain(trace[name]) for name in ("x", "y") if name in trace} for trace in figure["data"]
        ]
    if not isinstance(figure, dict) or not isinstance(figure.get("data"), list):
        raise BadInput("A chart needs a plotly figure.", code="figure-invalid", todo="It has data and layout.")
    return {"data": figure["data"], "layout": figure.get("layout", {})}


def _plain(values: Any) -> list[Any]:
    """Return numbers that plotly packed (``{"dtype": "f8", "bdata": …}``) as a list."""
    if isinstance(values, dict) and "bdata" in values:
        import base64

        import numpy as np

        listed: list[Any] = np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"]).tolist()
        return listed
    return list(values)
