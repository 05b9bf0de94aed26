"""A template as the checks see it: vaults, workspaces and what belongs to them, as far as its parameters decide."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.evaluate import Evaluator
from amlwidgets.arm.expand import Resource, expand
from amlwidgets.arm.reader import Document, TemplateError, find_key, get, pointer_key
from amlwidgets.arm.values import Unknown
from amlwidgets.vault.origin import calls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlwidgets.arm.expand import Load

VAULT = "Microsoft.KeyVault/vaults"
WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
COMPUTE = f"{WORKSPACE}/computes"
REGISTRY = "Microsoft.ContainerRegistry/registries"
POLICIES = f"{VAULT}/accessPolicies"
ROLES = "Microsoft.Authorization/roleAssignments"
ENDPOINT = "Microsoft.Network/privateEndpoints"


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a resource.

    Attributes:
        value: Its value, evaluated; None when it is absent or null.
        raw: As it is written.
        pointer: JSON pointer, of the resource when the property is absent.
        present: Whether it is written.
    """

    value: Any
    raw: Any
    pointer: str
    present: bool


def property_of(resource: Resource, *path: str) -> Property:
    """Return a property of a resource by its path below ``properties``; names compare without case."""
    raw: Any = resource.raw
    value: Any = resource.body
    pointer = resource.pointer
    for name in ("properties", *path):
        key = find_key(raw, name)
        if isinstance(value, Unknown):
            return Property(value, raw, pointer, present=True)
        value = get(value, name)
        if key is None:
            # What a copy loop or an expression made has no place of its own.
            raw = None
            continue
        raw, pointer = raw[key], f"{pointer}/{pointer_key(key)}"
    return Property(value, raw, pointer, present=raw is not None or value is not None)


class View:
    """A template that was read.

    Args:
        document: The template.
        parameters: Values of parameters, by name.
        load: Reads linked local templates.

    Raises:
        TemplateError: It is no template, or too large.
    """

    def __init__(
        self, document: Document, parameters: Mapping[str, Any] | None = None, load: Load | None = None
    ) -> None:
        if not isinstance(get(document.value, "resources"), list | dict):
            raise TemplateError("This is no ARM template: it has no resources.", 1, 1)
        self.document = document
        self.evaluator = Evaluator(document.value, parameters)
        expansion = expand(self.evaluator, document, load)
        self.resources, self.unread, self.parts = expansion.resources, expansion.unread, expansion.parts

    def of(self, kind: str) -> list[Resource]:
        """Return the declared resources of a type; what a condition switches off counts too, what exists does not."""
        return [resource for resource in self.resources if resource.is_a(kind) and not resource.existing]

    @cached_property
    def vaults(self) -> list[Vault]:
        """The vaults that the template declares."""
        return [Vault(resource) for resource in self.of(VAULT)]

    @cached_property
    def workspaces(self) -> list[Resource]:
        """The workspaces that the template declares."""
        return self.of(WORKSPACE)

    def declared_vault(self, identifier: Any) -> Vault | None:
        """Return the declared vault with that identifier."""
        return self._by_id.get(str(identifier).lower())

    @cached_property
    def _by_id(self) -> dict[str, Vault]:
        return {vault.resource.id.lower(): vault for vault in reversed(self.vaults)}

    @cached_property
    def labels(self) -> dict[tuple[str, ...], dict[str, Resource]]:
        """The resources of each template (by the deployments around it), by everything that ``dependsOn`` may say."""
        found: dict[tuple[str, ...], dict[str, Resource]] = {}
        for resource in self.resources:
            names = (resource.id.lower(), tail(resource.id), str(resource.name).lower(), resource.symbol.lower())
            found.setdefault(resource.path, {}).update((name, resource) for name in names if name)
        return found

    def position(self, resource: Resource, pointer: str) -> tuple[int, int]:
        """Return line and column of a node of a resource."""
        return (resource.document or self.document).position(pointer)


def tail(identifier: str) -> str:
    """Return ``type/name`` of an identifier, in lower case."""
    text = identifier.lower()
    return text.rpartition("/providers/")[2] or text


@dataclass(frozen=True)
class Vault:
    """A declared vault.

    Attributes:
        resource: The resource.
    """

    resource: Resource

    @property
    def name(self) -> str:
        """Its name, as far as it is known."""
        return str(self.resource.name)

    def get(self, *path: str) -> Property:
        """Return one of its properties."""
        return property_of(self.resource, *path)

    @property
    def by_roles(self) -> bool:
        """Whether ``enableRbacAuthorization`` is true for certain."""
        return self.get("enableRbacAuthorization").value is True

    @property
    def policies(self) -> Property:
        """Its access policies."""
        return self.get("accessPolicies")

    @property
    def empties(self) -> bool:
        """Whether the list is empty under the parameters' defaults."""
        return self.policies.value in (None, [])

    def fixes(self, found: Property) -> bool:
        """Whether a property is decided by the template alone, whatever its parameters are."""
        return not any(call.name == "parameters" for call in calls(self.resource.evaluator, found.raw))

    @property
    def recovers(self) -> bool:
        """Whether ``createMode`` is ``recover``."""
        return str(self.get("createMode").value).lower() == "recover"


def used_vault(workspace: Resource) -> str:
    """Return the id of the vault that a workspace uses, in lower case; empty where that is not known."""
    value = property_of(workspace, "keyVault").value
    # What a module passes on is not known at all; a name that a parameter decides can be compared all the same.
    return "" if isinstance(value, Unknown) and value.text.startswith("{") else str(value).lower()
