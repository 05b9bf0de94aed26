"""A figure as a small static picture (SVG): what stands in until plotly.js is there, and where there is no kernel.

It draws what our charts are made of: lines, bands, bars, markers, on linear and logarithmic axes.
"""

from __future__ import annotations

import html
import itertools
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 640, 46, 8, 20, 30
MOST_POINTS = 60
FALLBACK = {
    "bad": "#c62828", "ok": "#2e7d32", "dim": "#757575", "brand": "#1976d2", "warn": "#8a5300", "line": "#e0e0e0",
    "bad-fill": "rgba(198,40,40,.2)", "ok-fill": "rgba(46,125,50,.18)",
}  # fmt: skip


def sketch(figure: dict[str, Any], title: str = "") -> str:
    """Return an SVG picture of a figure; colours follow the theme where there is one."""
    layout = figure.get("layout", {})
    height = int(layout.get("height", 240))
    inside = (LEFT, TOP, WIDTH - LEFT - RIGHT, height - TOP - BOTTOM)
    parts: list[str] = []
    x_scale = _scale(figure, "x", layout.get("xaxis", {}))
    for name in ("y", "y2"):
        traces = [trace for trace in figure["data"] if trace.get("yaxis", "y") == name]
        if traces:
            about = layout.get("yaxis" if name == "y" else "yaxis2", {})
            parts += _panel(traces, x_scale, about, inside)
    parts += _legend(figure["data"]) if layout.get("showlegend") else []
    parts += _x_axis(x_scale, inside, layout.get("xaxis", {}))
    name = html.escape(title or "chart", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}" '
        f'font-size="11" font-family="sans-serif" fill="{_color("var(--aml-dim)")}">{"".join(parts)}</svg>'
    )


