"""Every check: its examples, and the labelled templates of real projects."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from amlwidgets.arm.expand import parameter_values
from amlwidgets.arm.reader import TemplateError, read
from amlwidgets.vault import check as checking
from amlwidgets.vault.redeploy import WORKSPACE, simulate
from amlwidgets.vault.view import View

CHECKS = checking.all_checks()
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "reference" / "arm-samples"
EXPECTED = sorted(SAMPLES.rglob("*.expected.json")) if SAMPLES.is_dir() else []


def fired(text, **parameters):
    return [hit.id for hit in checking.run(View(read(text), parameters))]


def template(resources, parameters="{}"):
    return f'{{"parameters": {parameters}, "resources": [{resources}]}}'


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_it_fires_in_the_bad_example_and_not_in_the_good_one(check):
    assert check.id in fired(template(check.bad, check.parameters))
    assert check.id not in fired(template(check.good, check.parameters))


def test_the_checks_are_whole():
    known = [check.id for check in CHECKS]
    assert sorted(known) == sorted([f"KV{n:02}" for n in range(1, 29)] + [f"AML{n:02}" for n in range(1, 11)])
    assert len({check.slug for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.severity in checking.SEVERITIES
        assert check.why.endswith(".")
        assert check.fix.endswith((".", "]"))


@pytest.mark.parametrize("labels", EXPECTED or [None], ids=lambda p: p.name if p else "none")
def test_templates_of_real_projects(labels):
    if labels is None:
        pytest.skip(f"the labelled templates are not beside the checkout ({SAMPLES})")
    expected = json.loads(labels.read_text())
    document = read((SAMPLES / expected["template"][0]).read_text(encoding="utf-8-sig"))
    view = View(document)
    found = {hit.id for hit in checking.run(view)}
    assert {entry["id"] for entry in expected["should_fire"]} <= found
    assert not {entry["id"] for entry in expected["must_not_fire"]} & found
    assert simulate(view).wipes is expected["facts"]["wipes_on_second_run_with_same_parameters"]
    for changes in [expected["facts"].get("safe_with")]:
        if changes:
            assert simulate(View(document, changes), ["someone"]).wipes is False


VAULT = '{"type": "Microsoft.KeyVault/vaults", "apiVersion": "2022-07-01", "name": "kv", "properties": {"accessPolicies": %s}%s}'
WORK = (
    '{"type": "Microsoft.MachineLearningServices/workspaces", "apiVersion": "2023-04-01", "name": "w", '
    '"identity": {"type": "SystemAssigned"}, "dependsOn": ["kv"], '
    '"properties": {"keyVault": "[resourceId(\'Microsoft.KeyVault/vaults\', \'kv\')]"}}'
)
ADD = (
    '{"type": "Microsoft.KeyVault/vaults/accessPolicies", "apiVersion": "2022-07-01", "name": "kv/add", "dependsOn": ["w"],'
    '"properties": {"accessPolicies": [{"objectId": "[reference(resourceId(\'Microsoft.MachineLearningServices/workspaces\','
    " 'w'), '2023-04-01', 'full').identity.principalId]\"}]}}"
)


def after(resources, state=None, parameters="{}", **values):
    return simulate(View(read(template(resources, parameters)), values), state)


def test_the_second_run_takes_the_workspaces_entry():
    found = after(VAULT % ("[]", "") + "," + WORK)
    assert (found.before, found.after_run_1, found.after_run_2) == ([], [WORKSPACE], [])
    assert found.wipes
    assert found.loses == [WORKSPACE]
    assert "takes the access to the vault away from the workspace's own identity" in found.verdict


def test_entries_of_an_existing_vault_are_lost_at_once():
    found = after(VAULT % ("[]", "") + "," + WORK, ["alice", "bob"])
    assert found.loses == ["alice", "bob"]
    assert found.after_run_1 == []


def test_an_add_gives_the_workspace_its_entry_back_and_others_stay_lost():
    found = after(",".join([VAULT % ("[]", ""), WORK, ADD]), ["alice", WORKSPACE])
    assert found.after_run_2 == [WORKSPACE]
    assert found.loses == ["alice"]


def test_no_vault_or_roles_take_nothing_away():
    assert not after(WORK, ["alice"]).wipes
    assert "declares no vault" in after(WORK, ["alice"]).verdict
    roles = VAULT.replace('"accessPolicies": %s', '"enableRbacAuthorization": true%s') % ("", "")
    assert not after(roles, ["alice"]).wipes


def test_what_depends_on_a_parameter_is_said():
    condition = ", \"condition\": \"[equals(parameters('option'), 'new')]\""
    found = after(VAULT % ("[]", condition), ["alice"], '{"option": {"type": "string"}}')
    assert any("option" in what for what in found.depends_on)
    assert found.verdict == "Whether a redeploy takes access away depends on parameter “option”."
    assert (found.wipes, found.after_run_2) == (False, ["alice"])
    safe = after(VAULT % ("[]", condition), ["alice"], '{"option": {"type": "string"}}', option="existing")
    assert not safe.wipes


def test_a_parameter_file_decides():
    text = template(VAULT % ("\"[parameters('policies')]\"", ""), '{"policies": {"type": "array", "defaultValue": []}}')
    assert "KV06" in fired(text)
    values = parameter_values({"parameters": {"policies": {"value": [{"objectId": "a"}]}}})
    assert simulate(View(read(text), values), ["a"]).wipes is False


def test_what_is_no_template():
    for text in ("{}", "[]", '{"resources": 1}', '{"resources": [1]}'):
        with pytest.raises(TemplateError):
            checking.run(View(read(text)))


def test_no_change_of_a_template_breaks_the_checks():
    """Templates with parts cut out or swapped are still read, or refused in words."""
    draw = random.Random(7)
    source = template(",".join([VAULT % ("[]", ""), WORK, ADD, CHECKS[0].bad]))
    for _ in range(300):
        value = json.loads(source)
        nodes = list(walk(value))
        holder, key = draw.choice(nodes)
        holder[key] = draw.choice([None, "", 1, [], {}, "[parameters('x')]", "[concat(", True])
        try:
            view = View(read(json.dumps(value)))
            checking.run(view)
            simulate(view)
        except TemplateError as exc:
            assert exc.message


def walk(value):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from walk(inner)


def test_a_word_that_is_not_written_is_not_none():
    """An absent bypass is Azure's default, not “None”."""
    firewall = VAULT.replace('"accessPolicies": %s', '"networkAcls": {"defaultAction": "Deny"}, "accessPolicies": %s')
    registry = (
        '{"type": "Microsoft.ContainerRegistry/registries", "apiVersion": "2023-07-01", "name": "r", "properties": {}}'
    )
    found = fired(template(firewall % ("[]", "") + "," + registry))
    assert "KV17" in found
    assert not {"KV16", "AML10"} & set(found)


def test_the_page_of_the_checks_is_current():
    from amlwidgets.vault.reference_page import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run  python -m amlwidgets.vault.reference_page"


def test_a_vault_without_a_workspace_beside_it_is_wiped_too():
    found = after(VAULT % ("[]", ""))
    assert found.wipes
    assert "whoever got access since loses it" in found.verdict
    assert not after(VAULT % ("[]", ""), []).wipes  # nobody has an entry, so nobody loses one
