"""Deploying a template: vaults, their policies, workspaces and role assignments take effect; the rest is only noted.

What ARM does is done here too: resources in the order of their dependencies, each PUT with all of its properties,
names of parameters without case, ``reference()`` answered from what exists (keyvault-arm.md, sections 1 to 4).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.evaluate import Evaluator
from amlwidgets.arm.expand import DEPLOYMENTS, Expansion, Resource, expand, inner, parameter_values
from amlwidgets.arm.reader import TemplateError, find_key, get
from amlwidgets.arm.scope import Scope
from amlwidgets.arm.values import Unknown, unknown_in
from amlwidgets.sandbox import shapes
from amlwidgets.sandbox.api import ApiError, scope_key
from amlwidgets.sandbox.identity import REGION
from amlwidgets.sandbox.vaults.access import principal_of, vault_of
from amlwidgets.sandbox.vaults.vaults import TYPE as VAULT
from amlwidgets.sandbox.workspaces import KIND as WORKSPACE
from amlwidgets.sandbox.workspaces import ensure_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlwidgets.sandbox.store import Store
    from amlwidgets.sandbox.vaults.access import Access

RESOURCE = "arm-resource"
WORKSPACES = "Microsoft.MachineLearningServices/workspaces"
_GROUPS = "microsoft.resources/resourcegroups"
_POLICIES, _ROLES = f"{VAULT}/accessPolicies", "Microsoft.Authorization/roleAssignments"
_PARAMETER_HELP = "https://aka.ms/arm-create-parameter-file"


@dataclass(slots=True)
class Outcome:
    """What a deployment did.

    Attributes:
        applied: Identifiers of the resources that took effect, in order.
        noted: Identifiers of resources of types that the sandbox does not keep.
        skipped: Identifiers of resources whose condition is false.
        outputs: The template's outputs; secure ones are left out.
    """

    applied: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)


class Templates:
    """Deploys templates onto the sandbox's subscription.

    Args:
        store: Where resources are kept.
        access: Vaults and role assignments.
        tenant: The one directory.
    """

    def __init__(self, store: Store, access: Access, tenant: str) -> None:
        self._store, self._access, self._tenant = store, access, tenant

    def deploy(
        self, template: Any, parameters: Any, subscription: str, group: str, name: str = "deployment"
    ) -> Outcome:
        """Deploy a template; a second time does the same again, as ARM does.

        Args:
            template: Its content.
            parameters: Parameter values, or the content of a parameter file.
            subscription: Identifier of the subscription.
            group: Resource group.
            name: Name of the deployment.

        Raises:
            ApiError: The template or one of its resources is not valid; what was applied before stays.
        """
        scope = Scope(subscription, group, REGION, self._tenant, name)
        try:
            values = parameter_values(parameters or {})
            _check_parameters(template, values)
            return self._deploy(template, values, scope)
        except TemplateError as exc:
            text = f"Deployment template validation failed: '{exc}'."
            raise ApiError(400, "InvalidTemplate", text) from exc

    def _deploy(self, template: Any, values: Mapping[str, Any], scope: Scope) -> Outcome:
        outcome = Outcome()

        nested: dict[str, Resource] = {}

        def lookup(identifier: str, version: str, full: bool) -> Any:
            inner = nested.get(identifier.lower())
            return self._lookup(identifier, version, full) if inner is None else _done(inner, full=full)

        def look() -> Expansion:
            # Anew before each resource: reference() sees what was made before it.
            return expand(Evaluator(template, values, scope, lookup=lookup, strict=True, reveal=True))

        first = look()
        nested |= {resource.id.lower(): resource for resource in first.resources if resource.is_a(DEPLOYMENTS)}
        if first.unread:
            raise ApiError(400, "InvalidTemplate", f"Deployment template validation failed: '{first.unread[0][1]}'.")
        for index in _order(first.resources):
            resource = look().resources[index]
            if resource.existing:
                continue
            if isinstance(resource.condition, Unknown):
                raise TemplateError(f"The condition of {resource.name} depends on {resource.condition.depends_on}")
            if not resource.condition:
                outcome.skipped.append(resource.id)
            elif resource.type.lower() != DEPLOYMENTS:
                self._apply(resource, outcome)
        outcome.outputs = _outputs(template, Evaluator(template, values, scope, lookup=lookup))
        return outcome

    # -- single resources

    def _apply(self, resource: Resource, outcome: Outcome) -> None:
        unknown = unknown_in(resource.body)
        kinds: dict[str, Callable[[Resource], None]] = {
            VAULT.lower(): self._vault,
            _POLICIES.lower(): self._policies,
            WORKSPACES.lower(): self._workspace,
            _ROLES.lower(): self._role,
        }
        apply = kinds.get(resource.type.lower())
        if apply is None:
            known = {"id": resource.id, "name": str(resource.name), "type": resource.type}
            self._store.put(RESOURCE, "", resource.id.lower(), known)
            outcome.noted.append(resource.id)
            return
        if unknown is not None:
            raise TemplateError(f"{resource.type} {resource.name} depends on {unknown.depends_on}")
        apply(resource)
        outcome.applied.append(resource.id)

    def _vault(self, resource: Resource) -> None:
        shapes.check(resource.body, shapes.VAULT, resource.id.rpartition("/")[2])
        self._access.vaults.put(resource.id, resource.body, resource.api_version)

    def _policies(self, resource: Resource) -> None:
        shapes.check(resource.body, shapes.VAULT, str(resource.name))
        vault, _, operation = str(resource.name).partition("/")
        identifier = resource.evaluator.scope.resource_id(VAULT, [vault])
        self._access.vaults.change_policies(identifier, operation, resource.body)

    def _workspace(self, resource: Resource) -> None:
        shapes.check(resource.body, shapes.WORKSPACE, str(resource.name))
        scope, name = resource.evaluator.scope, str(resource.name)
        earlier = self._store.get(WORKSPACE, "", scope_key(scope.subscription, scope.group, name))
        if not get(resource.body, "identity"):
            raise ApiError(400, "ValidationError", f"The workspace '{name}' needs an identity.")
        vault = str(resource.properties.get("keyVault") or "")
        if earlier is not None:
            if vault and vault.lower() != vault_of(earlier).lower():
                text = f"The key vault of the workspace '{name}' cannot be changed once it is made."
                raise ApiError(400, "ValidationError", text)
            return  # nothing changed, so the service does not write its entry again
        if not vault or self._access.vaults.find(vault) is None:
            raise ApiError(
                400, "ValidationError", f"The key vault '{vault or 'none'}' of the workspace does not exist."
            )
        made = ensure_workspace(self._store, scope.subscription, scope.group, name) | {"keyVault": vault}
        self._store.put(WORKSPACE, "", scope_key(scope.subscription, scope.group, name), made)
        self._access.grant(made)

    def _role(self, resource: Resource) -> None:
        shapes.check(resource.body, shapes.ROLE_ASSIGNMENT, str(resource.name))
        properties, where = resource.properties, get(resource.body, "scope")
        target = str(where) if where else resource.evaluator.scope.group_id
        if where and not target.startswith("/"):
            kind, _, name = target.rpartition("/")
            target = resource.evaluator.scope.resource_id(kind, [name])
        role = str(properties.get("roleDefinitionId"))
        self._access.assign(target, str(resource.name), str(properties.get("principalId")), role)

    # -- what there is

    def _lookup(self, identifier: str, _version: str, full: bool) -> Any:
        found = self._state(identifier)
        if found is None:
            return Unknown(f"the state of {identifier.rpartition('/')[2]}, which does not exist", kind="object")
        return found if full else found["properties"]

    def _state(self, identifier: str) -> dict[str, Any] | None:
        vault = self._access.vaults.find(identifier)
        if vault is not None:
            return vault
        parts = identifier.strip("/").split("/")
        if WORKSPACES.lower() in identifier.lower() and len(parts) == 8:  # noqa: PLR2004 - /subscriptions/…/workspaces/x
            workspace = self._store.get(WORKSPACE, "", scope_key(parts[1], parts[3], parts[7]))
            return None if workspace is None else _workspace_state(workspace, self._tenant)
        noted = self._store.get(RESOURCE, "", identifier.lower())
        return None if noted is None else noted | {"properties": Unknown(f"the state of {parts[-1]}", kind="object")}


def _outputs(template: Any, evaluator: Evaluator) -> dict[str, Any]:
    found = {}
    for name, output in (get(template, "outputs") or {}).items():
        kind, value = str(get(output, "type", "")), evaluator.evaluate(get(output, "value"))
        if not kind.lower().startswith("secure") and unknown_in(value) is None:
            found[name] = {"type": kind, "value": value}
    return found


def _done(deployment: Resource, *, full: bool) -> Any:
    """Return the state of a nested deployment: what ``reference()`` sees of it are its outputs."""
    template = get(get(deployment.raw, "properties") or {}, "template") or {}
    properties = {"provisioningState": "Succeeded", "outputs": _outputs(template, inner(deployment, template))}
    return {"id": deployment.id, "name": deployment.name, "properties": properties} if full else properties


def _workspace_state(workspace: dict[str, Any], tenant: str) -> dict[str, Any]:
    return {
        "id": workspace["id"],
        "name": workspace["name"],
        "location": workspace["location"],
        "identity": {"type": "SystemAssigned", "principalId": principal_of(workspace), "tenantId": tenant},
        "properties": {"keyVault": vault_of(workspace), "workspaceId": workspace["workspaceId"]},
    }


def _check_parameters(template: Any, values: Mapping[str, Any]) -> None:
    if not isinstance(template, dict):
        raise TemplateError("a template has to be a JSON object")
    declared = get(template, "parameters") or {}
    given = {name.lower() for name in values}
    for name, parameter in declared.items():
        if find_key(parameter, "defaultValue") is None and name.lower() not in given:
            text = f"The value for the template parameter '{name}' is not provided."
            raise TemplateError(f"{text} Please see {_PARAMETER_HELP} for usage details.")
    known = {name.lower() for name in declared}
    surplus = sorted(name for name in values if name.lower() not in known)
    if surplus:
        raise TemplateError(f"The template parameters '{', '.join(surplus)}' in the parameters file are not valid")
    for name, value in values.items():
        allowed = get(get(declared, name), "allowedValues")
        if allowed is not None and value not in allowed:
            raise TemplateError(f"The provided value '{value}' for the template parameter '{name}' is not valid")


def _order(resources: list[Resource]) -> list[int]:
    """Return the positions of resources so that each comes after what it depends on.

    Raises:
        TemplateError: They depend on each other, or on a resource that is not declared.
    """
    names = {label: index for index, resource in enumerate(resources) for label in _labels(resource)}
    inside: dict[str, list[int]] = {}
    for index, resource in enumerate(resources):
        for around in resource.path:
            inside.setdefault(around.lower(), []).append(index)
    waits = [_waits(resource, names, inside, resources) for resource in resources]
    done: list[int] = []
    while len(done) < len(resources):
        ready = [i for i in range(len(resources)) if i not in done and all(w in done for w in waits[i])]
        if not ready:
            stuck = ", ".join(str(r.name) for i, r in enumerate(resources) if i not in done)
            raise TemplateError(f"Circular dependency detected on resource: '{stuck}'")
        done.append(ready[0])
    return done


def _labels(resource: Resource) -> list[str]:
    own = [resource.id.lower(), str(resource.name).lower(), str(resource.name).rpartition("/")[2].lower()]
    if resource.type.lower() == _GROUPS:
        # What subscriptionResourceId() makes of a group; ARM takes both.
        own.append(
            f"/subscriptions/{resource.evaluator.scope.subscription}/providers/{_GROUPS}/{resource.name}".lower()
        )
    return [*own, resource.symbol.lower()] if resource.symbol else own


def _waits(
    resource: Resource, names: dict[str, int], inside: dict[str, list[int]], resources: list[Resource]
) -> list[int]:
    found = []
    for dependency in resource.depends_on:
        label = str(dependency).lower()
        index = names.get(label, names.get(label.rpartition("/")[2]) if not label.startswith("/") else None)
        if index is None:
            raise TemplateError(f"The resource '{dependency}' is not defined in the template")
        found.append(index)
        if resources[index].type.lower() == DEPLOYMENTS:
            found += inside.get(str(resources[index].name).lower(), [])
    # What stands inside a nested deployment waits for what that deployment waits for.
    if resource.path and (around := names.get(resource.path[-1].lower())) is not None:
        found.append(around)
    return found


def wiping_template(workspace: dict[str, Any]) -> dict[str, Any]:
    """Return the template that people make of a workspace: its vault with an empty list of access policies.

    Deployed a second time it takes every identity's access away; that is what the guides warn of.
    """
    vault = vault_of(workspace)
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "workspaceName": {"type": "string", "defaultValue": workspace["name"]},
            "keyVaultName": {"type": "string", "defaultValue": vault.rpartition("/")[2]},
        },
        "resources": [
            {
                "type": VAULT,
                "apiVersion": "2022-07-01",
                "name": "[parameters('keyVaultName')]",
                "location": "[resourceGroup().location]",
                "properties": {
                    "tenantId": "[subscription().tenantId]",
                    "sku": {"family": "A", "name": "standard"},
                    "accessPolicies": [],
                },
            },
            {
                "type": WORKSPACES,
                "apiVersion": "2023-04-01",
                "name": "[parameters('workspaceName')]",
                "location": "[resourceGroup().location]",
                "dependsOn": [f"[resourceId('{VAULT}', parameters('keyVaultName'))]"],
                "identity": {"type": "SystemAssigned"},
                "properties": {
                    "friendlyName": "[parameters('workspaceName')]",
                    "keyVault": f"[resourceId('{VAULT}', parameters('keyVaultName'))]",
                },
            },
        ],
    }


def new_name() -> str:
    """Return a name for a deployment that was given none."""
    return f"deployment-{uuid.uuid4().hex[:8]}"
