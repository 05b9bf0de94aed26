"""Models and the assets they consist of (azureml-core-wire.md, section 3)."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amlwidgets.core.names import MODEL
from amlwidgets.sandbox import container_images
from amlwidgets.sandbox.api import MMS, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.artifacts import ASSET_URL, under
from amlwidgets.sandbox.filters import keep
from amlwidgets.sandbox.patch import apply_patch
from amlwidgets.sandbox.repeats import once

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
_DEFAULTS: dict[str, Any] = {
    "mimeType": "application/json",
    "framework": None,
    "frameworkVersion": None,
    "unpack": False,
    "description": None,
    "runId": None,
    "experimentName": None,
    "parentModelId": None,
    "resourceRequirements": None,
    "sampleInputData": None,
    "sampleOutputData": None,
}


def _now() -> str:
    return datetime.now(UTC).isoformat()


# -- assets


@ROUTES.add("POST", MMS + "/assets")
def create_asset(call: Call) -> Response:
    """Bind uploaded files to an asset."""
    body = call.document()
    if not body.get("artifacts"):
        raise ApiError(400, "BadRequest", "An asset needs at least one artifact.")
    for artifact in body["artifacts"]:
        prefix = str(artifact.get("prefix") or artifact.get("id") or "")
        if not under(call.app, call.scope, prefix):
            raise ApiError(400, "ArtifactNotFound", f"Nothing was uploaded at {prefix}.")
    asset = {"description": None, "kvTags": {}, "properties": {}} | body
    asset |= {"id": uuid.uuid4().hex, "createdTime": _now()}
    call.app.store.put("asset", call.scope, asset["id"], asset)
    return json_response(asset)


@ROUTES.add("GET", MMS + "/assets")
def list_assets(call: Call) -> Response:
    """List assets."""
    return json_response({"value": keep(call.app.store.all("asset", call.scope), call.request.query)})


@ROUTES.add("GET", MMS + "/assets/{id}")
def get_asset(call: Call) -> Response:
    """Return one asset."""
    asset = call.app.store.get("asset", call.scope, call["id"])
    if asset is None:
        raise ApiError(404, "AssetNotFound", f"Asset with id {call['id']} not found in this workspace.")
    return json_response(asset)


# -- models


@ROUTES.add("POST", MMS + "/models")
@once
def register(call: Call) -> Response:
    """Register the next version of a model."""
    body = call.document()
    name = str(body.get("name") or "")
    if not MODEL.matches(name):
        raise ApiError(400, "BadRequest", f"'{name}' is not a name for a model. {MODEL.words.capitalize()}.")
    asset = str(body.get("url") or "").removeprefix(ASSET_URL)
    store, scope = call.app.store, call.scope
    if store.get("asset", scope, asset) is None:
        raise ApiError(400, "AssetNotFound", f"The model's asset {body.get('url')} does not exist.")
    with store.transaction():
        version = store.next_number("model", scope, name)
        model = _DEFAULTS | body
        model |= {
            "id": f"{name}:{version}",
            "version": version,
            "createdTime": _now(),
            "modifiedTime": _now(),
            "datasets": body.get("datasets") or [],
            "derivedModelIds": body.get("derivedModelIds") or [],
            "kvTags": body.get("kvTags") or {},
            "properties": body.get("properties") or {},
            "createdBy": {"userObjectId": None, "userTenantId": call.app.identity.tenant, "userName": "sandbox"},
        }
        store.put("model", scope, name, model, version)
    return json_response(model)


def find_model(call: Call, identifier: str) -> dict[str, Any]:
    """Return the model ``name:version``.

    Raises:
        ApiError: There is none.
    """
    name, _, version = identifier.rpartition(":")
    model = call.app.store.get("model", call.scope, name, int(version)) if version.isdigit() else None
    if model is None:
        raise ApiError(404, "ModelNotFound", f"Model with id {identifier} not found in this workspace.")
    return model


@ROUTES.add("GET", MMS + "/models")
def list_models(call: Call) -> Response:
    """List models, newest first."""
    models = call.app.store.all("model", call.scope, call.query("name") or None)
    models.reverse()
    if call.flag("latestVersionOnly"):
        models = _latest(models)
    models = keep(models, call.request.query)
    offset = _whole_number(call, "$skipToken") or _whole_number(call, "offset") or 0
    count = _whole_number(call, "count") or len(models)
    answer: dict[str, Any] = {"value": models[offset : offset + count]}
    if offset + count < len(models):
        answer["nextLink"] = _next_link(call, offset + count)
    return json_response(answer)


def _latest(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    newest: dict[str, dict[str, Any]] = {}
    for model in models:
        known = newest.get(model["name"])
        if known is None or model["version"] > known["version"]:
            newest[model["name"]] = model
    return list(newest.values())


def _whole_number(call: Call, name: str) -> int | None:
    text = call.query(name)
    if not text:
        return None
    if not text.isdigit():
        raise ApiError(400, "BadRequest", f"{name} has to be a whole number, not '{text}'.")
    return int(text)


def _next_link(call: Call, position: int) -> str:
    from urllib.parse import urlencode

    query = {**call.request.query, "$skipToken": str(position)}
    return f"https://{call.request.authority}{call.request.raw_path}?{urlencode(query)}"


@ROUTES.add("GET", MMS + "/models/{id}")
def get_model(call: Call) -> Response:
    """Return one model."""
    return json_response(find_model(call, call["id"]))


@ROUTES.add("PATCH", MMS + "/models/{id}")
def patch_model(call: Call) -> Response:
    """Change tags, properties or the description of a model."""
    operations = call.json()
    with call.app.store.transaction():
        model = apply_patch(find_model(call, call["id"]), operations)
        model["modifiedTime"] = _now()
        call.app.store.put("model", call.scope, model["name"], model, model["version"])
    return json_response(model)


@ROUTES.add("DELETE", MMS + "/models/{id}")
def delete_model(call: Call) -> Response:
    """Delete a model, unless a service uses it."""
    model = find_model(call, call["id"])
    images = container_images.users_of_model(call.app, call.scope, model["id"])
    if images:
        text = f"Model {model['id']} is in the images {', '.join(images)}. Delete them first."
        raise ApiError(400, "ModelInUse", text)
    users = call.app.lifecycle.users_of_model(call.scope, model["id"])
    if users:
        raise ApiError(
            400,
            "ModelInUse",
            f"Model {model['id']} is used by the services {', '.join(users)}. Delete them first.",
        )
    call.app.store.delete("model", call.scope, model["name"], model["version"])
    return json_response({})
