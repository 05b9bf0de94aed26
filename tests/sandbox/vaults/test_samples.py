"""Templates of others, deployed twice: whether the second run takes access away is what their labels say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amlwidgets.arm.reader import read
from amlwidgets.sandbox.identity import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE
from amlwidgets.sandbox.store import Store
from amlwidgets.sandbox.vaults.access import Access, vault_of
from amlwidgets.sandbox.vaults.templates import Templates
from amlwidgets.sandbox.workspaces import KIND, ensure_workspace
from amlwidgets.vault.remedy import all_remedies, fix

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "reference" / "arm-samples"
LABELS = sorted(FOLDER.glob("*.expected.json"))
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
WIPES = '"wipes_on_second_run_with_same_parameters": true'
GIVEN = {
    "baseName": "mlops",
    "workspace": "mlops-ws",
    "workspaceName": "wstest",
    "location": "eastus",
    "prefix": "abc",
    "postfix": "01",
    "resource_cmk_uri": "https://vault.example/keys/k/1",
}


@pytest.mark.skipif(not LABELS, reason=f"the labelled templates are not in {FOLDER}")
@pytest.mark.parametrize("label", LABELS, ids=lambda path: path.name.partition(".")[0])
def test_a_second_run_does_to_the_vault_what_the_label_says(label, tmp_path):
    expected = json.loads(label.read_text())
    template = read((FOLDER / expected["template"][0]).read_text(encoding="utf-8-sig")).value
    store = Store(tmp_path)
    own = ensure_workspace(store, SUBSCRIPTION, RESOURCE_GROUP, WORKSPACE)
    access = Access(store, TENANT)
    access.vaults.all()  # makes the vault that the sandbox's workspace has from the beginning
    values = {name: GIVEN[name] for name in template["parameters"] if name in GIVEN}
    if "cmk_keyvault_id" in template["parameters"]:
        values["cmk_keyvault_id"] = vault_of(own)
    locked_out = []
    for _ in range(2):
        outcome = Templates(store, access, TENANT).deploy(template, values, SUBSCRIPTION, RESOURCE_GROUP)
        assert [i for i in outcome.applied if "/workspaces/" in i]
        made = [workspace for workspace in store.all(KIND) if workspace["name"] != WORKSPACE]
        locked_out.append([bool(access.obstacle(workspace)) for workspace in made])
    store.close()
    assert locked_out == [[False], [expected["facts"]["wipes_on_second_run_with_same_parameters"]]]


@pytest.mark.skipif(not LABELS, reason=f"the labelled templates are not in {FOLDER}")
@pytest.mark.parametrize("remedy", all_remedies(), ids=lambda remedy: remedy.id)
@pytest.mark.parametrize("label", [p for p in LABELS if WIPES in p.read_text()], ids=lambda p: p.name.partition(".")[0])
def test_a_corrected_template_can_be_deployed_again_and_again(label, remedy, tmp_path):
    """Once as it was, then corrected: with what the remedy tells whoever deploys, nobody is locked out."""
    source = (FOLDER / json.loads(label.read_text())["template"][0]).read_bytes().decode("utf-8-sig")
    changed = read(fix(source, remedy).text).value
    store = Store(tmp_path)
    ensure_workspace(store, SUBSCRIPTION, RESOURCE_GROUP, WORKSPACE)
    access = Access(store, TENANT)
    access.vaults.all()
    before = {vault["id"] for vault in access.vaults.all()}
    templates = Templates(store, access, TENANT)

    def deploy(template, **more):
        given = {name: value for name, value in (GIVEN | more).items() if name in template["parameters"]}
        return templates.deploy(template, given, SUBSCRIPTION, RESOURCE_GROUP)

    deploy(read(source).value)
    (vault,) = [vault for vault in access.vaults.all() if vault["id"] not in before]
    for _ in range(2):
        policies = access.vaults.need(vault["id"])["properties"]["accessPolicies"]
        outcome = deploy(
            changed, keyVaultOption="existing", keyVaultNewOrExisting="existing", keyVaultId=vault["id"],
            accessPolicies=policies,
        )  # fmt: skip
        assert [i for i in outcome.applied if "/workspaces/" in i]
        made = [workspace for workspace in store.all(KIND) if workspace["name"] != WORKSPACE]
        assert [access.obstacle(workspace) for workspace in made] == [""]
    store.close()
