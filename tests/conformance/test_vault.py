"""The key vault story with the unmodified clients: azureml-core, azure-mgmt-keyvault, -authorization and -resource."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import sandbox_support as support

from amlwidgets import diagnose

pytestmark = pytest.mark.sandbox

CLIENTS = """
import json
from azure.core.credentials import AccessToken
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import (AccessPolicyEntry, AccessPolicyUpdateKind, Permissions,
                                        VaultAccessPolicyParameters, VaultAccessPolicyProperties)
from azure.mgmt.resource import ResourceManagementClient
from azureml.core import Environment
from azureml.core.image import ContainerImage
class Credential:
    def get_token(self, *scopes, **_):
        return AccessToken(ws._auth_object.get_authentication_header()["Authorization"].split()[1], 9999999999)
vaults = KeyVaultManagementClient(Credential(), ws.subscription_id)
roles = AuthorizationManagementClient(Credential(), ws.subscription_id)
arm = ResourceManagementClient(Credential(), ws.subscription_id)
details = ws.get_details()
group, name = ws.resource_group, details["keyVault"].rpartition("/")[2]
principal = details["identity"]["principal_id"]
def holders():
    return [entry.object_id for entry in vaults.vaults.get(group, name).properties.access_policies]
def create(title):
    config = ContainerImage.image_configuration(execution_script="score.py", runtime="python", conda_file="myenv.yml")
    return ContainerImage.create(name=title, models=[], image_config=config, workspace=ws)
def redeploy(template, **parameters):
    values = {key: {"value": value} for key, value in parameters.items()}
    done = arm.deployments.begin_create_or_update(group, "again",
        {"properties": {"mode": "Incremental", "template": template, "parameters": values}}).result()
    return done.properties.provisioning_state
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    (tmp_path / "myenv.yml").write_text(support.CONDA)
    sandbox = support.start_sandbox(tmp_path / "home")
    yield sandbox
    sandbox.stop()


def test_a_template_deployed_again_locks_the_workspace_out_and_an_entry_heals_it(own, tmp_path):
    found = support.run_client(
        CLIENTS
        + f"template = json.loads({json.dumps(json.dumps(own.template()))})"
        + """
before = holders()
state = redeploy(template)
after = holders()
refused = failure(create, "myimage")
build = failure(lambda: Environment.from_conda_specification("e", "myenv.yml").build(ws))
entry = AccessPolicyEntry(tenant_id=vaults.vaults.get(group, name).properties.tenant_id, object_id=principal,
                          permissions=Permissions(secrets=["get", "list"]))
vaults.vaults.update_access_policy(group, name, AccessPolicyUpdateKind.ADD,
    VaultAccessPolicyParameters(properties=VaultAccessPolicyProperties(access_policies=[entry])))
image = create("healed")
result([principal, before, state, after, refused, build, holders(), image.name, image.version])
""",
        tmp_path,
        own,
    )
    principal, before, state, after, refused, build, healed, *image = found
    assert (before, state, after, healed) == ([principal], "Succeeded", [], [principal])
    assert "Received bad response from Model Management Service:\nResponse Code: 500" in refused
    assert (
        '{"code":"InternalServerError","statusCode":500,"message":"An internal server error occurred. '
        'Please try again. If the problem persists, contact support"}'
    ) in refused
    assert "'api-supported-versions': '2018-03-01-preview, 2018-11-19'" in refused
    assert "'Transfer-Encoding': 'chunked'" in refused
    assert "500" in build
    assert image == ["healed", 1]
    assert diagnose(refused).top.cause == "service-internal-error"
    looked = json.dumps({"accessPolicies": [], "principalId": principal})
    assert diagnose([refused, looked]).top.cause == "key-vault-policy-wiped"


