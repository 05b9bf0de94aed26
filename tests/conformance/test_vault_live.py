"""The checklist against a vault that is really wiped, moved to roles, walled off: through the unmodified clients."""

from __future__ import annotations

import json

import pytest
import sandbox_support as support

pytestmark = pytest.mark.sandbox

FILES = {"score.py": "def init(): pass\ndef run(data): return data\n", "myenv.yml": support.CONDA}
PLANTED = "Sup3r-planted-secret"
OPENING = """
import os
os.environ["AMLWIDGETS_SANDBOX"] = "here"
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.resource import ResourceManagementClient
from azureml.core.image import ContainerImage
from amlwidgets import VaultChecklist, explain
from amlwidgets.services import vault_live
vaults = KeyVaultManagementClient(ws._auth_object, ws.subscription_id).vaults
roles = AuthorizationManagementClient(ws._auth_object, ws.subscription_id)
arm = ResourceManagementClient(ws._auth_object, ws.subscription_id)
details = ws.get_details()
group, name, principal = ws.resource_group, details["keyVault"].rpartition("/")[2], details["identity"]["principal_id"]
def deploy(path, **values):
    from amlwidgets.arm.reader import read
    template = read(Path(path).read_bytes().decode("utf-8-sig")).value
    values = {key: {"value": value} for key, value in values.items()}
    properties = {"mode": "Incremental", "template": template, "parameters": values}
    return arm.deployments.begin_create_or_update(group, "again", {"properties": properties}).result().properties.provisioning_state
def create(title):
    config = ContainerImage.image_configuration(execution_script="score.py", runtime="python", conda_file="myenv.yml")
    image = ContainerImage.create(name=title, models=[], image_config=config, workspace=ws)
    image.wait_for_creation()
    return image.creation_state
def cause(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        top = explain(error, ws).top
        return [top.cause, top.title, [e.source for e in top.evidence], list(top.explains)]
def states(checklist):
    return {step["id"]: step["state"] for step in checklist.steps}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    sandbox = support.start_sandbox(tmp_path_factory.mktemp("vaults") / "home")
    yield sandbox
    sandbox.stop()


@pytest.fixture
def run(running, tmp_path):
    running.faults([])
    running.reset()
    for file, text in FILES.items():
        (tmp_path / file).write_text(text)
    (tmp_path / "azuredeploy.json").write_text("// by hand\n" + json.dumps(running.template(), indent=2))
    yield lambda code: support.run_client(OPENING + code, tmp_path, running)
    running.faults([])


def test_the_whole_story(run, tmp_path):
    found = run("""
seen = [deploy("azuredeploy.json")]
seen.append(cause(create, "myimage"))
checklist = VaultChecklist("azuredeploy.json", ws)
checklist.look()
before = states(checklist)
table = checklist.template["rows"]
text = checklist.to_text()
asked = checklist.grant()["confirm"]
holders = [e.object_id for e in vaults.get(group, name).properties.access_policies]
checklist.grant(confirmed=True)
given = states(checklist)
made = create("healed")
checklist.look()
after = states(checklist)
path = checklist.write_fix("condition")
last = VaultChecklist(path, ws, parameters={"keyVaultOption": "existing"})
seen.append(deploy(path, keyVaultOption="existing"))
again = create("again")
last.look()
result([seen, before, table, text, asked, holders, given, made, after, path.name, states(last), again, principal, last.all_done])
""")
    seen, before, table, text, asked, holders, given, made, after, path, last, again, principal, all_done = found
    assert seen[0] == seen[2] == "Succeeded"
    assert seen[1][0] == "key-vault-policy-wiped"
    assert "key vault" in seen[1][2]
    assert "service-internal-error" in seen[1][3]
    assert before == {
        "vault": "done", "mode": "done", "identity": "done", "access": "needs you", "firewall": "done", "deleted": "done",
        "template": "needs you", "images": "blocked",
    }  # fmt: skip
    own = {"before": "given back", "run1": "nothing", "run2": "nothing", "loses": True}
    assert table == [{"who": "the workspace's own identity", **own}]
    assert f"--object-id {principal}" in text
    assert "az keyvault set-policy" in text
    assert "az ml workspace sync-keys" in text
    assert principal in asked
    assert "changes nothing else" in asked
    assert holders == []  # nothing is changed before it was confirmed
    assert (given["access"], given["images"]) == ("done", "needs you")
    assert made == again == "Succeeded"
    assert after["images"] == "done"
    assert path == "azuredeploy.condition.json"
    assert set(last.values()) == {"done"}
    assert all_done is True
    assert (tmp_path / "azuredeploy.json").read_text().startswith("// by hand\n")


def test_roles_and_a_firewall_are_told_apart_by_looking(run):
    found = run("""
