"""The filters that the lists of model management share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SAME = {"framework": "framework", "runId": "runId", "description": "description"}


def keep(documents: Iterable[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the documents that the query asks for.

    ``tags`` and ``properties`` are ``key`` or ``key=value``, several divided by commas; ``tag`` is one of them.
    """
    found = [document for document in documents if "name" not in query or document.get("name") == query["name"]]
    for parameter, key in _SAME.items():
        if query.get(parameter):
            found = [document for document in found if document.get(key) == query[parameter]]
    for parameter, key in (("tag", "kvTags"), ("tags", "kvTags"), ("properties", "properties")):
        for wanted in filter(None, query.get(parameter, "").split(",")):
            found = [document for document in found if _has(document.get(key) or {}, wanted)]
    return found


def _has(values: Mapping[str, Any], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in values and (not equals or str(values[key]) == value)
