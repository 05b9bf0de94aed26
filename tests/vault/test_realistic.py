"""The checks in templates as teams write them: each fires where it must, and not where something only comes near."""

from __future__ import annotations

import json

import pytest
from holdout import KV, PERSON, WS
from parts import ACR, ENDPOINT, NESTED, ROLE, kv, safe
from realistic import VAULTS
from realistic_workspaces import WORKSPACES

from amlwidgets.arm.reader import read
from amlwidgets.vault import check as checking
from amlwidgets.vault.redeploy import WORKSPACE, simulate
from amlwidgets.vault.undecided import undecided
from amlwidgets.vault.view import View

CASES = VAULTS | WORKSPACES


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


DOUBLED = {f"v{n}": f"[concat(variables('v{n + 1}'), variables('v{n + 1}'))]" for n in range(40)}
ODD = [None, 5, "x", [], ["x", None], {"type": None}]


def test_variables_that_double_forty_times_are_walked_once():
    value = {"variables": {**DOUBLED, "v40": "a"}, "resources": [kv("[variables('v0')]", accessPolicies=[])]}
    value["outputs"] = {"o": {"type": "string", "value": "[variables('v0')]"}}
    found = {hit.id for hit in checking.run(View(read(json.dumps(value))))}
    assert {"KV01", "KV20"} <= found
    assert "KV27" not in found


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_whatever_stands_where_something_else_belongs(odd):
    kinds = [KV, WS, ACR, ENDPOINT, ROLE, NESTED, f"{KV}/accessPolicies", f"{KV}/secrets", f"{WS}/computes"]
    keys = ["properties", "identity", "sku", "dependsOn", "tags", "apiVersion", "scope"]
    inner = ["accessPolicies", "networkAcls", "privateLinkServiceConnections", "policies", "encryption", "value"]
    resources = [{"type": kind, "name": "v1/x", "properties": dict.fromkeys(inner, odd)} for kind in kinds]
    resources += [{"type": kind, "name": "v1", "properties": {}, key: odd} for kind in kinds for key in keys]
    top = [{}, {"outputs": odd}, {"outputs": {"o": odd}}, {"parameters": {"p": odd}}, {"variables": {"v": odd}}]
    for more in top:
        view = View(read(json.dumps({"resources": resources, **more})))
        assert checking.run(view)
        undecided(view)
        simulate(view)


def test_the_identity_of_another_resource_is_not_the_workspaces():
    site = "resourceId('Microsoft.Web/sites', 'shop')"
    entry = {**PERSON, "objectId": f"[reference({site}, '2022-03-01', 'full').identity.principalId]"}
    app = {"type": "Microsoft.Web/sites", "apiVersion": "2022-03-01", "name": "shop"}
    value = safe(app, accessPolicies=[entry])
    found = simulate(View(read(json.dumps(value))))
    assert found.loses == [WORKSPACE]
    assert found.wipes