seen = {"fine": cause(create, "one")}
vaults.update(group, name, {"properties": {"enableRbacAuthorization": True}})
seen["roles"] = cause(create, "two")
checklist = VaultChecklist(ws=ws)
checklist.look()
seen["without"] = [states(checklist), checklist.step("access").command]
checklist.give_access()
seen["twice"] = vault_live.grant(ws, vault_live.look(ws))
seen["with"] = [states(checklist), checklist.step("access").detail]
seen["assigned"] = [a.principal_id for a in roles.role_assignments.list_for_scope(details["keyVault"])]
vaults.update(group, name, {"properties": {"networkAcls": {"defaultAction": "Deny", "bypass": "None"}}})
seen["firewall"] = cause(create, "three")
checklist.look()
seen["closed"] = [states(checklist), checklist.step("firewall").command]
result([seen, principal])
""")
    seen, principal = found
    assert seen["fine"] is None
    assert seen["roles"][0] == "key-vault-access-denied"
    states, command = seen["without"]
    assert (states["mode"], states["access"], states["images"]) == ("done", "needs you", "blocked")
    assert command.startswith(f"az role assignment create --assignee-object-id {principal}")
    assert seen["with"][0]["access"] == "done"
    assert seen["with"][1] == "Key Vault Administrator"
    assert seen["assigned"] == [principal]
    assert seen["firewall"][0] == "key-vault-access-denied"
    assert "trusted service" in seen["firewall"][1]
    states, command = seen["closed"]
    assert (states["firewall"], states["images"]) == ("needs you", "blocked")
    assert command.endswith("--bypass AzureServices")


def test_a_plain_error_of_the_service_stays_one(run, running):
    running.faults([{"do": "status", "status": 500, "path": ".*/images", "method": "POST", "times": 0}])
    found = run('result(cause(create, "one"))')
    assert found[0] == "service-internal-error"


def test_no_permission_is_an_answer(run, running):
    running.faults([{"do": "status", "status": 403, "path": ".*/vaults/[^/]*", "times": 0}])
    found = run("""
deploy("azuredeploy.json")
checklist = VaultChecklist("azuredeploy.json", ws)
checklist.look()
refused = failure(checklist.give_access)
result([states(checklist), checklist.step("mode").detail, checklist.step("vault").detail, refused, checklist.problem, cause(create, "one")])
""")
    states, mode, vault, refused, problem, seen = found
    assert seen[0] == "service-internal-error"  # a guess would have been the vault
    assert states["identity"] == "done"
    assert {states[name] for name in ("vault", "mode", "access", "firewall")} == {"unknown"}
    assert "may not read the vault" in vault
    assert "is not known" in mode
    assert refused.startswith("NotAllowed")
    assert problem == {}


def test_a_change_that_is_refused_changes_nothing_and_says_so(run, running):
    running.faults([{"do": "status", "status": 403, "path": ".*/accessPolicies/add", "times": 0}])
    found = run("""
deploy("azuredeploy.json")
checklist = VaultChecklist(ws=ws)
checklist.look()
result([failure(checklist.give_access), states(checklist)["access"]])
""")
    refused, state = found
    assert "NotAllowed" in refused
    assert "may not change this vault" in refused
    assert state == "needs you"


def test_a_deleted_vault(run):
    found = run("""
vaults.delete(group, name)
checklist = VaultChecklist(ws=ws)
checklist.look()
result([states(checklist), checklist.step("vault").command])
""")
    states, command = found
    assert (states["vault"], states["deleted"], states["mode"], states["images"]) == (
        "needs you", "needs you", "blocked", "blocked",
    )  # fmt: skip
    assert command.startswith("az keyvault recover -n ")


def test_nothing_secret_is_shown_or_kept(run, running, tmp_path):
    template = running.template()
    template["parameters"]["token"] = {"type": "secureString", "defaultValue": PLANTED}
    template["parameters"]["plain"] = {"type": "secureObject", "defaultValue": {"deep": [PLANTED + "2"]}}
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets",
        "apiVersion": "2022-07-01",
        "properties": {"value": PLANTED + "3"},
    }
    template["resources"].append(secret | {"name": "[concat(parameters('keyVaultName'), '/s')]"})
    template["outputs"] = {"out": {"type": "string", "value": "[parameters('token')]"}}
    (tmp_path / "secret.json").write_text(json.dumps(template, indent=2))
    found = run(f"""
vault = vaults.get(group, name)
vaults.update(group, name, {{"tags": {{"password": "{PLANTED}4"}}}})
checklist = VaultChecklist("secret.json", ws, parameters={{"token": "{PLANTED}5"}})
checklist.look()
for remedy in ("condition", "take-out", "carry-over", "add-child", "roles"):
    checklist.propose(remedy)
    shown = json.dumps([str(checklist.get_state()), checklist.to_text(), checklist.to_html(), repr(checklist._seen)])
    with open("shown.txt", "a") as file:
        file.write(shown)
result(len(checklist.proposal["diff"]))
""")
    shown = (tmp_path / "shown.txt").read_text()
    assert found > 100
    assert "masked: secret" in shown  # the diff shows the lines around
    assert PLANTED not in shown
