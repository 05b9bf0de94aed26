"""Remedies that write: the check is silent, no other fires, and the rest of the text is as it was."""

from __future__ import annotations

import json
import random
import re

import pytest
from holdout import KV, WIPING, Writer, nested
from hypothesis import given, settings
from hypothesis import strategies as st
from test_checks import SAMPLES as FOLDER

from amlwidgets.arm import edit
from amlwidgets.arm.reader import read
from amlwidgets.vault import check as checking
from amlwidgets.vault.redeploy import simulate
from amlwidgets.vault.remedy import NoFit, all_remedies, fix
from amlwidgets.vault.view import View

REMEDIES = {remedy.id: remedy for remedy in all_remedies()}
SAMPLES = sorted(path for path in FOLDER.rglob("*.json") if "expected" not in path.name)
AGAIN = {"keyVaultOption": "existing", "kvNewOrExisting": "existing", "keyVaultNewOrExisting": "existing"}
"""What whoever deploys says the second time, after the remedy."""


def fired(text, **parameters):
    return [hit.id for hit in checking.run(View(read(text), parameters))]


def plain(value):
    return json.dumps(value, indent=2)


@pytest.mark.parametrize("remedy", REMEDIES.values(), ids=REMEDIES)
@pytest.mark.parametrize("name", WIPING)
def test_the_check_is_silent_and_no_other_fires(name, remedy):
    text = plain(WIPING[name])
    before = fired(text)
    found = fix(text, remedy)
    after = fired(found.text)
    assert not set(after) & set(remedy.silences)
    assert not set(after) - set(before)
    assert set(found.silenced) == set(before) - set(after)
    assert simulate(View(read(text)), None).wipes
    second = simulate(View(read(found.text), AGAIN), ["alice"])
    assert not second.wipes
    assert found.notes
    with pytest.raises(NoFit, match="Nothing to correct"):
        fix(found.text, remedy)


