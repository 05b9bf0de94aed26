"""The replica calculator in a real JupyterLab: drawn, dragged, by keys, compared, undone, measured, in both themes."""

import json
import socket

import nbformat
import pytest
from lab import READY, reopen_without_kernel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

FOLLOWS = """() => { const box = document.querySelector('.aml-calc-chart'), probe = document.createElement('i');
    probe.style.color = 'var(--aml-bad)'; box.append(probe); const wanted = getComputedStyle(probe).color; probe.remove();
    return [...box.querySelectorAll('.js-line')].some(line => getComputedStyle(line).stroke === wanted) }"""
DIM = """() => { const box = document.querySelector('.aml-calc-chart'), probe = document.createElement('i');
    probe.style.color = 'var(--aml-dim)'; box.append(probe); const mixed = getComputedStyle(probe).color; probe.remove();
    const wanted = mixed.match(/[\\d.]+/g).slice(0, 3).map(n => mixed.startsWith('color(') ? n * 255 : +n);
    const drawn = [...document.querySelectorAll('.aml-calc-chart .bars .point path')].map(bar =>
        getComputedStyle(bar).fill.match(/[\\d.]+/g).slice(0, 3).map(Number));
    return drawn.some(one => one.every((n, i) => Math.abs(n - wanted[i]) <= 1)) }"""
SAVE = """async () => { const c = jupyterapp.commands, id = '@jupyter-widgets/jupyterlab-manager:saveWidgetState';
    if (!c.isToggled(id)) await c.execute(id);
    await jupyterapp.shell.currentWidget.context.save() }"""
OPEN = "import amlwidgets\ncalculator = amlwidgets.ReplicaCalculator()\ncalculator"


def notebook(work, *sources):
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(book, work / "calculator.ipynb")
    return "calculator.ipynb"


def number(page, name):
    return page.locator(f".aml-calc-number[data-number={name}] b")


def drawn(page, count=3):
    page.wait_for_function(
        "n => document.querySelectorAll('.aml-calc-chart .main-svg').length >= n", arg=count, timeout=30_000
    )


def drag(page, label, places):
    """Move a slider with the mouse, one frame for each place (shares of its width)."""
    slider = page.locator(f".aml-calc-row input[type=range][aria-label='{label}']")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 8 + (box["width"] - 16) * places[0], box["y"] + box["height"] / 2)
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(box["x"] + 8 + (box["width"] - 16) * place, box["y"] + box["height"] / 2)
    return slider


def keys_and_bad_input(page):
    # By keys: one step of the setting; the notebook's own shortcuts stay out.
    page.locator("input[type=range][aria-label='Replicas, min']").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".aml-calc-code pre", has_text="autoscale_min_replicas=5").wait_for()

    # Bad input: one sentence, and the last good picture stays.
    box = page.get_by_label("Time each s")
    box.fill("-1")
    box.press("Enter")
    page.get_by_text("Time each (seconds) has to be a number from 0.001 to 600, not -1.").wait_for()
    assert box.get_attribute("aria-invalid") == "true"
    assert number(page, "formula").inner_text() == "6"
    assert page.locator(".aml-calc-chart .main-svg").first.is_visible()
    box.fill("0.5")
    box.press("Enter")
    page.locator(".aml-problem").wait_for(state="hidden")


def recommended_and_swept(book):
    page = book.page
    page.get_by_role("button", name="Recommend").click()
    page.get_by_text("keep your limits").wait_for()
    page.get_by_role("button", name="Use these").click()
    page.locator(".aml-calc-number[data-number=refused]:not(.aml-is-bad)").wait_for()
    book.shot("calculator-recommend", ".aml-calc")
    page.get_by_role("button", name="Sweep").click()
    page.get_by_text("settings tried").wait_for(timeout=60_000)
    page.locator(".aml-calc-task .main-svg").first.wait_for()
    page.locator(".aml-calc-form summary").click()
    page.get_by_label("Way to use the settings").select_option("Kubernetes, v2")
    page.locator(".aml-calc-code pre", has_text="max_instances:").wait_for()


def in_both_themes(book):
    page = book.page
    book.theme("JupyterLab Dark")
    page.wait_for_function(FOLLOWS)
    page.wait_for_function(DIM)  # a colour that the theme mixes
    book.shot("calculator-wide-dark", ".aml-calc")
    page.set_viewport_size({"width": 830, "height": 2300})
    book.shot("calculator-700-dark", ".aml-calc")
    book.theme("JupyterLab Light")
    page.wait_for_function(FOLLOWS)
    page.wait_for_function(DIM)
    book.shot("calculator-700", ".aml-calc")


