"""From "run cell" to the first widget drawn, in a real JupyterLab with a fresh kernel each time."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

RUNS = 3
FIGURE = {"data": [{"type": "bar", "x": [0, 1], "y": [1, 2], "marker": {"color": "red"}}]}
FURTHER = "Chart, a further one"
CASES = {
    "ipywidgets IntSlider": ("import ipywidgets\nipywidgets.IntSlider()", ".widget-slider"),
    "LogViewer": ("from amlwidgets import LogViewer\nLogViewer('one\\ntwo')", ".aml-line"),
    "DeployWizard": ("from amlwidgets import DeployWizard\nDeployWizard()", ".aml-rail li"),
    "ReplicaCalculator": ("from amlwidgets import ReplicaCalculator\nReplicaCalculator()", ".aml-calc-number b"),
    "ReplicaCalculator, its charts": (
        "from amlwidgets import ReplicaCalculator\nReplicaCalculator()",
        ".aml-calc-chart:nth-of-type(3) .main-svg",
    ),
    "Chart, the first on the page": (f"from amlwidgets import Chart\nChart({FIGURE})", ".aml-chart .main-svg"),
    FURTHER: (f"from amlwidgets import Chart\nChart({FIGURE})", ".jp-Cell ~ .jp-Cell .aml-chart .main-svg"),
    "plotly FigureWidget": ("import plotly.graph_objects as go\ngo.FigureWidget(go.Scatter(y=[1, 2]))", ".main-svg"),
}
DRAWN = """([css]) => new Promise(done => { const start = performance.now();
  jupyterapp.commands.execute('notebook:run-cell');
  const look = () => document.querySelector(css) ? requestAnimationFrame(() => done((performance.now() - start) / 1000))
                                                  : requestAnimationFrame(look); look() })"""
EMPTY = (
    '{"cells": [], "metadata": {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}},'
    ' "nbformat": 4, "nbformat_minor": 5}'
)


def main() -> None:
    """Print seconds (median) and ratios to ipywidgets' slider."""
    from lab import CHROMIUM, FLAGS, Lab, Notebook
    from playwright.sync_api import sync_playwright

    times: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        own = Path(folder, "lab")
        own.mkdir()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        lab = Lab(Path(folder), own, {"AMLWIDGETS_HOME": folder})
        try:
            for run in range(RUNS):
                for number, (name, (code, css)) in enumerate(CASES.items()):
                    file = f"n{run}-{number}.ipynb"
                    Path(folder, file).write_text(EMPTY)
                    page = browser.new_page()
                    book = Notebook(page, lab, file)
                    book.set_cell(0, code)
                    if name == FURTHER:
                        book.run_cell(0)
                        page.wait_for_selector(".aml-chart .main-svg")
                        book.set_cell(1, code)
                        page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 1 }")
                    times[name].append(page.evaluate(DRAWN, [css]))
                    page.close()
        finally:
            lab.close()
            browser.close()
    base = median(times["ipywidgets IntSlider"])
    print(f"first widget drawn, {RUNS} runs in turn, fresh kernels")
    for name, values in times.items():
        print(f"  {name:<30} {median(values):6.2f} s   ratio to ipywidgets {median(values) / base:5.2f}")