@pytest.mark.parametrize("remedy", REMEDIES.values(), ids=REMEDIES)
@pytest.mark.parametrize("path", SAMPLES or [None], ids=lambda p: p.name if p else "none")
def test_templates_of_real_projects(path, remedy):
    if path is None:
        pytest.skip("the labelled templates are not beside the checkout")
    text = path.read_bytes().decode()
    before = fired(text)
    if not set(before) & {"KV01", "KV02", "KV04", "KV06"}:
        with pytest.raises(NoFit, match="Nothing to correct"):
            fix(text, remedy)
        return
    found = fix(text, remedy)
    after = fired(found.text)
    assert not set(after) & set(remedy.silences)
    assert not set(after) - set(before)
    assert not simulate(View(read(found.text), AGAIN), ["alice"]).wipes
    taken = [line for line in found.diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    # A remedy other than taking the vault out touches next to nothing that is written.
    assert len(taken) <= (25 if remedy.id == "take-out" else 2), found.diff


styles = st.fixed_dictionaries(
    {
        "indent": st.sampled_from(["  ", "    ", "\t", " "]),
        "newline": st.sampled_from(["\n", "\r\n"]),
        "comments": st.booleans(),
        "compact": st.booleans(),
        "bom": st.booleans(),
    }
)


@settings(max_examples=120, deadline=None)
@given(
    name=st.sampled_from(sorted(WIPING)),
    remedy=st.sampled_from(sorted(REMEDIES)),
    around=st.sampled_from(["", "inner", "outer", "inner inner"]),
    style=styles,
    seed=st.integers(0, 10**6),
)
def test_however_it_is_written(name, remedy, around, style, seed):
    value = WIPING[name]
    for scope in around.split():
        value = nested(value, scope)
    if around and name == "symbolic":
        value = WIPING["empty"]
    text = Writer(random.Random(seed), **style).text(value)
    before = fired(text)
    found = fix(text, REMEDIES[remedy])
    after = fired(found.text)
    assert not set(after) & set(REMEDIES[remedy].silences)
    assert not set(after) - set(before)
    assert not simulate(View(read(found.text), AGAIN), ["alice"]).wipes
    assert_the_rest_is_untouched(text, found.text, remedy, style)


def assert_the_rest_is_untouched(before, after, remedy, style):
    assert after.startswith("\ufeff") == style["bom"]
    if not style["compact"]:
        ends = set(re.findall(r"\r?\n", after))
        assert ends == {style["newline"]}
        assert style["comments"] or not re.search(r"[ \t]+\r?\n", after)
        if style["indent"] == "\t":
            assert not [line for line in after.splitlines() if line.startswith(" ")]
    lost = set(re.findall(r"note \d+;", before)) - set(re.findall(r"note \d+;", after))
    gone = ""
    if remedy in ("take-out", "carry-over", "roles"):
        document = read(before)
        pattern = rf"/resources/[^/]+$|/dependsOn$|ccessPolicies$|/defaultValue$|/copy$|/{'enableRbac'}"
        places = [p for p in document.spans if re.search(pattern, p) and _is_touched(document, p)]
        gone = "".join(document.text[document.spans[p].start : document.spans[p].end] for p in places)
    else:
        gone = "".join(re.findall(r'"defaultValue"[^}]*', before))
    assert lost <= set(re.findall(r"note \d+;", gone)), (lost, gone)


def _is_touched(document, pointer):
    value = document.value
    for part in pointer.split("/")[1:]:
        value = value[int(part)] if isinstance(value, list) else value[part.replace("~1", "/").replace("~0", "~")]
    kinds = (KV.lower(), f"{KV}/accessPolicies".lower())
    return not isinstance(value, dict) or str(value.get("type")).lower() in kinds


@pytest.mark.parametrize(
    ("change", "remedy", "words"),
    [
        (lambda r: r[0].update(resources=[{"type": "secrets", "name": "s", "properties": {}}]), "take-out", "holds other"),
        (lambda r: r[0].update(copy={"name": "c", "count": 2}), "take-out", "loop"),
        (lambda r: r[1]["properties"].update(keyVault="[resourceId('Microsoft.KeyVault/vaults', 'other')]"), "roles", "nobody is known"),
        (lambda r: r[1].update(identity={"type": "UserAssigned", "userAssignedIdentities": "[variables('ids')]"}), "add-child", "Which user-assigned"),
    ],
)  # fmt: skip
def test_where_a_remedy_does_not_fit_it_says_why(change, remedy, words):
    value = json.loads(json.dumps(WIPING["empty"]))
    change(value["resources"])
    with pytest.raises(NoFit, match=words):
        fix(plain(value), REMEDIES[remedy])


def test_people_of_a_listed_policy_get_the_role_that_fits():
    found = json.loads(fix(plain(WIPING["people"]), REMEDIES["roles"]).text)
    roles = [r for r in found["resources"] if r["type"].endswith("roleAssignments")]
    assert [r["properties"]["description"] for r in roles] == ["Key Vault Administrator", "Key Vault Secrets User"]
    assert roles[1]["properties"]["principalId"] == "5b1a3c1e-1111-4222-8333-444455556666"


def test_what_used_the_vault_uses_the_parameter():
    found = json.loads(fix(plain(WIPING["with_others"]), REMEDIES["take-out"]).text)
    secret, workspace, endpoint = found["resources"]
    assert "dependsOn" not in secret
    assert "dependsOn" not in workspace
    link = endpoint["properties"]["privateLinkServiceConnections"][0]["properties"]["privateLinkServiceId"]
    assert link == "[parameters('keyVaultId')]"
    assert found["variables"]["vaultId"] == "[parameters('keyVaultId')]"
    assert workspace["properties"]["keyVault"] == "[variables('vaultId')]"
    assert found["outputs"]["uri"]["value"] == "[reference(parameters('keyVaultId'), '2023-07-01').vaultUri]"


def test_whom_a_child_resource_lets_in_gets_a_role():
    value = json.loads(json.dumps(WIPING["added"]))
    child, workspace = value["resources"][2], value["resources"][1]
    own = (
        f"[reference(resourceId('{workspace['type']}', parameters('name')), '2024-04-01', 'full').identity.principalId]"
    )
    child["properties"]["accessPolicies"].append({**child["properties"]["accessPolicies"][0], "objectId": own})
    child["condition"] = "[parameters('people')]"
    value["parameters"]["people"] = {"type": "bool"}
    workspace["dependsOn"].append(
        "[resourceId('Microsoft.KeyVault/vaults/accessPolicies', variables('vaultName'), 'add')]"
    )
    found = json.loads(fix(plain(value), REMEDIES["roles"]).text)["resources"]
    roles = [r for r in found if r["type"].endswith("roleAssignments")]
    assert [r["properties"]["description"] for r in roles] == ["Key Vault Administrator", "Key Vault Secrets User"]
    assert roles[1]["condition"] == "[parameters('people')]"
    assert not [r for r in found if r["type"].endswith("accessPolicies")]
    assert len(found[1]["dependsOn"]) == 1
    child["properties"]["accessPolicies"] = "[parameters('more')]"
    with pytest.raises(NoFit, match="An expression makes"):
        fix(plain(value), REMEDIES["roles"])


def test_a_parameter_of_that_name_is_left_alone():
    value = json.loads(json.dumps(WIPING["empty"]))
    value["parameters"]["KeyVaultOption"] = {"type": "int", "defaultValue": 1}
    found = json.loads(fix(plain(value), REMEDIES["condition"]).text)
    assert found["resources"][0]["condition"] == "[equals(parameters('keyVaultOption2'), 'new')]"
    assert found["parameters"]["KeyVaultOption"] == {"type": "int", "defaultValue": 1}


def test_several_vaults_are_all_corrected():
    value = json.loads(json.dumps(WIPING["empty"]))
    value["resources"].append({**value["resources"][0], "name": "second"})
    for remedy in ("condition", "take-out", "carry-over"):
        assert "KV01" not in fired(fix(plain(value), REMEDIES[remedy]).text)


def test_a_vault_is_taken_out_in_few_steps_however_much_waits_for_it(monkeypatch):
    steps = []
    monkeypatch.setattr(edit, "read", lambda text: steps.append(1) or read(text))
    counts = []
    for size in (3, 60):
        value = json.loads(json.dumps(WIPING["with_others"]))
        endpoint = value["resources"][3]
        value["resources"] += [{**endpoint, "name": f"pe{n}"} for n in range(size)]
        steps.clear()
        found = json.loads(fix(plain(value), REMEDIES["take-out"]).text)
        assert not [r for r in found["resources"] if "dependsOn" in r]
        counts.append(len(steps))
    assert counts[0] == counts[1]