def test_it_is_drawn_dragged_compared_and_undone(work, open_notebook):
    book = open_notebook(notebook(work, OPEN), height=1750)
    page = book.page
    book.run_all()
    assert number(page, "formula").inner_text() == "6"
    drawn(page)
    page.get_by_text("8 runs", exact=False).first.wait_for()
    book.shot("calculator-wide", ".aml-calc")

    # Dragging: the numbers follow while the button is down, and the rest of the runs when it is up.
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Compared with").wait_for()
    places = [0.62 + n / 300 for n in range(60)]
    drag(page, "Requests", places)
    page.locator(".aml-calc-numbers.aml-rough").wait_for()
    assert number(page, "formula").inner_text() != "6"
    page.mouse.up()
    page.locator(".aml-calc-numbers:not(.aml-rough)").wait_for()
    page.locator(".aml-calc-number[data-number=formula] s", has_text="6").wait_for()
    book.shot("calculator-compare", ".aml-calc")
    page.get_by_role("button", name="Stop comparing").click()
    page.locator(".aml-calc-held").wait_for(state="hidden")

    page.get_by_role("button", name="Undo").click()
    page.wait_for_function(
        "() => document.querySelector('.aml-calc-number[data-number=formula] b').textContent === '6'"
    )
    assert page.get_by_label("Requests /s").input_value() == "8"

    keys_and_bad_input(page)
    recommended_and_swept(book)
    in_both_themes(book)
    assert book.problems == []


HOST = """import plotly.graph_objects as go
from amlwidgets import Chart
figure = go.Figure(go.Scatter(x=[0, 1, 2], y=[1, 3, 2], name='load'))
chart = Chart(figure, 'It rises and falls')
chart"""


FINDING = """from amlwidgets import diagnose
from amlwidgets.widgets.findings_view import FindingsView
FindingsView(diagnose('503: Too many requests for service svc (overloaded)'))"""


def test_a_503_leads_to_the_calculator_and_it_asks_before_it_measures(work, open_notebook):
    book = open_notebook(notebook(work, FINDING), height=1600)
    page = book.page
    book.run_all()
    page.get_by_role("button", name="Why 503? Try other settings").click()
    drawn(page)
    assert "config.json" in page.locator(".aml-calc .aml-problem").inner_text(), "no workspace: it says so, and works"
    page.locator(".aml-calc .aml-problem button").click()
    page.get_by_role("button", name="Measure …").first.click()
    page.get_by_label("Scoring address").fill("http://127.0.0.1:9/score")
    page.get_by_label("Scoring address").press("Enter")
    page.get_by_text("It ends by itself", exact=False).wait_for()
    book.shot("calculator-measure", ".aml-calc")
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("The service did not answer, so that there is nothing to measure.").wait_for()
    assert page.locator(".aml-calc-chart .main-svg").first.is_visible()

    # By keys alone: a service that answers nothing is asked, and Stop does not wait for it.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        page.get_by_role("button", name="Measure …").first.focus()
        page.keyboard.press("Enter")
        page.get_by_label("Scoring address").fill(f"http://127.0.0.1:{silent.getsockname()[1]}/score")
        page.keyboard.press("Enter")
        page.get_by_role("alertdialog").get_by_text(f"127.0.0.1:{silent.getsockname()[1]}/score").wait_for()
        page.keyboard.press("Enter")  # Go on has the focus
        silent.settimeout(30)
        asked, _ = silent.accept()
        page.get_by_role("button", name="Stop", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_text("Stopped before its end.").wait_for()
        asked.close()
    assert page.locator(".aml-calc .aml-problem").is_hidden()
    book.shots("calculator-stopped", ".aml-calc")
    assert book.problems == []


def test_two_charts_load_plotly_once_and_a_saved_one_is_small(work, open_notebook):
    book = open_notebook(notebook(work, HOST, "other = Chart(figure, 'The same')\nother"))
    page = book.page
    received = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.reload(wait_until="domcontentloaded")
    page.wait_for_function(READY, timeout=90_000)
    book.run_all()
    page.wait_for_function("() => document.querySelectorAll('.aml-chart-box .main-svg').length >= 2", timeout=30_000)
    big = [size for size in received if size > 500_000]
    assert len(big) == 1, "plotly.js came once"
    page.evaluate(SAVE)
    saved = json.loads((work / "calculator.ipynb").read_text())
    states = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    sizes = [len(json.dumps(s)) for s in states.values()]
    assert max(sizes) < 50_000
    # Without a kernel the picture stands in.
    reopen_without_kernel(page, page.locator(".aml-chart-still svg").first)
    assert page.locator(".aml-chart-box .main-svg").count() == 0
    assert "It rises and falls" in page.locator(".aml-chart-box").first.inner_text()
