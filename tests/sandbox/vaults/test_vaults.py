"""What a vault's management plane does with PUT, PATCH, policies and deletion."""

from __future__ import annotations

import uuid

import pytest

from amlwidgets.sandbox.api import ApiError
from amlwidgets.sandbox.store import Store
from amlwidgets.sandbox.vaults.access import Access, InternalServerError, principal_of, vault_of
from amlwidgets.sandbox.vaults.vaults import Vaults, vault_id
from amlwidgets.sandbox.workspaces import ensure_workspace

TENANT, ONE, TWO = (str(uuid.uuid4()) for _ in range(3))
ID = vault_id("sub", "grp", "myvault")


def entry(who, *secrets):
    return {"tenantId": TENANT, "objectId": who, "permissions": {"secrets": list(secrets)}}


def body(**properties):
    return {"properties": {"accessPolicies": [], **properties}}


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


@pytest.fixture
def vaults(store):
    return Vaults(store, TENANT)


def refused(call, *arguments):
    with pytest.raises(ApiError) as caught:
        call(*arguments)
    return caught.value.code, caught.value.message


def people(vault):
    return [policy["objectId"] for policy in vault["properties"]["accessPolicies"]]


def test_a_put_replaces_the_policies(vaults):
    vaults.put(ID, body(accessPolicies=[entry(ONE, "get")]))
    assert people(vaults.put(ID, body())) == []
    assert people(vaults.find(ID.upper())) == []


def test_a_policy_vault_needs_the_list_unless_roles_are_used(vaults):
    _, message = refused(vaults.put, ID, {"properties": {}})
    assert message == "An invalid value was provided for 'accessPolicies'."
    assert vaults.put(ID, {"properties": {"enableRbacAuthorization": True}})["properties"]["enableRbacAuthorization"]


def test_newer_versions_make_vaults_with_roles_and_leave_existing_ones(vaults):
    assert vaults.put(ID, body(), "2022-07-01")["properties"]["enableRbacAuthorization"] is False
    assert vaults.put(ID, body(), "2026-02-01")["properties"]["enableRbacAuthorization"] is False
    other = vault_id("sub", "grp", "newvault")
    assert vaults.put(other, body(), "2026-02-01")["properties"]["enableRbacAuthorization"] is True


def test_add_merges_replace_replaces_remove_removes(vaults):
    vaults.put(ID, body(accessPolicies=[entry(ONE, "get")]))
    added = vaults.change_policies(ID, "add", body(accessPolicies=[entry(TWO, "get"), entry(ONE, "list")]))
    assert [(p["objectId"], p["permissions"]["secrets"]) for p in added] == [(ONE, ["get", "list"]), (TWO, ["get"])]
    vaults.change_policies(ID, "remove", body(accessPolicies=[entry(ONE)]))
    assert people(vaults.find(ID)) == [TWO]
    vaults.change_policies(ID, "replace", body(accessPolicies=[entry(ONE, "get")]))
    assert people(vaults.find(ID)) == [ONE]
    assert "add, replace or remove" in refused(vaults.change_policies, ID, "drop", body())[1]


def test_deleting_is_soft(vaults):
    vaults.put(ID, body(accessPolicies=[entry(ONE, "get")]))
    assert vaults.delete(ID)
    assert not vaults.delete(ID)
    assert refused(vaults.put, ID, body())[0] == "ConflictError"
    recovered = vaults.put(ID, {"properties": {"createMode": "recover"}})
    assert people(recovered) == [ONE]
    assert refused(vaults.put, ID, {"properties": {"createMode": "recover"}})[0] == "SoftDeletedVaultDoesNotExist"


def test_purge(vaults):
    vaults.put(ID, body())
    vaults.delete(ID)
    vaults.purge("myvault")
    assert vaults.put(ID, body(enablePurgeProtection=True))
    vaults.put(ID, body())  # what is protected stays protected
    vaults.delete(ID)
    assert refused(vaults.purge, "myvault")[0] == "DeletedVaultPurge"
    assert refused(vaults.purge, "nobody")[0] == "DeletedVaultNotFound"


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"enableSoftDelete": False}, "enableSoftDelete"),
        ({"enablePurgeProtection": False}, "irreversible"),
        ({"softDeleteRetentionInDays": 5}, "7 to 90"),
        ({"accessPolicies": "none"}, "accessPolicies"),
        ({"accessPolicies": [{"objectId": ""}]}, "objectId"),
        ({"accessPolicies": [entry(ONE)] * 1025}, "1024"),
    ],
)
def test_what_a_put_refuses(vaults, properties, words):
    assert words in refused(vaults.put, ID, body(**properties))[1]
    assert vaults.find(ID) is None


@pytest.mark.parametrize("name", ["1vault", "ab", "a--b", "v-", "v" * 25, "va_ult"])
def test_names_that_no_vault_may_have(vaults, name):
    assert refused(vaults.put, vault_id("sub", "grp", name), body())[0] == "VaultNameNotValid"


def test_a_name_is_unique_in_the_world(vaults):
    vaults.put(ID, body())
    assert refused(vaults.put, vault_id("sub", "other", "MyVault"), body())[0] == "VaultAlreadyExists"


# -- what a workspace may do


@pytest.fixture
def access(store):
    return Access(store, TENANT)


@pytest.fixture
def workspace(store):
    return ensure_workspace(store, "sub", "grp", "ws")


SCOPE = "sub/grp/ws"


def test_a_workspace_begins_with_access_and_a_wiping_put_takes_it(access, workspace):
    access.check(SCOPE)
    vault = access.vaults.find(vault_of(workspace))
    assert people(vault) == [principal_of(workspace)]
    access.vaults.put(vault["id"], body())
    with pytest.raises(InternalServerError) as caught:
        access.check(SCOPE)
    answer = caught.value.response()
    assert b"".join(answer.body) == (
        b'{"code":"InternalServerError","statusCode":500,"message":"An internal server error occurred. '
        b'Please try again. If the problem persists, contact support"}'
    )
    access.grant(workspace)
    access.check(SCOPE)


def test_with_roles_policies_do_not_count(access, workspace):
    vault = access.vaults.find(vault_of(workspace))
    access.vaults.patch(vault["id"], {"properties": {"enableRbacAuthorization": True}})
    assert access.obstacle(workspace) == "the identity has no role on the vault"
    access.assign(vault["id"], "a", principal_of(workspace), "21090545-7ca7-4776-b22c-e363652d74d2")
    assert access.obstacle(workspace)  # a reader sees no secrets
    access.assign(
        "/subscriptions/sub/resourceGroups/GRP", "b", principal_of(workspace), "00482A5A-887f-4fb3-b363-3b7fe8e74483"
    )
    assert access.obstacle(workspace) == ""
    assert access.unassign("/subscriptions/sub/resourceGroups/grp", "b")
    assert access.obstacle(workspace)


def test_a_closed_firewall_keeps_the_workspace_out(access, workspace):
    vault = access.vaults.find(vault_of(workspace))
    access.vaults.patch(vault["id"], {"properties": {"networkAcls": {"defaultAction": "Deny", "bypass": "None"}}})
    assert "firewall" in access.obstacle(workspace)
    access.vaults.patch(
        vault["id"], {"properties": {"networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices"}}}
    )
    assert access.obstacle(workspace) == ""


def test_a_deleted_vault_does_not_come_back_by_itself(access, workspace):
    access.vaults.delete(vault_of(workspace))
    assert access.obstacle(workspace) == "the vault does not exist"


def test_an_unknown_role(access):
    assert refused(access.assign, "/x", "a", ONE, "no-such-role")[0] == "RoleDefinitionDoesNotExist"
