"""The checks in templates as teams write them: each fires where it must, and not where something only comes near."""

from __future__ import annotations

import json

import pytest
from realistic import CASES

from amlwidgets.arm.reader import read
from amlwidgets.vault import check as checking
from amlwidgets.vault.view import View


@pytest.mark.parametrize("name", CASES)
def test_a_template_as_teams_write_it(name):
    case = CASES[name]
    document = read(json.dumps(case.template, indent=2))
    hits = checking.run(View(document, case.parameters))
    found = {hit.id for hit in hits}
    for wanted in case.fires.split():
        assert set(wanted.split("|")) & found, (wanted, found)
    assert not set(case.silent.split()) & found
    assert all(hit.line > 1 for hit in hits), "every finding has a place of its own"


def test_every_check_fires_once_and_is_nearly_met_once():
    ids = {check.id for check in checking.all_checks()}
    assert ids <= set(" ".join(case.fires.replace("|", " ") for case in CASES.values()).split())
    assert ids <= set(" ".join(case.silent for case in CASES.values()).split())
