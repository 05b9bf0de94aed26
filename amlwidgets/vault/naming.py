"""How long the name of a vault can become, and what it may be."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expressions import FunctionCall, Literal, is_expression, parse
from amlwidgets.arm.functions import UNIQUE_LENGTH
from amlwidgets.arm.reader import TemplateError, get
from amlwidgets.vault.origin import behind

if TYPE_CHECKING:
    from amlwidgets.arm.evaluate import Evaluator
    from amlwidgets.arm.expressions import Expression

LIMIT = 24
UNLIMITED = 10**6
_DEEP = 60
_KNOWN: ContextVar[dict[tuple[int, bool], int]] = ContextVar("lengths")
LEGAL = re.compile(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]")
"""What a vault may be called."""
_GUID_LENGTH = 36


def is_known(name: Any) -> bool:
    """Whether a name is known whole: it is there, and nothing in it is left to the deployment."""
    return isinstance(name, str) and bool(name) and "{" not in name


def longest_name(evaluator: Evaluator, raw: Any, depth: int = 0) -> int:
    """Return the most characters that a name can have; 0 where that is left to whoever deploys, or cannot be told.

    Args:
        evaluator: Of the template in which the name is written.
        raw: The name as it is written.
        depth: How often a variable or parameter has been followed already.
    """
    if not is_expression(raw):
        return len(raw) if isinstance(raw, str) else 0
    token = _KNOWN.set({}) if depth == 0 else None
    try:
        return _length(evaluator, parse(raw), depth, joined=False)
    except TemplateError:
        return 0
    finally:
        if token is not None:
            _KNOWN.reset(token)


def _length(evaluator: Evaluator, expression: Expression, depth: int, *, joined: bool) -> int:
    if isinstance(expression, Literal):
        return len(str(expression.value))
    if not isinstance(expression, FunctionCall) or depth > _DEEP:
        return 0
    name, arguments = expression.name, expression.arguments
    if name in ("parameters", "variables"):
        return _referred(evaluator, expression, depth, joined=joined)
    if name == "concat":
        return sum(_length(evaluator, argument, depth, joined=True) for argument in arguments)
    if name == "format":
        pattern = str(arguments[0].value) if isinstance(arguments[0], Literal) else ""
        plain = len("".join(part.rpartition("}")[2] for part in pattern.split("{")))
        return plain + sum(_length(evaluator, argument, depth, joined=True) for argument in arguments[1:])
    return _transformed(evaluator, expression, depth, joined=joined)


def _transformed(evaluator: Evaluator, call: FunctionCall, depth: int, *, joined: bool) -> int:
    if call.name == "uniquestring":
        return UNIQUE_LENGTH
    if call.name == "guid":
        return _GUID_LENGTH
    if call.name in ("if", "coalesce"):
        parts = call.arguments[call.name == "if" :]
        return max((_length(evaluator, part, depth, joined=joined) for part in parts), default=0)
    if call.name in ("tolower", "toupper", "trim", "replace"):
        return _length(evaluator, call.arguments[0], depth, joined=joined)
    if call.name in ("take", "substring") and isinstance(call.arguments[-1], Literal):
        whole, limit = _length(evaluator, call.arguments[0], depth, joined=joined), int(call.arguments[-1].value)
        return min(whole, limit) if whole else limit
    return 0


def _referred(evaluator: Evaluator, call: FunctionCall, depth: int, *, joined: bool) -> int:
    where, raw = behind(evaluator, call)
    if call.name == "variables":
        key = (id(raw), joined)
        # A chain of variables that name each other twice would be walked a thousand million times.
        known = _KNOWN.get()
        if key not in known:
            known[key] = 0
            known[key] = _joined(where, raw, depth, joined=joined)
        return known[key]
    name = str(call.arguments[0].value) if call.arguments and isinstance(call.arguments[0], Literal) else ""
    declared = get(get(evaluator.template, "parameters"), name)
    limit, allowed = get(declared, "maxLength"), get(declared, "allowedValues")
    if isinstance(limit, int):
        return limit
    if isinstance(allowed, list) and allowed:
        return max(len(str(value)) for value in allowed)
    if where is not evaluator:
        return _joined(where, raw, depth, joined=joined)
    if joined:
        return UNLIMITED
    return longest_name(where, raw, depth + 1) if raw is not None else 0


def _joined(where: Evaluator, raw: Any, depth: int, *, joined: bool) -> int:
    if not is_expression(raw):
        return len(raw) if isinstance(raw, str) else 0
    return _length(where, parse(raw), depth + 1, joined=joined)
