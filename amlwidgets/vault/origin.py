"""Where a value comes from: the expressions that it is made of, through variables, parameters and modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expressions import FunctionCall, Literal, Member, is_expression, parse
from amlwidgets.arm.reader import TemplateError, find_key, get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.evaluate import Evaluator
    from amlwidgets.arm.expressions import Expression

_DEEP = 60
_SAME = ("tolower", "toupper", "trim")
"""Functions that change nothing about where a text comes from."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What decides a value that is nothing but a parameter, a variable, or one behind the other.

    Attributes:
        evaluator: Of the template in which it is decided.
        raw: What stands there; None where whoever deploys has to give it.
        by: ``"template"`` what is written there, ``"default"`` a parameter's default, ``"given"`` a value that was
            given, ``"caller"`` whoever deploys.
        parameter: The parameter, where one decides.
    """

    evaluator: Evaluator
    raw: Any
    by: str
    parameter: str = ""


def origin(evaluator: Evaluator, raw: Any, depth: int = 0) -> Origin:
    """Follow a value to where it is decided."""
    call = _alone(raw) if depth < _DEEP else None
    if call is None or call.name not in ("parameters", "variables"):
        return Origin(evaluator, raw, "template")
    where, written = behind(evaluator, call)
    if call.name == "variables" or where is not evaluator:
        return origin(where, written, depth + 1)
    name = _name(call)
    if evaluator.given(name):
        return Origin(evaluator, written, "given", name)
    by = "caller" if _default(evaluator, name) is None else "default"
    return Origin(evaluator, written, by, name)


def nodes(evaluator: Evaluator, raw: Any) -> Iterator[tuple[Evaluator, Expression]]:
    """Yield every call and member that a value is made of, with the evaluator of the template in which it stands.

    Variables and parameters are followed to what they stand for, each once.
    """
    yield from _nodes(evaluator, raw, set(), 0)


def nodes_in(evaluator: Evaluator, expression: Expression) -> Iterator[tuple[Evaluator, Expression]]:
    """Yield every call and member that a part of an expression is made of, as :func:`nodes` does."""
    yield from _within(evaluator, expression, set(), 0)


def calls(evaluator: Evaluator, raw: Any) -> Iterator[FunctionCall]:
    """Yield every function call that a value is made of, following variables and parameters."""
    return (node for _, node in nodes(evaluator, raw) if isinstance(node, FunctionCall))


def behind(evaluator: Evaluator, call: FunctionCall) -> tuple[Evaluator, Any]:
    """Return what a variable or a parameter stands for, as it is written, and the evaluator of its template."""
    name = _name(call)
    if call.name == "variables":
        return evaluator, get(get(evaluator.template, "variables"), name)
    if call.name != "parameters":
        return evaluator, None
    if evaluator.outer is not None:
        outer, given = evaluator.outer
        if (key := find_key(dict(given), name)) is not None:
            return outer, given[key]
    if given_value := evaluator.given(name):
        return evaluator, _escaped(given_value[0])
    return evaluator, _default(evaluator, name)


def parsed(raw: Any) -> Expression | None:
    """Return an expression's tree; None for what is none or does not follow the syntax."""
    try:
        return parse(raw) if is_expression(raw) else None
    except TemplateError:
        return None


def inside(expression: Expression) -> tuple[Expression, ...]:
    """Return the expressions that one is made of."""
    if isinstance(expression, Member):
        return expression.target, expression.index
    return expression.arguments if isinstance(expression, FunctionCall) else ()


def bare_parameter(raw: Any) -> str:
    """Return the name of the parameter that a value is, and nothing else; empty when it is anything else."""
    found = parsed(raw)
    return _name(found) if isinstance(found, FunctionCall) and found.name == "parameters" else ""


def declared(evaluator: Evaluator, name: str) -> Any:
    """Return the declaration of a parameter; None when there is none."""
    return get(get(evaluator.template, "parameters"), name)


def may_be(evaluator: Evaluator, raw: Any, word: str) -> bool:
    """Whether a value can be a word (in lower case) for some value of the parameters that were not given."""
    found = parsed(raw)
    return _may_be(evaluator, found, word, 0) if found is not None else str(raw).lower() == word


def _may_be(evaluator: Evaluator, expression: Expression, word: str, depth: int) -> bool:
    if isinstance(expression, Literal):
        return str(expression.value).lower() == word
    if not isinstance(expression, FunctionCall) or depth > _DEEP:
        return True
    if expression.name in ("if", "coalesce"):
        parts = expression.arguments[expression.name == "if" :]
        # Each if() may double the work: what is deeper than people write is taken for possible.
        return any(_may_be(evaluator, part, word, depth + 5) for part in parts)
    if expression.name not in ("parameters", "variables"):
        return str(evaluator.worth(expression)).lower() == word
    where, written = behind(evaluator, expression)
    name = _name(expression)
    if expression.name == "parameters" and where is evaluator and not evaluator.given(name):
        allowed = get(declared(evaluator, name), "allowedValues")
        return not isinstance(allowed, list) or word in [str(value).lower() for value in allowed]
    found = parsed(written)
    return str(written).lower() == word if found is None else _may_be(where, found, word, depth + 1)


def _nodes(
    evaluator: Evaluator, raw: Any, seen: set[tuple[int, str, str]], depth: int
) -> Iterator[tuple[Evaluator, Expression]]:
    if depth > _DEEP:
        return
    if isinstance(raw, dict | list):
        for part in raw.values() if isinstance(raw, dict) else raw:
            yield from _nodes(evaluator, part, seen, depth + 1)
    found = parsed(raw)
    if found is not None:
        yield from _within(evaluator, found, seen, depth)


def _within(
    evaluator: Evaluator, expression: Expression, seen: set[tuple[int, str, str]], depth: int
) -> Iterator[tuple[Evaluator, Expression]]:
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        waiting.extend(inside(node))
        if isinstance(node, Literal):
            continue
        yield evaluator, node
        if isinstance(node, FunctionCall) and node.name in ("parameters", "variables"):
            key = (id(evaluator), node.name, _name(node).lower())
            if key not in seen:
                seen.add(key)
                where, written = behind(evaluator, node)
                yield from _nodes(where, written, seen, depth + 1)


def _alone(raw: Any) -> FunctionCall | None:
    found = parsed(raw)
    while isinstance(found, FunctionCall) and found.name in _SAME and found.arguments:
        found = found.arguments[0]
    return found if isinstance(found, FunctionCall) else None


def _name(call: FunctionCall) -> str:
    first = call.arguments[0] if call.arguments else None
    return str(first.value) if isinstance(first, Literal) else ""


def _default(evaluator: Evaluator, name: str) -> Any:
    return get(declared(evaluator, name), "defaultValue")


def _escaped(value: Any) -> Any:
    """Return a given value as it would be written: no expression, even if it looks like one."""
    return f"[{value}" if is_expression(value) else value
