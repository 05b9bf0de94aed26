"""Fill ``{field}`` and ``{field|words when unknown}`` in the catalogue's texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = re.compile(r"\{([a-z][a-z0-9_]{0,40})(?:\|([^{}]{0,200}))?\}")


def fill(template: str, fields: Mapping[str, str]) -> str | None:
    """Return the text with its fields filled in, or None when a field without default is unknown."""
    complete = True

    def value(match: re.Match[str]) -> str:
        nonlocal complete
        found = fields.get(match[1])
        if found:
            return found
        if match[2] is None:
            complete = False
            return ""
        return match[2]

    text = _FIELD.sub(value, template)
    return text if complete else None


def fill_code(template: str, fields: Mapping[str, str]) -> str:
    """Fill in what is known; braces of the code's own stay as they are."""

    def value(match: re.Match[str]) -> str:
        return fields.get(match[1]) or (match[2] if match[2] is not None else match[0])

    return _FIELD.sub(value, template)


def fill_first(templates: tuple[str, ...], fields: Mapping[str, str]) -> str:
    """Return the first template that can be filled in completely; the last one with gaps if none can."""
    for template in templates:
        text = fill(template, fields)
        if text is not None:
            return text
    return fill_code(templates[-1], fields)
