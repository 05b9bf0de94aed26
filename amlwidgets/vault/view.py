"""A template as the checks see it: vaults, workspaces and what belongs to them, as far as its parameters decide."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.evaluate import Evaluator
from amlwidgets.arm.expand import Resource, expand
from amlwidgets.arm.expressions import FunctionCall, Literal, Member, is_expression, parse
from amlwidgets.arm.reader import Document, TemplateError, find_key, get, pointer_key
from amlwidgets.arm.values import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlwidgets.arm.expand import Load
    from amlwidgets.arm.expressions import Expression

VAULT = "Microsoft.KeyVault/vaults"
WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
COMPUTE = f"{WORKSPACE}/computes"
REGISTRY = "Microsoft.ContainerRegistry/registries"
POLICIES = f"{VAULT}/accessPolicies"
ROLES = "Microsoft.Authorization/roleAssignments"
ENDPOINT = "Microsoft.Network/privateEndpoints"
_DEEP = 30


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
        self.resources, self.unread = expansion.resources, expansion.unread

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
        text = str(identifier).lower()
        return next((vault for vault in self.vaults if vault.resource.id.lower() == text), None)

    def position(self, resource: Resource, pointer: str) -> tuple[int, int]:
        """Return line and column of a node of a resource."""
        return (resource.document or self.document).position(pointer)


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

    @property
    def recovers(self) -> bool:
        """Whether ``createMode`` is ``recover``."""
        return str(self.get("createMode").value).lower() == "recover"


def calls(evaluator: Evaluator, raw: Any, depth: int = 0) -> Iterator[FunctionCall]:
    """Yield every function call that a value is made of, following variables and parameters to what they stand for."""
    if depth > _DEEP:
        return
    if isinstance(raw, dict | list):
        for part in raw.values() if isinstance(raw, dict) else raw:
            yield from calls(evaluator, part, depth + 1)
    elif is_expression(raw):
        try:
            parsed = parse(raw)
        except TemplateError:
            return
        for call in _calls_in(parsed):
            yield call
            yield from _behind(evaluator, call, depth)


def _calls_in(expression: Expression) -> Iterator[FunctionCall]:
    if isinstance(expression, Member):
        yield from _calls_in(expression.target)
        yield from _calls_in(expression.index)
    elif isinstance(expression, FunctionCall):
        yield expression
        for argument in expression.arguments:
            yield from _calls_in(argument)


def _behind(evaluator: Evaluator, call: FunctionCall, depth: int) -> Iterator[FunctionCall]:
    where, value = behind(evaluator, call)
    if value is not None:
        yield from calls(where, value, depth + 1)


def behind(evaluator: Evaluator, call: FunctionCall) -> tuple[Evaluator, Any]:
    """Return what a variable or a parameter stands for, as it is written, and the evaluator of its template."""
    name = call.arguments[0].value if call.arguments and isinstance(call.arguments[0], Literal) else None
    if call.name == "variables":
        return evaluator, get(get(evaluator.template, "variables"), str(name))
    if call.name != "parameters":
        return evaluator, None
    if evaluator.outer is not None:
        outer, given = evaluator.outer
        if (key := find_key(dict(given), str(name))) is not None:
            return outer, given[key]
    return evaluator, get(get(get(evaluator.template, "parameters"), str(name)), "defaultValue")


def bare_parameter(raw: Any) -> str:
    """Return the name of the parameter that a value is, and nothing else; empty when it is anything else."""
    if not is_expression(raw):
        return ""
    try:
        found = parse(raw)
    except TemplateError:
        return ""
    if isinstance(found, FunctionCall) and found.name == "parameters" and isinstance(found.arguments[0], Literal):
        return str(found.arguments[0].value)
    return ""


def stands_for(evaluator: Evaluator, raw: Any) -> Any:
    """Return what a value that is nothing but a parameter stands for, or None when nothing is written."""
    found = parse(raw)
    return behind(evaluator, found)[1] if isinstance(found, FunctionCall) else None


def worth(evaluator: Evaluator, expression: Expression) -> Any:
    """Return what a part of an expression is worth."""
    return evaluator.worth(expression)
