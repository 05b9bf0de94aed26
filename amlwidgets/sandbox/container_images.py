"""Images of the older API (``ContainerImage``): what is kept of one, who uses it, and how the client sees it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState
from amlwidgets.sandbox import services
from amlwidgets.sandbox.api import NOT_FOUND, ApiError
from amlwidgets.sandbox.images import REGISTRY

if TYPE_CHECKING:
    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.operations import Operation

KIND = "image"
OPERATION = "Image"
FLAVOR = "WebApiContainer"
_SHOWN = (
    "name", "version", "description", "kvTags", "properties", "modelIds", "assets", "driverProgram", "targetRuntime",
    "createdTime", "creationState",
)  # fmt: skip


def new_image(request: dict[str, Any], version: int) -> dict[str, Any]:
    """Return the document of an image that is about to be built.

    Args:
        request: The client's create request, checked.
        version: Its number among the images of that name.
    """
    assets = [{"unpack": False, **asset} for asset in request["assets"]]
    return {
        "name": request["name"],
        "version": version,
        "description": request.get("description"),
        "kvTags": request.get("kvTags") or {},
        "properties": request.get("properties") or {},
        "modelIds": request.get("modelIds") or [],
        "assets": assets,
        "driverProgram": request["driverProgram"],
        "targetRuntime": request["targetRuntime"],
        "dockerFileUri": request.get("dockerFileUri"),
        "baseImage": request.get("baseImage"),
        "createdTime": services.now(),
        "creationState": OperationState.RUNNING.value,
        "operationId": None,
        "log": None,
        "dockerfile": None,
        "digest": None,
        "request": None,
    }


def identifier(image: dict[str, Any]) -> str:
    """Return ``name:version``."""
    return f"{image['name']}:{image['version']}"


def find(app: App, scope: str, wanted: str) -> dict[str, Any]:
    """Return the image ``name:version``.

    Raises:
        ApiError: There is none.
    """
    name, _, version = wanted.rpartition(":")
    image = app.store.get(KIND, scope, name, int(version)) if version.isdigit() else None
    if image is None:
        raise ApiError(NOT_FOUND, "ImageNotFound", f"Image with id {wanted} not found in this workspace.")
    return image


def update(app: App, operation: Operation, **changes: Any) -> None:
    """Change the image that ``operation`` builds, unless it has been deleted meanwhile."""
    name, version = operation["image"]
    with app.store.transaction():
        image = app.store.get(KIND, operation.scope, name, version)
        if image is not None and not operation.let_go_of:
            app.store.put(KIND, operation.scope, name, image | changes, version)


def digest(request: dict[str, Any], key: str) -> str:
    """Return the digest of an image: it names what is in it.

    Args:
        request: The image's files, models and environment.
        key: Content key of the built environment.
    """
    content = [key, [asset["url"] for asset in request["assets"]], request["modelIds"], request["environment"]]
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def for_service(app: App, scope: str, wanted: str) -> dict[str, Any]:
    """Return what a service of the image runs, in the terms of an ``environmentImageRequest``.

    Raises:
        ApiError: There is no such image, or it was not built.
    """
    image = find(app, scope, wanted)
    if image["creationState"] != OperationState.SUCCEEDED:
        text = f"Image {wanted} is in the creation state {image['creationState']}; a service needs a Succeeded one."
        raise ApiError(400, "ImageNotReady", text)
    request: dict[str, Any] = image["request"]
    return request


def users(app: App, scope: str, wanted: str) -> list[str]:
    """Return the names of the services that run an image."""
    return [s["name"] for s in app.store.all(services.KIND, scope) if s.get("imageId") == wanted]


def users_of_model(app: App, scope: str, model: str) -> list[str]:
    """Return the images that hold a model."""
    return [identifier(image) for image in app.store.all(KIND, scope) if model in image["modelIds"]]


def view(app: App, scope: str, image: dict[str, Any]) -> dict[str, Any]:
    """Return the image as the client gets it (required keys: azureml-core-wire.md, section 4)."""
    images = app.lifecycle.images
    return {key: image[key] for key in _SHOWN} | {
        "id": identifier(image),
        "imageType": "Docker",
        "imageFlavor": FLAVOR,
        "imageLocation": location(identifier(image)),
        "imageBuildLogUri": images.log_link(image["log"]),
        "generatedDockerFileUri": images.log_link(image["dockerfile"]),
        "modelDetails": models(app, scope, image["modelIds"]),
        "operationId": image["operationId"],
    }


def location(wanted: str) -> str:
    """Return where the registry keeps the image ``name:version``."""
    return f"{REGISTRY}/{wanted}"


def models(app: App, scope: str, identifiers: list[str]) -> list[dict[str, Any]]:
    """Return the models with these identifiers in the form that images and services show; missing ones are left out."""
    found = []
    for wanted in identifiers:
        name, _, version = wanted.rpartition(":")
        model = app.store.get("model", scope, name, int(version))
        if model is not None:
            found.append(model | {"tags": model["kvTags"]})
    return found


def show(app: App, scope: str, service: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """Return a service's view with its image, when it runs one.

    The client takes a service with an environment for one of the newer API, and one with image details for the older.
    """
    if not service.get("imageId"):
        return shown
    image = find(app, scope, service["imageId"])
    details = {"imageId": service["imageId"], "imageDigest": image["digest"], "imageDetails": view(app, scope, image)}
    return {key: value for key, value in shown.items() if key != "environmentImageRequest"} | details
