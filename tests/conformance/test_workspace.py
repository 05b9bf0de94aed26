"""Opening workspaces: configuration file, service principal, lists, and what is refused."""

from __future__ import annotations

import pytest
import sandbox_support as support

pytestmark = pytest.mark.sandbox


def test_ways_in(run):
    found = run("""
from azureml.core.authentication import ServicePrincipalAuthentication, MsiAuthentication
principal = ServicePrincipalAuthentication("11111111-2222-3333-4444-555555555555", "some-id", "some-password")
result([
    Workspace.from_config(auth=principal).get_details()["id"] == ws.get_details()["id"],
    Workspace.from_config(auth=MsiAuthentication()).name,
    Workspace.get(name=ws.name, subscription_id=ws.subscription_id, resource_group=ws.resource_group).location,
    sorted(Workspace.list(ws.subscription_id)),
    failure(Workspace, ws.subscription_id, ws.resource_group, "elsewhere"),
    failure(Workspace, "99999999-0000-0000-0000-000000000000", "g", "w"),
])
""")
    assert found[:3] == [True, "sandbox", "eastus"]
    assert "sandbox" in found[3]
    assert "Workspace not found" in found[4]
    assert "subscription" in found[5]


def test_workspaces_are_apart(sandbox, tmp_path):
    code = """
from azureml.core import Model
Path("m.txt").write_text("x")
other = Workspace({names})
Model.register(other, model_path="m.txt", model_name="only-there")
result([list(ws.models), list(other.models)])
"""
    names = sandbox.workspace_config("5a4d0b0c-1111-4000-8000-000000000000", "team", "other")
    found = support.run_client(
        code.replace("{names}", ", ".join(f"{value!r}" for value in names.values())), tmp_path, sandbox
    )
    assert "only-there" not in found[0]
    assert found[1] == ["only-there"]


def test_what_the_sandbox_lacks_is_named(run):
    found = run("""
from azureml.core.compute import AmlCompute, ComputeTarget
config = AmlCompute.provisioning_configuration(vm_size="Standard_D2_v2", max_nodes=2)
result(failure(ComputeTarget.create, ws, "cluster", config))
""")
    assert "The sandbox does not implement" in found
    assert "AmlCompute" in found


def test_home_of_the_user_is_left_alone(run, tmp_path):
    run("result(ws.get_details()['name'])")
    left = {path.name for path in (tmp_path / ".azureml").iterdir()}
    assert left <= {"config.json", ".discovery"}, "only the client's own cache of addresses"


def test_what_is_not_there_is_named_by_clients_that_print_the_reason_only(run):
    found = run("result(failure(lambda: list(ws.datasets)))")
    assert "The sandbox does not implement GET https://" in found
