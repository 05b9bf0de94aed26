"""Text that is a page's code for whoever writes it into HTML: nothing of it runs, live, typed, reopened or converted."""

import json
import subprocess
import sys

import pytest
from lab import reopen_without_kernel, save_with_widgets

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PAYLOADS = [
    "<script>window.__owned=1;alert(1)</script>",
    "<img src=x onerror=window.__owned=2>",
    "<svg onload=window.__owned=3><script>window.__owned=3</script></svg>",
    '"><iframe srcdoc="<script>parent.__owned=4</script>"></iframe>',
    "'\"><details open ontoggle=window.__owned=5>",
    '<a href="javascript:window.__owned=6">x</a>',
    "<img src=http://owned.invalid/a.png><link rel=stylesheet href=http://owned.invalid/b.css>",
    "<style>@import 'http://owned.invalid/c.css'; * { background: url(http://owned.invalid/d) }</style>",
    "<base href=http://owned.invalid/><meta http-equiv=refresh content='0;url=http://owned.invalid/e'>",
    "${window.__owned=7} {{constructor.constructor('window.__owned=8')()}}",
    r"$$\href{javascript:window.__owned=9}{x}$$ \(\require{html}\unicode{x}\) [x](javascript:window.__owned=10)",
    "]]></title></textarea></style></script><script>window.__owned=11</script><!--",
    "<math><mtext><style><img title='</style><img src onerror=window.__owned=12>'></style></mtext></math>",
    "<video><source onerror=window.__owned=13></video><body onload=window.__owned=14>",
    "\u2028\u2029\u202e\x00\x1b]8;;javascript:window.__owned=15\x07link\x1b]8;;\x07 \ud83d\ude00",
    "%3Cscript%3Ewindow.__owned=16%3C/script%3E &lt;script&gt;window.__owned=17&lt;/script&gt;",
    "<aml-x onclick=window.__owned=18><input autofocus onfocus=window.__owned=19>",
    "```\n<script>window.__owned=20</script>\n```",
]
BEGIN = "import json, pathlib\nP = json.load(open('payloads.json'))\nALL = ' '.join(P)\nimport amlwidgets\nfrom amlwidgets import diagnose\n"
CELLS = [
    "from amlwidgets import LogViewer\nviewer = LogViewer({'<img src=x onerror=window.__owned=21>': '\\n'.join(P) + '\\n', 'b': f'2026-11-21 10:00:00 ERROR {ALL}\\n'})\nviewer",
    "LOG = ''.join(f\"ModuleNotFoundError: No module named '{p}'\\nModel {p} not found in cache at /x\\n{p}\\n\" for p in P)\ndiagnose(LOG)",
    "from amlwidgets.widgets.findings_view import FindingsView\nFindingsView(diagnose([('<img src=x onerror=window.__owned=22>', LOG), ValueError(ALL)]))",
    (
        "def resource(p):\n    vault = {'accessPolicies': [{'tenantId': p, 'objectId': p, 'permissions': {'secrets': [p]}}], 'tenantId': p}\n"
        "    return {'type': 'Microsoft.KeyVault/vaults', 'name': p, 'apiVersion': p, 'location': p, 'properties': vault}\n"
        "name = '<img src=x onerror=window.__owned=23>.json'\n"
        "pathlib.Path(name).write_text(json.dumps({'parameters': {p: {'type': 'string', 'defaultValue': p} for p in P}, 'resources': [resource(p) for p in P]}))\n"
        "amlwidgets.VaultChecklist(name)"
    ),
    "calculator = amlwidgets.ReplicaCalculator()\ncalculator",
    (
        "import plotly.graph_objects as go\nfigure = go.Figure([go.Bar(x=[0, 1], y=[1, 2], name=ALL, text=[ALL, ALL], hovertext=P)])\n"
        "figure.update_layout(title=ALL, xaxis_title=ALL)\namlwidgets.Chart(figure, ALL)"
    ),
    (
        "pathlib.Path('score.py').write_text(f'def init(): pass\\ndef run(data): {ALL}')\npathlib.Path('env.yml').write_text(f'name: {ALL}\\ndependencies: [\"{P[0]}\"]')\n"
        "wizard = amlwidgets.DeployWizard(sample=ALL, conda_file='env.yml', model_name='m', service_name='s', model_path=P[1])\n"
        "from amlwidgets.core.stages import Stage\nwizard.deployment._append(Stage.START, LOG)\n"
        "wizard.deployment.start(Stage.PREFLIGHT, Stage.PREFLIGHT)\nwizard.deployment.wait(60)\nwizard"
    ),
]
STATE = """() => ({owned: window.__owned,
    frames: [...Array(window.length).keys()].filter(i => { try { return window[i].__owned } catch { return false } }).length,
    scripts: [...document.scripts].filter(s => !s.type.includes('json') && s.textContent.includes('__owned')).length,
    made: document.querySelectorAll('.aml script, .aml iframe, .aml img[src="x"], .aml base, .aml meta, .aml [onerror], .aml [onload], '
        + '.aml [onfocus], .aml [onclick], .aml [ontoggle], .aml a[href^="javascript"]').length})"""
