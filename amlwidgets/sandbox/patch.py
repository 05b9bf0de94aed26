"""JSON patch, as much of it as azureml-core sends: add, replace and remove."""

from __future__ import annotations

import copy
from typing import Any

from amlwidgets.sandbox.api import ApiError


def apply_patch(document: dict[str, Any], operations: Any) -> dict[str, Any]:
    """Return ``document`` with the operations applied; the argument stays as it is.

    Raises:
        ApiError: An operation is none of add, replace and remove, or its path leads nowhere.
    """
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise ApiError(400, "BadRequest", "A patch has to be a list of operations.")
    changed = copy.deepcopy(document)
    for operation in operations:
        _apply(changed, operation)
    return changed


def _apply(document: dict[str, Any], operation: dict[str, Any]) -> None:
    name, path = operation.get("op"), str(operation.get("path") or "")
    keys = [key.replace("~1", "/").replace("~0", "~") for key in path.lstrip("/").split("/")]
    # A property's key may itself hold a slash; the client does not escape it.
    if keys[0] in ("properties", "kvTags") and len(keys) > 1:
        keys = [keys[0], "/".join(keys[1:])]
    target: Any = document
    for key in keys[:-1]:
        if target.get(key) is None:
            target[key] = {}
        target = target[key]
        if not isinstance(target, dict):
            raise ApiError(400, "BadRequest", f"The path {path} leads nowhere.")
    if name in ("add", "replace"):
        target[keys[-1]] = operation.get("value")
    elif name == "remove":
        target.pop(keys[-1], None)
    else:
        raise ApiError(400, "BadRequest", f"The operation '{name}' is not one of add, replace and remove.")
