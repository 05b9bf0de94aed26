"""The resources that a template declares: children, copies, conditions, nested and linked deployments."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.evaluate import Evaluator
from amlwidgets.arm.reader import Document, TemplateError, get, pointer_key
from amlwidgets.arm.scope import interleaved
from amlwidgets.arm.values import Unknown, is_true

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Load = Callable[[str], tuple[Document, str] | None]
    """Returns a linked local template by its path, with its name; None when there is none."""

DEPLOYMENTS = "microsoft.resources/deployments"
MAX_RESOURCES = 5000
"""Azure takes 800 in one template; with nested deployments there may be more."""

MAX_NESTING = 20


@dataclass(slots=True)
class Resource:
    """One resource of a template.

    Attributes:
        type: Full type, as it is written.
        name: Full name with slashes; unknown where a parameter decides.
        api_version: API version.
        id: ARM identifier.
        condition: Whether it is deployed; unknown where a parameter decides.
        conditional: Whether it has a condition at all.
        existing: Whether it is only referred to (``existing`` of Bicep), which writes nothing.
        body: Everything about it, evaluated.
        raw: Everything about it, as it is written.
        pointer: JSON pointer within ``document``.
        document: The template that it stands in; None for one that was not read from text.
        evaluator: Evaluates what stands in that template.
        path: Names of the nested deployments around it, outermost first.
        symbol: Its symbolic name, in templates that have them.
        depends_on: What it waits for: identifiers, names or symbols.
    """

    type: str
    name: Any
    api_version: str
    id: str
    condition: bool | Unknown
    conditional: bool
    existing: bool
    body: dict[str, Any]
    raw: dict[str, Any]
    pointer: str
    document: Document | None
    evaluator: Evaluator
    path: tuple[str, ...] = ()
    symbol: str = ""
    depends_on: list[Any] = field(default_factory=list)

    @classmethod
    def nothing(cls, part: Part) -> Resource:
        """Return what stands for a template that declares nothing, where a resource is asked for."""
        words: dict[str, Any] = dict.fromkeys(("type", "name", "api_version", "id"), "")
        place: dict[str, Any] = {"pointer": part.pointer, "document": part.document, "evaluator": part.evaluator}
        return cls(**words, condition=True, conditional=False, existing=False, body={}, raw={}, **place)

    @property
    def properties(self) -> dict[str, Any]:
        """Its ``properties``, evaluated."""
        found = get(self.body, "properties")
        return found if isinstance(found, dict) else {}

    def is_a(self, kind: str) -> bool:
        """Whether it is of a type; types compare without case."""
        return self.type.lower() == kind.lower()


@dataclass(frozen=True, slots=True)
class Part:
    """A template, or one that is nested in it or linked.

    Attributes:
        content: The template.
        pointer: JSON pointer of it within ``document``.
        document: What it was read from; None for one that was not read from text.
        evaluator: Evaluates what stands in it.
    """

    content: dict[str, Any]
    pointer: str
    document: Document | None
    evaluator: Evaluator


@dataclass(slots=True)
class Expansion:
    """What a template declares.

    Attributes:
        resources: The resources, parents before children.
        parts: The template, and each that is nested in it or linked.
        unread: Parts that could not be looked into, with pointer and reason.
    """

    resources: list[Resource] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)


def expand(evaluator: Evaluator, document: Document | None = None, load: Load | None = None) -> Expansion:
    """Return every resource of a template, in the order in which they are written.

    Args:
        evaluator: Evaluates the template.
        document: Where the template was read from, for positions.
        load: Reads linked local templates.

    Raises:
        TemplateError: There are too many resources, or the template has not the shape of one.
    """
    found = Expansion()
    found.parts.append(Part(dict(evaluator.template), "", document, evaluator))
    _Expander(found, load).template(evaluator, document, "", ())
    return found


class _Expander:
    def __init__(self, found: Expansion, load: Load | None) -> None:
        self._found, self._load = found, load

    def template(self, evaluator: Evaluator, document: Document | None, base: str, path: tuple[str, ...]) -> None:
        if len(path) > MAX_NESTING:
            raise TemplateError(f"Deployments are nested more than {MAX_NESTING} levels deep.")
        if not isinstance(evaluator.template, dict):
            raise TemplateError("A template has to be a JSON object.")
        resources = get(evaluator.template, "resources")
        place = _Place(evaluator, document, f"{base}/resources", path)
        if isinstance(resources, dict):
            # Symbolic names: resources is an object, and references may use the names.
            evaluator.symbols |= {key: _identifier(evaluator, value) for key, value in resources.items()}
        for pointer, symbol, raw in _entries(resources, place.pointer):
            self._resource(replace(place, pointer=pointer), raw, symbol, None)

    def _resource(self, place: _Place, raw: Any, symbol: str, parent: Resource | None) -> None:
        if not isinstance(raw, dict):
            raise TemplateError("A resource has to be a JSON object.", pointer=place.pointer)
        loop = get(raw, "copy")
        if not isinstance(loop, dict):
            self._one(place, raw, symbol, parent)
            return
        count = place.evaluator.count(get(loop, "count"))
        if isinstance(count, Unknown):
            # One turn stands for all of them.
            self._found.unread.append((place.pointer, f"the number of copies depends on {count.depends_on}"))
            count = 1
        for index in range(count):
            with place.evaluator.looping(str(get(loop, "name", "")), index):
                self._one(place, raw, symbol, parent)

    def _one(self, place: _Place, raw: dict[str, Any], symbol: str, parent: Resource | None) -> None:
        if len(self._found.resources) >= MAX_RESOURCES:
            raise TemplateError(f"The template declares more than {MAX_RESOURCES:,} resources.")
        resource = _made(place, raw, symbol, parent)
        self._found.resources.append(resource)
        if resource.type.lower() == DEPLOYMENTS:
            self._nested(resource)
        for pointer, name, child in _entries(get(raw, "resources"), f"{place.pointer}/resources"):
            self._resource(replace(place, pointer=pointer), child, name, resource)

    def _nested(self, deployment: Resource) -> None:
        properties = get(deployment.raw, "properties") or {}
        content, link = get(properties, "template"), get(properties, "templateLink")
        path = (*deployment.path, str(deployment.name))
        if isinstance(content, dict):
            pointer = f"{deployment.pointer}/properties/template"
            self._part(Part(content, pointer, deployment.document, inner(deployment, content)), path)
        elif link is not None:
            self._linked(deployment, link, path)

    def _linked(self, deployment: Resource, link: Any, path: tuple[str, ...]) -> None:
        where = deployment.evaluator.evaluate(get(link, "relativePath") or get(link, "uri") or "")
        loaded = self._load(str(where)) if self._load is not None and not isinstance(where, Unknown) else None
        if loaded is None:
            self._found.unread.append((deployment.pointer, f"the linked template {where} was not found here"))
            return
        document, _ = loaded
        self._part(Part(document.value, "", document, inner(deployment, document.value, own=True)), path)

    def _part(self, part: Part, path: tuple[str, ...]) -> None:
        self._found.parts.append(part)
        self.template(part.evaluator, part.document, part.pointer, path)


def inner(deployment: Resource, template: dict[str, Any], *, own: bool = False) -> Evaluator:
    """Return what evaluates the expressions of a nested deployment's template.

    Args:
        deployment: The nested deployment.
        template: Its template.
        own: Whether that is a file of its own, which never sees the template around it.
    """
    outer, properties = deployment.evaluator, deployment.properties
    options = get(get(deployment.raw, "properties"), "expressionEvaluationOptions") or {}
    group = get(deployment.body, "resourceGroup")
    scope = outer.scope if group is None else replace(outer.scope, group=str(group))
    if not own and str(get(options, "scope", "outer")).lower() != "inner":
        # Outer scope: its expressions see the parameters and variables of the template around it.
        return outer.clone({**outer.template, "resources": get(template, "resources")}, scope)
    values = {name: _parameter(value) for name, value in (get(properties, "parameters") or {}).items()}
    found = Evaluator(template, values, scope, lookup=outer.lookup, strict=outer.strict, reveal=outer.reveal)
    found.budget = outer.budget
    written = get(get(deployment.raw, "properties"), "parameters") or {}
    found.outer = (outer, {name: get(value, "value") for name, value in written.items()})
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    evaluator: Evaluator
    document: Document | None
    pointer: str
    path: tuple[str, ...]


def _entries(resources: Any, pointer: str) -> Iterator[tuple[str, str, Any]]:
    """Yield pointer, symbolic name and content of each resource."""
    if isinstance(resources, dict):
        for key, value in resources.items():
            yield f"{pointer}/{pointer_key(key)}", key, value
    elif isinstance(resources, list):
        for index, value in enumerate(resources):
            yield f"{pointer}/{index}", "", value


def _made(place: _Place, raw: dict[str, Any], symbol: str, parent: Resource | None) -> Resource:
    evaluator = place.evaluator
    kind, name = str(evaluator.evaluate(get(raw, "type", ""))), evaluator.evaluate(get(raw, "name", ""))
    if parent is not None:
        kind, name = f"{parent.type}/{kind}", _below(parent.name, name)
    # Children and nested templates are looked at one by one.
    apart = ("resources", "condition", "copy", "type", "name")
    body = {key: _body_part(evaluator, key, value) for key, value in raw.items() if key.lower() not in apart}
    # A parent's condition does not cascade to its children.
    condition = is_true(evaluator.evaluate(get(raw, "condition", True)))
    dependencies = get(body, "dependsOn")
    return Resource(
        type=kind,
        name=name,
        api_version=str(evaluator.evaluate(get(raw, "apiVersion", ""))),
        id=evaluator.scope.resource_id(kind, str(name).split("/"), _other_group(kind, body)),
        condition=condition,
        conditional=get(raw, "condition") is not None,
        existing=get(raw, "existing") is True,
        body=body,
        raw=raw,
        pointer=place.pointer,
        document=place.document,
        evaluator=evaluator,
        path=place.path,
        symbol=symbol,
        depends_on=dependencies if isinstance(dependencies, list) else [],
    )


def _other_group(kind: str, body: dict[str, Any]) -> str | None:
    """Return the resource group that a nested deployment goes to, when it is not the one around it."""
    group = get(body, "resourceGroup") if kind.lower() == DEPLOYMENTS else None
    return None if group is None else str(group)


def _body_part(evaluator: Evaluator, key: str, value: Any) -> Any:
    if key.lower() == "properties" and isinstance(value, dict):
        return {k: v if k.lower() == "template" else evaluator.evaluate({k: v}).get(k) for k, v in value.items()} | (
            evaluator.evaluate({k: v for k, v in value.items() if k.lower() == "copy"})
        )
    return evaluator.evaluate(value)


def _below(parent: Any, name: Any) -> Any:
    unknown = next((part for part in (parent, name) if isinstance(part, Unknown)), None)
    text = f"{parent}/{name}"
    return text if unknown is None else Unknown(unknown.depends_on, text, "string")


def _identifier(evaluator: Evaluator, raw: Any) -> str:
    kind, name = evaluator.evaluate(get(raw, "type", "")), evaluator.evaluate(get(raw, "name", ""))
    return f"{evaluator.scope.group_id}/providers/{interleaved(str(kind), str(name).split('/'))}"


def _parameter(value: Any) -> Any:
    if isinstance(value, dict) and get(value, "reference") is not None:
        return Unknown("a secret of a vault")
    return get(value, "value") if isinstance(value, dict) else value


def parameter_values(content: Any) -> Mapping[str, Any]:
    """Return parameter values by name, from a parameter file's content or from plain values.

    Raises:
        TemplateError: It is neither.
    """
    if not isinstance(content, dict):
        raise TemplateError("A parameter file has to be a JSON object.")
    inside = get(content, "parameters")
    if isinstance(inside, dict):
        return {name: _parameter(value) for name, value in inside.items()}
    return content
