"""ARM template functions that need nothing but their arguments.

Source: "ARM template functions" (array, comparison, date, logical, numeric, object and string functions).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.bounds import joined, padded
from amlwidgets.arm.reader import TemplateError
from amlwidgets.arm.values import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

UNIQUE_LENGTH = 13
_PLACE = re.compile(r"\{\{|\}\}|\{(\d+)(?:[,:][^}]*)?\}")
_MAX_RANGE = 10_000


def as_text(value: Any) -> str:
    """Return a value as ARM writes it in a string."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    return json.dumps(value, separators=(",", ":"))


def _concat(*parts: Any) -> Any:
    if parts and all(isinstance(part, list) for part in parts):
        return [item for part in parts for item in part]
    return "".join(as_text(part) for part in parts)


def _format(pattern: str, *values: Any) -> str:
    def place(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        if int(match[1]) >= len(values):
            raise TemplateError(f"format('{pattern}') has no value number {match[1]}.")
        return as_text(values[int(match[1])])

    return _PLACE.sub(place, pattern)


def unique_string(*seeds: Any) -> str:
    """Return thirteen letters and digits that the seeds decide; Azure's own hash is not published."""
    digest = hashlib.sha256("-".join(as_text(seed) for seed in seeds).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:UNIQUE_LENGTH]


def _guid(*seeds: Any) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "-".join(as_text(seed) for seed in seeds)))


def _replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new)


def _substring(text: str, start: int, length: int | None = None) -> str:
    end = len(text) if length is None else start + length
    if start < 0 or end > len(text):
        raise TemplateError(f"substring('{text}', {start}, …) lies outside the text.")
    return text[start:end]


def _split(text: str, signs: str | list[str]) -> list[str]:
    wanted = [signs] if isinstance(signs, str) else signs
    return re.split("|".join(re.escape(sign) for sign in wanted), text)


def _take(value: Any, count: int) -> Any:
    return value[: max(count, 0)]


def _skip(value: Any, count: int) -> Any:
    return value[max(count, 0) :]


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, dict):
        return any(key.lower() == as_text(what).lower() for key in where)
    return as_text(what) in where if isinstance(where, str) else what in where


def _union(first: Any, *others: Any) -> Any:
    if isinstance(first, dict):
        merged = dict(first)
        for other in others:
            merged = _merge(merged, other)
        return merged
    found = list(first)
    for other in others:
        found += [item for item in other if item not in found]
    return found


def _merge(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    merged = dict(first)
    for key, value in second.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _intersection(first: Any, *others: Any) -> Any:
    if isinstance(first, dict):
        return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}
    return [item for item in first if all(item in other for other in others)]


def _range(start: int, count: int) -> list[int]:
    if not 0 <= count <= _MAX_RANGE:
        raise TemplateError(f"range() makes at most {_MAX_RANGE:,} numbers, not {count:,}.")
    return list(range(start, start + count))


def _equals(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    return type(one) is type(other) and bool(one == other)


def _flatten(lists: Iterable[Any]) -> list[Any]:
    return [item for part in lists for item in (part if isinstance(part, list) else [part])]


def _create_object(*pairs: Any) -> dict[str, Any]:
    return {as_text(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)}


def _division(one: int, other: int) -> int:
    if other == 0:
        raise TemplateError("A division by zero.")
    return int(one / other)


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _json(text: str) -> Any:
    return json.loads(text)


def _uri(base: str, relative: str) -> str:
    return base.rsplit("/", 1)[0] + "/" + relative.lstrip("/")


PURE: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "array": lambda value: value if isinstance(value, list) else [value],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64tostring": lambda text: base64.b64decode(text).decode("utf-8", "replace"),
    "bool": lambda value: value.lower() in ("true", "1") if isinstance(value, str) else bool(value),
    "concat": _concat,
    "contains": _contains,
    "createarray": lambda *items: list(items),
    "createobject": _create_object,
    "div": _division,
    "empty": _empty,
    "endswith": lambda text, end: text.lower().endswith(end.lower()),
    "equals": _equals,
    "false": lambda: False,
    "first": lambda value: value[0] if value else ("" if isinstance(value, str) else None),
    "flatten": _flatten,
    "format": _format,
    "greater": lambda a, b: a > b,
    "greaterorequals": lambda a, b: a >= b,
    "guid": _guid,
    "indexof": lambda text, what: text.lower().find(what.lower()),
    "int": int,
    "intersection": _intersection,
    "items": lambda value: [{"key": key, "value": item} for key, item in sorted(value.items())],
    "join": lambda parts, sign: joined([as_text(part) for part in parts], sign),
    "json": _json,
    "last": lambda value: value[-1] if value else ("" if isinstance(value, str) else None),
    "length": len,
    "less": lambda a, b: a < b,
    "lessorequals": lambda a, b: a <= b,
    "max": lambda *values: max(values[0] if isinstance(values[0], list) else values),
    "min": lambda *values: min(values[0] if isinstance(values[0], list) else values),
    "mod": lambda a, b: a % b,
    "mul": lambda a, b: a * b,
    "not": lambda value: not value,
    "null": lambda: None,
    "padleft": lambda value, width, sign=" ": padded(as_text(value), width, sign),
    "range": _range,
    "replace": _replace,
    "shallowmerge": lambda parts: {key: value for part in parts for key, value in part.items()},
    "skip": _skip,
    "split": _split,
    "startswith": lambda text, start: text.lower().startswith(start.lower()),
    "string": as_text,
    "sub": lambda a, b: a - b,
    "substring": _substring,
    "take": _take,
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "true": lambda: True,
    "union": _union,
    "uniquestring": unique_string,
    "uri": _uri,
    "uricomponent": lambda text: "".join(c if c.isalnum() or c in "-_.~" else f"%{ord(c):02X}" for c in text),
}
"""Function by its name in lower case."""

KINDS = {
    "concat": "string",
    "createarray": "array",
    "equals": "bool",
    "format": "string",
    "guid": "string",
    "length": "int",
    "not": "bool",
    "replace": "string",
    "string": "string",
    "substring": "string",
    "tolower": "string",
    "toupper": "string",
    "uniquestring": "string",
}
"""What a function gives, where that does not depend on its arguments."""

_LATER = {
    "newguid": "the moment of the deployment",
    "utcnow": "the moment of the deployment",
    "environment": "the cloud",
    "providers": "Azure's list of providers",
    "pickzones": "the region's zones",
}
"""What only the moment or the place of a deployment tells."""


def answered_later(name: str) -> Unknown | None:
    """Return what stands for a function that only Azure can compute; None for any other."""
    if name in _LATER:
        return Unknown(_LATER[name], f"{{{name}}}")
    return Unknown(f"what {name}() of Azure answers", kind="object") if name.startswith("list") else None
