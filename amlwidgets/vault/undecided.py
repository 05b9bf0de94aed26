"""What the checks could not decide, because it depends on something that the template does not tell."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.values import Unknown
from amlwidgets.vault.registries import gives_pull, linked_registries, uses_own_identity
from amlwidgets.vault.view import POLICIES, REGISTRY, VAULT, WORKSPACE, property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import View

_PROPERTIES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (VAULT, ("enableRbacAuthorization",), ("KV01", "KV14")),
    (VAULT, ("enableSoftDelete",), ("KV10",)),
    (VAULT, ("softDeleteRetentionInDays",), ("KV23",)),
    (VAULT, ("networkAcls", "bypass"), ("KV16",)),
    (VAULT, ("networkAcls", "defaultAction"), ("KV16",)),
    (VAULT, ("publicNetworkAccess",), ("KV18",)),
    (WORKSPACE, ("encryption", "status"), ("AML07",)),
    (REGISTRY, ("adminUserEnabled",), ("AML04",)),
    (REGISTRY, ("policies", "quarantinePolicy", "status"), ("AML05",)),
    (REGISTRY, ("publicNetworkAccess",), ("AML08",)),
    (REGISTRY, ("networkRuleBypassOptions",), ("AML10",)),
)


@dataclass(frozen=True, slots=True)
class Open:
    """A question that the template leaves open.

    Attributes:
        checks: Ids of the checks that would need the answer.
        pointer: JSON pointer of the node.
        line: Line in the template, from 1.
        message: What it depends on, in one sentence.
    """

    checks: list[str]
    pointer: str
    line: int
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values."""
        return asdict(self)


def undecided(view: View) -> list[Open]:
    """Return what could not be decided, in the order of the template."""
    found = [*_parts(view), *_conditions(view), *_properties(view), *_operations(view), *_pulling(view)]
    return sorted(found, key=lambda one: (one.line, one.checks))


def _parts(view: View) -> Iterator[Open]:
    for pointer, reason in view.unread:
        line, _ = view.document.position(pointer)
        yield Open(["all"], pointer, line, f"Not looked into: {reason}.")


def _conditions(view: View) -> Iterator[Open]:
    for vault in view.vaults:
        condition, policies = vault.resource.condition, vault.policies
        if isinstance(condition, Unknown):
            pointer = f"{vault.resource.pointer}/condition"
            yield _open(view, vault.resource, pointer, ("KV04",), "Whether the vault is deployed", condition)
        if isinstance(policies.value, Unknown) and not vault.by_roles:
            what = "Whether the access policies are emptied"
            yield _open(view, vault.resource, policies.pointer, ("KV01", "KV02"), what, policies.value)


def _properties(view: View) -> Iterator[Open]:
    for kind, path, checks in _PROPERTIES:
        for resource in view.of(kind):
            found = property_of(resource, *path)
            if isinstance(found.value, Unknown):
                yield _open(view, resource, found.pointer, checks, path[-1], found.value)


def _operations(view: View) -> Iterator[Open]:
    for child in view.of(POLICIES):
        if isinstance(child.name, Unknown) and "{" in str(child.name).rpartition("/")[2]:
            yield _open(view, child, f"{child.pointer}/name", ("KV08",), "What the child does", child.name)


def _pulling(view: View) -> Iterator[Open]:
    """Yield the registries without admin user whose workspace has an identity that the template gives no role."""
    for registry, workspace in linked_registries(view):
        admin = property_of(registry, "adminUserEnabled")
        if admin.value in (None, False) and uses_own_identity(workspace) and not gives_pull(view, registry):
            line, _ = view.position(registry, admin.pointer)
            words = f"Whether the workspace's identity may pull from {registry.name}"
            yield Open(["AML04"], admin.pointer, line, f"{words} is not known: the template gives it no AcrPull.")


def _open(view: View, resource: Resource, pointer: str, checks: tuple[str, ...], what: str, value: Unknown) -> Open:
    line, _ = view.position(resource, pointer)
    return Open(list(checks), pointer, line, f"{what} depends on {value.depends_on}.")