CLEAN = {"owned": None, "frames": 0, "scripts": 0, "made": 0}


def watch(page):
    """Collect what must not happen in a page."""
    seen = []
    page.on("request", lambda r: "owned.invalid" in r.url and seen.append(r.url))
    page.on("dialog", lambda d: seen.append(f"dialog {d.message}"))
    page.on("framenavigated", lambda f: "owned" in f.url and seen.append(f.url))
    return seen


def type_into_everything(page):
    """Put the payloads into every field of text that the widgets have, and press Enter."""
    fields = page.locator(
        ".aml input:not([type]), .aml input[type=text], .aml input[type=search], .aml input[type=url], .aml textarea"
    )
    typed = 0
    for number in range(fields.count()):
        field = fields.nth(number)
        if field.is_visible() and field.is_enabled():
            field.fill(" ".join(PAYLOADS).replace("\n", " "))
            field.press("Enter")
            typed += 1
    return typed


def test_nothing_runs_in_any_widget_nor_in_what_is_saved_and_converted(log_lab, log_book, chromium):
    (log_lab.root / "payloads.json").write_text(json.dumps(PAYLOADS))
    book = log_book(BEGIN, *CELLS, height=4000)
    page = book.page
    seen = watch(page)
    book.run_all()
    assert book.cell_errors() == []
    for css in (
        ".aml-line",
        ".aml-card",
        ".aml-checklist li",
        ".aml-calc .main-svg",
        ".js-plotly-plot",
        ".aml-checks li",
    ):
        page.locator(css).first.wait_for()
    assert "<script>window.__owned" in page.locator(".aml-log-viewer").inner_text(), "shown as what it is"
    assert page.evaluate(STATE) == CLEAN

    typed = 0
    for stage in ("register", "schedule", "start", "score"):
        page.locator(f".aml-rail li[data-stage={stage}] button").click()
        page.locator(f".aml-rail li[data-stage={stage}] [aria-current=step]").wait_for()
        typed += type_into_everything(page)
    assert typed >= 10
    for card in page.locator(".aml-card .aml-evidence").all()[:4]:
        card.click()
    assert page.evaluate(STATE) == CLEAN

    # Saved, and opened by a server whose kernel is gone; then as a page of nbconvert.
    save_with_widgets(page)
    name = page.evaluate("() => jupyterapp.shell.currentWidget.context.path")
    reopen_without_kernel(page, page.locator(".aml-rail li").first)
    assert page.evaluate(STATE) == CLEAN
    assert seen == []

    converted = log_lab.root / "page.html"
    subprocess.run([sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--output", converted, name], cwd=log_lab.root, check=True, capture_output=True)  # fmt: skip
    assert "__owned" in converted.read_text(), "the text is in the page"
    context = chromium.new_context()
    plain = context.new_page()
    seen = watch(plain)
    plain.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
    plain.goto(converted.as_uri(), wait_until="load")
    assert plain.evaluate(STATE) == CLEAN
    assert seen == []
    context.close()


def test_the_watch_sees_what_runs(log_book):
    book = log_book(
        "from IPython.display import HTML\nHTML('<div class=bad></div><img src=http://owned.invalid/x onerror=window.__owned=1>')"
    )
    seen = watch(book.page)
    book.run_all()
    book.page.wait_for_function("() => window.__owned === 1")
    assert seen
    assert book.page.evaluate(STATE)["owned"] == 1


PICTURE = """\
from amlwidgets import Chart
import plotly.graph_objects as go
chart = Chart(go.Figure(go.Bar(x=[0, 1], y=[1, 2])), 'x')
chart"""
HOSTILE = """\
hostile = '''<svg xmlns="http://www.w3.org/2000/svg" onload="window.__owned=1"><script>window.__owned=2</script>
<image href="http://owned.invalid/x" onerror="window.__owned=3"/><circle r="4" onclick="window.__owned=4" fill="url(http://owned.invalid/y)"/>
<foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="window.__owned=5"/></foreignObject></svg>'''
chart.picture, chart.title = hostile, 'y'"""


def test_a_picture_in_a_saved_notebook_is_only_drawn(log_book):
    book = log_book(PICTURE, HOSTILE)
    seen = watch(book.page)
    book.run_all()
    book.page.locator(".aml-chart-still circle").wait_for(state="attached")
    assert book.cell_errors() == []
    assert book.page.evaluate(STATE)["owned"] is None
    assert seen == []
