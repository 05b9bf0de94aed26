"""Build contexts: the manifest that the client downloads one by, and the same as files for the engine."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import artifacts, container_files
from amlwidgets.sandbox.engine.dockerfile import CONTEXT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlwidgets.sandbox.app import App


def variables(request: dict[str, Any], models: list[dict[str, Any]]) -> dict[str, str]:
    """Return the variables of an image with scripts and models in it."""
    found = (request.get("environment") or {}).get("environmentVariables") or {}
    given = {str(name): str(value) for name, value in found.items()}
    return ({"AZUREML_MODEL_DIR": container_files.model_dir(models)} if models else {}) | given


def inline(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Return a manifest's entries for files that it carries itself; they lie at the top of the context."""
    return [
        {"entryType": "inline", "encoding": "base64", "path": name, "content": base64.b64encode(content).decode()}
        for name, content in files.items()
    ]


def scripts(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a manifest's entries for the image's scripts and other assets."""
    return [
        {
            "entryType": "remote",
            "uri": str(asset["url"]),
            "path": CONTEXT_FOLDER,
            "unpack": bool(asset.get("unpack")),
        }
        for asset in request.get("assets") or []
    ]


def models(app: App, scope: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a manifest's entries for models, each in the folder of its version."""
    entries = []
    for model in found:
        asset = app.store.get("asset", scope, str(model["url"]).removeprefix(artifacts.ASSET_URL)) or {}
        folder = f"{CONTEXT_FOLDER}/{container_files.MODELS}/{model['name']}/{model['version']}"
        for artifact in asset.get("artifacts") or []:
            prefix = str(artifact.get("prefix") or artifact.get("id") or "")
            entries.append(
                {
                    "entryType": "remote",
                    "uri": artifacts.URL + prefix,
                    "path": folder,
                    "unpack": bool(model.get("unpack")),
                }
            )
    return entries