class _Axis:
    """Turns values into shares of a length."""

    def __init__(self, low: float, high: float, *, log: bool) -> None:
        self.low, self.high, self.log = low, high if high > low else low + 1, log

    def share(self, value: float) -> float:
        if self.log:
            value = math.log10(max(value, 10**self.low))
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        if self.log:
            return [(10.0**n, f"{10.0**n:g}") for n in range(math.ceil(self.low), math.floor(self.high) + 1, 2)]
        step = 10 ** math.floor(math.log10((self.high - self.low) / 2))
        step *= next((m for m in (1, 2, 5) if (self.high - self.low) / (m * step) <= 6), 10)  # noqa: PLR2004 - ticks
        first = math.ceil(self.low / step)
        return [(n * step, f"{n * step:g}") for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _scale(figure: dict[str, Any], letter: str, about: dict[str, Any], traces: Sequence[Any] | None = None) -> _Axis:
    log = about.get("type") == "log"
    if "range" in about:
        return _Axis(*about["range"], log=log)
    values = [
        v for trace in (figure["data"] if traces is None else traces) for v in trace.get(letter, ()) if v is not None
    ]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if any(trace["type"] == "bar" for trace in (figure["data"] if traces is None else traces)) and letter == "x":
        width = (high - low) / max(len(values) - 1, 1) or 1
        low, high = low - width / 2, high + width / 2
    if about.get("rangemode") == "tozero" or letter == "y":
        low = min(low, 0.0)
    return _Axis(low, high * 1.05 if letter == "y" else high, log=log)


def _panel(traces: list[dict[str, Any]], x_scale: _Axis, about: dict[str, Any], inside: tuple[int, ...]) -> list[str]:
    left, top, width, height = inside
    begin, end = about.get("domain", (0, 1))
    top, height = top + height * (1 - end), height * (end - begin)
    scale = _scale({"data": traces}, "y", about, traces)

    def at(x: float, y: float) -> tuple[float, float]:
        return left + width * x_scale.share(x), top + height * (1 - scale.share(y))

    parts = []
    for value, text in scale.ticks():
        _, y = at(0, value)
        parts.append(f'<path d="M{left},{y:.0f}h{width}" stroke="{_color("var(--aml-line)")}"/>')
        parts.append(f'<text x="{left - 5}" y="{y + 4:.0f}" text-anchor="end">{text}</text>')
    before: list[tuple[float, float]] = []
    for trace in traces:
        points = [at(x, y) for x, y in _thinned(trace)]
        parts += _drawn(trace, points, before, at(0, 10**scale.low if scale.log else max(scale.low, 0))[1])
        before = points
    return parts


def _thinned(trace: dict[str, Any]) -> list[tuple[float, float]]:
    pairs = [(x, y) for x, y in zip(trace["x"], trace["y"], strict=True) if x is not None and y is not None]
    step = math.ceil(len(pairs) / MOST_POINTS) if trace["type"] != "bar" else 1
    return pairs[::step]


def _drawn(
    trace: dict[str, Any], points: list[tuple[float, float]], before: list[tuple[float, float]], floor: float
) -> list[str]:
    if trace["type"] == "bar":
        return _bars(trace, points, floor)
    if trace.get("mode") == "markers":
        color = _marked(trace)
        colors = color if isinstance(color, list) else [color] * len(points)
        return [
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{_color(c)}"/>'
            for (x, y), c in zip(points, colors, strict=False)
        ]
    parts, about = [], trace.get("line", {})
    if trace.get("fill") == "tonexty" and before:
        parts.append(f'<path d="{_path(before + points[::-1])}Z" fill="{_color(trace["fillcolor"])}"/>')
    if about.get("width") == 0 or not points:
        return parts
    dash = {"dash": ' stroke-dasharray="6 4"', "dot": ' stroke-dasharray="2 3"'}.get(about.get("dash", ""), "")
    shown = (
        [p for a, b in itertools.pairwise(points) for p in (a, (b[0], a[1]))] + points[-1:]
        if about.get("shape")
        else points
    )
    color = _color(about.get("color", "var(--aml-brand)"))
    stroke = f'stroke="{color}" stroke-width="{float(about.get("width", 1.5)):g}"{dash}'
    parts.append(f'<path d="{_path(shown)}" fill="none" {stroke}/>')
    return parts


def _bars(trace: dict[str, Any], points: list[tuple[float, float]], floor: float) -> list[str]:
    color = _marked(trace)
    colors = color if isinstance(color, list) else [color] * len(points)
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(points)]
    width = max(min(gaps, default=40.0) * 0.8, 1.0)
    return [
        f'<path d="M{x - width / 2:.1f},{y:.1f}h{width:.1f}V{floor:.1f}h-{width:.1f}Z" fill="{_color(c)}"/>'
        for (x, y), c in zip(points, colors, strict=False)
    ]


def _marked(trace: dict[str, Any]) -> Any:
    return trace.get("marker", {}).get("color", "var(--aml-brand)")


def _path(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.0f},{y:.0f}" for x, y in points)


def _x_axis(scale: _Axis, inside: tuple[int, ...], about: dict[str, Any]) -> list[str]:
    left, top, width, height = inside
    base = top + height
    parts = [
        f'<text x="{left + width * scale.share(value):.0f}" y="{base + 13}" text-anchor="middle">{text}</text>'
        for value, text in scale.ticks()
    ]
    title = html.escape(about.get("title", {}).get("text", ""))
    return [*parts, f'<text x="{left + width / 2:.0f}" y="{base + 27}" text-anchor="middle">{title}</text>']


def _legend(traces: list[dict[str, Any]]) -> list[str]:
    parts, at = [], LEFT
    for trace in traces:
        if trace.get("name") and trace.get("showlegend", True):
            color = trace.get("line", {}).get("color") or trace.get("marker", {}).get("color", "")
            shown = _color(color[0] if isinstance(color, list) else color)
            parts.append(f'<text x="{at}" y="11" fill="{shown}">{html.escape(trace["name"])}</text>')
            at += 9 + round(6.3 * len(trace["name"]))
    return parts


def _color(text: str) -> str:
    """Return a colour with what stands in where there is no theme."""
    found = re.fullmatch(r"var\(--aml-([\w-]+)\)", text)
    return f"var(--aml-{found[1]},{FALLBACK.get(found[1], '#757575')})" if found else html.escape(text, quote=True)