def test_roles_instead_of_policies(own, tmp_path):
    found = support.run_client(
        CLIENTS
        + """
import uuid
vault = vaults.vaults.get(group, name)
vaults.vaults.update(group, name, {"properties": {"enableRbacAuthorization": True}})
refused = failure(create, "without")
role = next(iter(roles.role_definitions.list(vault.id, filter="roleName eq 'Key Vault Administrator'")))
made = roles.role_assignments.create(vault.id, str(uuid.uuid4()),
    {"properties": {"roleDefinitionId": role.id, "principalId": principal, "principalType": "ServicePrincipal"}})
listed = [a.principal_id for a in roles.role_assignments.list_for_scope(vault.id)]
image = create("with-role")
result([refused, role.role_name, listed == [principal], image.name, [v.name for v in vaults.vaults.list_by_subscription()]])
""",
        tmp_path,
        own,
    )
    refused, role, same, image, listed = found
    assert "Response Code: 500" in refused
    assert (role, same, image) == ("Key Vault Administrator", True, "with-role")
    assert len(listed) == 1


def test_a_template_that_makes_vault_and_workspace_and_gives_access_back(own, tmp_path):
    """The child resource accessPolicies/add repairs what the vault's own PUT took away."""
    template = own.template()
    template["resources"].append(
        {
            "type": "Microsoft.KeyVault/vaults/accessPolicies",
            "apiVersion": "2022-07-01",
            "name": "[concat(parameters('keyVaultName'), '/add')]",
            "dependsOn": ["[resourceId('Microsoft.MachineLearningServices/workspaces', parameters('workspaceName'))]"],
            "properties": {
                "accessPolicies": [
                    {
                        "tenantId": "[subscription().tenantId]",
                        "objectId": "[reference(resourceId('Microsoft.MachineLearningServices/workspaces', "
                        "parameters('workspaceName')), '2023-04-01', 'full').identity.principalId]",
                        "permissions": {"secrets": ["all"]},
                    }
                ]
            },
        }
    )
    path = tmp_path / "template.json"
    path.write_text("// made by hand\n" + json.dumps(template))
    for _ in range(2):
        done = command(own, "redeploy", str(path), "--set", "workspaceName=fresh", "--set", "keyVaultName=freshvault")
        assert done.returncode == 0, done.stderr
    state = json.loads(
        command(own, "redeploy", str(path), "--set", "workspaceName=fresh", "--set", "keyVaultName=freshvault",
                "--format", "json").stdout
    )  # fmt: skip
    fresh = next(workspace for workspace in state["workspaces"] if workspace["name"] == "fresh")
    assert fresh["obstacle"] == ""
    assert state["vaults"] == [{"name": "freshvault", "before": [fresh["identity"]], "after": [fresh["identity"]]}]


def test_redeploy_says_who_lost_access(own, tmp_path):
    done = command(own, "redeploy")
    assert done.returncode == 0, done.stderr
    assert "now    none" in done.stdout
    assert "locked out: the identity has no access policy on the vault" in done.stdout


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("{", [], "line 1"),
        ('{"parameters": {"a": {"type": "string"}}, "resources": []}', [], "'a' is not provided"),
        ('{"resources": []}', ["--set", "b=1"], "'b'"),
        ('{"resources": [{"type": "Microsoft.KeyVault/vaults", "name": "v", "dependsOn": ["x"]}]}', [], "not defined"),
        ('{"resources": [{"type": "Microsoft.KeyVault/vaults", "name": "myvault", "properties": {}}]}', [], "accessPolicies"),
        ('{"resources": []}', ["--set", "b"], "no value"),
    ],
)  # fmt: skip
def test_templates_that_are_refused(own, tmp_path, content, options, words):
    (tmp_path / "bad.json").write_text(content)
    done = command(own, "redeploy", str(tmp_path / "bad.json"), *options)
    # 2: the input cannot be used; 1: the sandbox refuses it.
    assert done.returncode == (2 if words in ("line 1", "no value") else 1), done.stdout
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def command(sandbox, *arguments):
    program = [sys.executable, "-m", "amlwidgets.cli", "sandbox", *arguments, "--home", str(sandbox.home)]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
