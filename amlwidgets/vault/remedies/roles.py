"""The vault uses roles, which no redeploy touches (keyvault-arm.md, section 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expressions import is_expression
from amlwidgets.arm.reader import get
from amlwidgets.vault.expressions import inside
from amlwidgets.vault.permissions import ADMINISTRATOR, ROLE_NAMES, SECRETS_OFFICER, SECRETS_USER
from amlwidgets.vault.placing import (
    add_resource,
    principal,
    real,
    set_property,
    users,
    vault_id,
    waits_for,
    with_condition,
    workspace_id,
)
from amlwidgets.vault.remedy import WIPES, NoFit, Remedy
from amlwidgets.vault.view import POLICIES, ROLES, property_of
from amlwidgets.vault.waiting import stop_waiting, waiting_for

if TYPE_CHECKING:
    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.remedy import Work


def _change(work: Work) -> None:
    editor, vault = work.editor, work.vault
    found = [(workspace, _assignment(work, workspace)) for workspace in users(work)]
    children = _children(work)
    workspaces = [workspace for workspace, _ in found]
    others = [role for child in children for role in _roles_of_child(work, child, workspaces)]
    waiting = [place for child in children for place in waiting_for(work, child)]
    listed = vault.policies.raw
    pointer = real(editor, vault.resource.pointer)
    if vault.policies.present and listed != []:
        set_property(editor, pointer, "accessPolicies", [])
    set_property(editor, pointer, "enableRbacAuthorization", value=True)
    for workspace, role in found:
        add_resource(editor, workspace.pointer, "keyVaultRole", role)
    for entry in listed if isinstance(listed, list) else []:
        add_resource(editor, vault.resource.pointer, "keyVaultRoleOfOthers", _role_of(work, entry))
    for role in others:
        add_resource(editor, vault.resource.pointer, "keyVaultRoleOfOthers", role)
    stop_waiting(editor, list(dict.fromkeys(waiting)))
    for child in reversed(children):
        editor.remove(real(editor, child.pointer))
    if isinstance(listed, str):
        work.notes.append("Who had access by that parameter or variable needs a role on the vault from now on.")
    work.notes.append(
        "On a vault that exists, assign the roles first and wait some minutes; whoever deploys needs "
        "Microsoft.Authorization/roleAssignments/write."
    )


def _children(work: Work) -> list[Resource]:
    """Return the children that write access policies of the vault.

    Raises:
        NoFit: Whom one of them lets in cannot be told, or it stands elsewhere.
    """
    name, own = work.vault.name.lower(), work.vault.resource
    found = [child for child in work.view.of(POLICIES) if str(child.name).lower().startswith(f"{name}/")]
    for child in found:
        if child.document is not own.document or child.path != own.path or get(child.raw, "copy") is not None:
            raise NoFit("Access policies are added in a loop or in another template: make them roles first.")
        if not isinstance(property_of(child, "accessPolicies").raw, list):
            raise NoFit("An expression makes the access policies that are added: make them roles first.")
    return found


def _roles_of_child(work: Work, child: Resource, workspaces: list[Resource]) -> list[dict[str, Any]]:
    """Return the roles of those whom a child lets in; the workspaces have theirs already."""
    if str(child.name).lower().endswith("/remove"):
        return []
    known = {str(w.evaluator.evaluate(f"[{principal(w)}]")).lower() for w in workspaces}
    entries = [
        entry
        for entry in property_of(child, "accessPolicies").raw
        if str(child.evaluator.evaluate(get(entry, "objectId"))).lower() not in known
    ]
    return [_in_place_of(child, _role_of(work, entry)) for entry in entries]


def _in_place_of(child: Resource, role: dict[str, Any]) -> dict[str, Any]:
    """Return a role that is made when the child was, and after what that waited for."""
    condition, waits = get(child.raw, "condition"), get(child.raw, "dependsOn")
    if isinstance(waits, list):
        evaluated = [str(child.evaluator.evaluate(entry)).lower() for entry in waits]
        pairs = zip(waits, evaluated, strict=True)
        role["dependsOn"] = [entry for entry, known in pairs if "/accesspolicies/" not in known]
    role.pop("condition", None)
    return role if condition is None else {"condition": condition, **role}


def _assignment(work: Work, workspace: Resource) -> dict[str, Any]:
    vault = vault_id(work, workspace)
    name = f"guid({vault}, {workspace_id(workspace)}, '{ADMINISTRATOR}')"
    made = _role(ADMINISTRATOR, vault, name, f"[{principal(workspace)}]", waits_for(work, workspace))
    return with_condition(workspace, made)


def _role_of(work: Work, entry: Any) -> dict[str, Any]:
    """Return the role of somebody whom the template gave an access policy."""
    own, whom = work.vault.resource, get(entry, "objectId")
    vault = vault_id_here(work)
    role = _fitting(get(entry, "permissions") or {})
    waits = [own.symbol or f"[{vault}]"]
    made = _role(role, vault, f"guid({vault}, {inside(whom)}, '{role}')", whom, waits)
    del made["properties"]["principalType"]  # a person or a group may stand there too
    condition = get(own.raw, "condition")
    return made if condition is None else {"condition": condition, **made}


def vault_id_here(work: Work) -> str:
    """Return the vault's id as a part of an expression of its own template."""
    return f"resourceId('Microsoft.KeyVault/vaults', {inside(get(work.vault.resource.raw, 'name'))})"


def _fitting(permissions: Any) -> str:
    """Return the role that gives about what an access policy gave."""
    given = {kind.lower(): [str(p).lower() for p in value] for kind, value in permissions.items() if value}
    if set(given) != {"secrets"} or is_expression(permissions.get("secrets")):
        return ADMINISTRATOR
    return SECRETS_USER if set(given["secrets"]) <= {"get", "list"} else SECRETS_OFFICER


def _role(role: str, vault: str, name: str, principal_id: Any, waits: list[str]) -> dict[str, Any]:
    return {
        "type": ROLES,
        "apiVersion": "2022-04-01",
        "scope": f"[{vault}]",
        "name": f"[{name}]",
        "dependsOn": waits,
        "properties": {
            "roleDefinitionId": f"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{role}')]",
            "principalId": principal_id,
            "principalType": "ServicePrincipal",
            "description": ROLE_NAMES[role],
        },
    }


REMEDY = Remedy(
    id="roles",
    order=5,
    title="Let the vault use roles instead of access policies",
    words="Role assignments are resources of their own, which no redeploy of the vault replaces.",
    silences=(*WIPES, "KV03"),
    change=_change,
)
