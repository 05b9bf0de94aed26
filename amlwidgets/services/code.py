"""Calls that can be run and shown: the code a person sees is generated from the object that runs.

A stage is a list of ``Call`` objects. ``render`` turns them into azureml-core code to copy; ``execute`` performs the
very same calls. So the two cannot differ.
"""

from __future__ import annotations

import importlib
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that an earlier call produced, by its variable name."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call, such as ``model = Model.register(...)``.

    Attributes:
        function: Dotted name; its first part is a variable of an earlier call or imported from ``module``.
        arguments: Keyword arguments; ``Ref`` and lists of ``Ref`` stand for earlier results.
        result: Variable that keeps the result; empty to drop it.
        module: Module from which the first part of ``function`` is imported; empty for a variable.
        positional: Positional arguments, for the few SDK calls that read better so.
        prints: Whether the shown code prints the result.
    """

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: str = ""
    module: str = ""
    positional: tuple[Any, ...] = ()
    prints: bool = False


def render(calls: Iterable[Call], *, imports: bool = True) -> str:
    """Return Python code for ``calls``."""
    calls = list(calls)
    lines = _imports(calls) if imports else []
    if lines:
        lines.append("")
    lines += [_render_call(call) for call in calls]
    return "\n".join(lines) + "\n"


def execute(call: Call, namespace: dict[str, Any]) -> Any:
    """Perform ``call``, reading and writing variables in ``namespace``, and return its result."""
    head, *rest = call.function.split(".")
    target = getattr(importlib.import_module(call.module), head) if call.module else namespace[head]
    for name in rest:
        target = getattr(target, name)
    value = target(
        *[_resolve(a, namespace) for a in call.positional],
        **{k: _resolve(v, namespace) for k, v in call.arguments.items()},
    )
    if call.result:
        namespace[call.result] = value
    return value


def _resolve(value: Any, namespace: Mapping[str, Any]) -> Any:
    if isinstance(value, Ref):
        return namespace[value.name]
    if isinstance(value, list):
        return [_resolve(v, namespace) for v in value]
    return value


def _imports(calls: list[Call]) -> list[str]:
    wanted: dict[str, set[str]] = {}
    for call in calls:
        if call.module:
            wanted.setdefault(call.module, set()).add(call.function.split(".")[0])
    return [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(wanted.items())]


def _literal(value: Any) -> str:
    if isinstance(value, Ref):
        return value.name
    if isinstance(value, list):
        return "[" + ", ".join(_literal(v) for v in value) + "]"
    if isinstance(value, str):
        return '"' + repr("'" + value)[2:-1].replace('"', '\\"') + '"' if '"' not in value else repr(value)
    return repr(value)


def _render_call(call: Call) -> str:
    arguments = [_literal(a) for a in call.positional] + [f"{k}={_literal(v)}" for k, v in call.arguments.items()]
    head = f"{call.result} = " if call.result else ""
    opening = f"print({call.function}(" if call.prints else f"{head}{call.function}("
    closing = "))" if call.prints else ")"
    one_line = opening + ", ".join(arguments) + closing
    if len(one_line) <= _WIDTH:
        return one_line
    body = textwrap.indent(",\n".join(arguments) + ",", "    ")
    return f"{opening}\n{body}\n{closing}"
