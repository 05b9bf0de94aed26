"""axe-core finds nothing serious in any widget, in both themes; a checker that finds nothing anywhere is caught too."""

import pytest
from axe import grave, grave_in_both_themes
from test_calculator_page import HOST
from test_logs import CRASH

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CARD = """\
from amlwidgets import diagnose
from amlwidgets.widgets.findings_view import FindingsView
FindingsView(diagnose('''GET /score
503: Too many requests for service svc (overloaded)
ModuleNotFoundError: No module named 'lightgbm'
'''))"""
CHECKLIST = """\
import json, pathlib
pathlib.Path('t.json').write_text(json.dumps({'resources': [{'type': 'Microsoft.KeyVault/vaults', 'name': 'kv',
    'apiVersion': '2019-09-01', 'location': 'westeurope', 'properties': {'accessPolicies': [], 'tenantId': 't'}}]}))
from amlwidgets import VaultChecklist
VaultChecklist('t.json')"""
CALCULATOR = "from amlwidgets import ReplicaCalculator\nReplicaCalculator()"
WIZARD = "from amlwidgets import DeployWizard\nDeployWizard()"


WIDGETS = [
    (CRASH, ".aml-log-viewer", ".aml-line"),
    (CARD, ".aml[aria-label=Findings]", ".aml-card"),
    (CHECKLIST, ".aml-checklist", "li[data-step]"),
    (CALCULATOR, ".aml-calc", ".main-svg"),
    (HOST, ".aml-chart-box", ".js-plotly-plot"),
    (WIZARD, ".aml-wizard", ".aml-rail li"),
]
"""Code of a cell, the widget it shows, and what is there when the widget is drawn."""


def test_nothing_serious_in_any_widget(log_book):
    book = log_book(*(code for code, _, _ in WIDGETS), height=4000)
    book.run_all()
    for _, css, ready in WIDGETS:
        book.page.locator(f"{css} {ready}").first.wait_for()
    assert grave_in_both_themes(book, *(css for _, css, _ in WIDGETS)) == []
    assert book.cell_errors() == []


def test_the_checker_does_find_what_is_wrong(log_book):
    book = log_book(
        "from IPython.display import HTML\nHTML('<div class=wrong><p style=color:#ccc;background:#fff>pale</p><input></div>')"
    )
    book.run_all()
    book.page.locator(".wrong").wait_for()
    assert {problem[0] for problem in grave(book.page, ".wrong")} >= {"color-contrast", "label"}
