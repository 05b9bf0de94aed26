"""Texts of a template and its parameters that are never shown."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expressions import Literal, is_expression
from amlwidgets.arm.reader import get
from amlwidgets.core.redact import MASK, MASK_END, mask
from amlwidgets.vault.origin import inside, parsed
from amlwidgets.vault.secrets import is_secure, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm.evaluate import Evaluator
    from amlwidgets.arm.expressions import Expression
    from amlwidgets.vault.view import View

_SHORTEST = 4
"""Shorter texts are words of every sentence."""

_NAMED = re.compile(
    r"passw(?:or)?d|passphrase|(?:^|_)pwd|secret(?!.*(?:name|id|uri))|token(?!.*(?:name|uri))"
    r"|connection_?string|(?:access|account|api|storage|shared)_?key(?!.*name)|sas_?(?:token|url)",
    re.IGNORECASE,
)
"""Names of parameters and variables that hold secrets, whatever their type says."""


def without(secrets: list[str], text: str) -> str:
    """Return a text without secrets: the given ones, and those that can be told as such."""
    for secret in secrets:
        text = text.replace(secret, f"{MASK}secret{MASK_END}")
    return mask(text)


def cleaned(secrets: list[str], value: Any) -> Any:
    """Return a value of JSON with every text in it without secrets."""
    if isinstance(value, str):
        return without(secrets, value)
    if isinstance(value, dict):
        return {key: cleaned(secrets, item) for key, item in value.items()}
    return [cleaned(secrets, item) for item in value] if isinstance(value, list) else value


def secrets_in(view: View) -> list[str]:
    """Return the texts that a template or its parameters keep where secrets belong; the longest first."""
    found = {text for value in _values(view) for text in _texts(value)}
    # As they stand in the template's text, and each line of those that have several.
    written = {form for text in found for form in (text, json.dumps(text)[1:-1], *text.splitlines())}
    return sorted((text for text in written if len(text) >= _SHORTEST), key=len, reverse=True)


def _values(view: View) -> Iterator[Any]:
    for part in view.parts:
        parameters, variables = get(part.content, "parameters"), get(part.content, "variables")
        for name, declared in parameters.items() if isinstance(parameters, dict) else ():
            if is_secure(get(declared, "type")) or _NAMED.search(name):
                yield from _of_parameter(part.evaluator, name, declared)
        for name, value in variables.items() if isinstance(variables, dict) else ():
            if _NAMED.search(name):
                yield value
    for secret in view.of("Microsoft.KeyVault/vaults/secrets"):
        value = get(get(secret.raw, "properties"), "value")
        yield value
        for used in parts(secret.evaluator, value):
            if used.secure is False:
                yield from _anywhere(view, used.name)


def _anywhere(view: View, name: str) -> Iterator[Any]:
    for part in view.parts:
        declared = get(get(part.content, "parameters"), name)
        if declared is not None:
            yield from _of_parameter(part.evaluator, name, declared)


def _of_parameter(evaluator: Evaluator, name: str, declared: Any) -> Iterator[Any]:
    yield get(declared, "defaultValue")
    yield from evaluator.given(name)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
    elif is_expression(value):
        found = parsed(value)
        if found is not None:
            yield from _literals(found)
    elif isinstance(value, str):
        yield value


def _literals(expression: Expression) -> Iterator[str]:
    """Yield the texts of a secret's expression; names of parameters and functions' types are none."""
    for part in inside(expression):
        if not isinstance(part, Literal):
            yield from _literals(part)
        elif getattr(expression, "name", "") in ("concat", "format", "if", "createarray", "coalesce"):
            yield str(part.value)
