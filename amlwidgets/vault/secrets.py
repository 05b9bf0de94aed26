"""Whether a value can hold a secret: where the parts come from that end in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expressions import FunctionCall, Literal, Member
from amlwidgets.arm.reader import get
from amlwidgets.vault.origin import behind, declared, inside, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.evaluate import Evaluator
    from amlwidgets.arm.expressions import Expression

_DEEP = 60
SECURE = ("securestring", "secureobject")
_TELL_LITTLE = frozenset(
    {"empty", "equals", "length", "not", "and", "or", "contains", "startswith", "endswith", "greater", "less",
     "greaterorequals", "lessorequals", "uniquestring", "guid", "resourceid"}
)  # fmt: skip
"""Functions whose result does not hold what they are given."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a value.

    Attributes:
        keys: Whether it is the answer of a ``list…()`` function, which gives keys.
        secure: Whether it is a secure parameter all along; None for what is no parameter.
        name: The first plain parameter on the way, or the secure one.
    """

    keys: bool = False
    secure: bool | None = None
    name: str = ""


def is_secure(kind: Any) -> bool:
    """Whether the type of a parameter or an output is secure."""
    return str(kind).lower() in SECURE


def parts(evaluator: Evaluator, raw: Any) -> Iterator[Part]:
    """Yield the keys and parameters that end in a value."""
    yield from _parts(evaluator, raw, set(), 0)


def _parts(evaluator: Evaluator, raw: Any, seen: set[tuple[int, str]], depth: int) -> Iterator[Part]:
    if depth > _DEEP:
        return
    if isinstance(raw, dict | list):
        for one in raw.values() if isinstance(raw, dict) else raw:
            yield from _parts(evaluator, one, seen, depth + 1)
    found = parsed(raw)
    if found is not None:
        yield from _of(evaluator, found, seen, depth)


def _of(evaluator: Evaluator, expression: Expression, seen: set[tuple[int, str]], depth: int) -> Iterator[Part]:
    if isinstance(expression, Member):
        yield from _of(evaluator, expression.target, seen, depth + 1)
    if not isinstance(expression, FunctionCall) or expression.name in _TELL_LITTLE:
        return
    if expression.name.startswith("list"):
        yield Part(keys=True)
    elif expression.name in ("parameters", "variables"):
        yield from _referred(evaluator, expression, seen, depth)
    elif expression.name != "reference":
        for one in inside(expression)[expression.name == "if" :]:
            yield from _of(evaluator, one, seen, depth + 1)


def _referred(evaluator: Evaluator, call: FunctionCall, seen: set[tuple[int, str]], depth: int) -> Iterator[Part]:
    first = call.arguments[0] if call.arguments else None
    name = str(first.value) if isinstance(first, Literal) else ""
    if (id(evaluator), call.name + name) in seen:
        return
    seen.add((id(evaluator), call.name + name))
    where, written = behind(evaluator, call)
    if call.name == "variables":
        yield from _parts(where, written, seen, depth + 1)
        return
    declaration = declared(evaluator, name)
    if declaration is None:
        return
    secure = is_secure(get(declaration, "type"))
    passed = list(_parts(where, written, seen, depth + 1)) if where is not evaluator else []
    plain = [part for part in passed if part.secure is False]
    if secure and plain:
        # Secure in the module, and plain in the template around it.
        yield from plain
    else:
        yield Part(secure=secure, name=name, keys=any(part.keys for part in passed))
