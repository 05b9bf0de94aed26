"""Images of the older API: ``Image.create`` and what can be done with one (azureml-core-wire.md, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.core.names import IMAGE
from amlwidgets.sandbox import container_images, shapes
from amlwidgets.sandbox.api import MMS, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.container_images import KIND
from amlwidgets.sandbox.filters import keep
from amlwidgets.sandbox.image_build import ImageBuild
from amlwidgets.sandbox.image_definition import blob_path
from amlwidgets.sandbox.operations import Operation
from amlwidgets.sandbox.patch import apply_patch
from amlwidgets.sandbox.repeats import once
from amlwidgets.sandbox.routes.models import find_model

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
_FIELDS = {
    "name", "description", "tags", "kvTags", "properties", "modelIds", "assets", "driverProgram", "targetRuntime",
    "dockerFileUri", "imageType", "imageFlavor", "baseImage",
}  # fmt: skip
_RUNTIMES = ("Python", "PythonSlim", "PythonCustom")
_CHANGEABLE = {"kvTags", "properties", "description"}


def _refused(what: str) -> ApiError:
    return ApiError(501, "NotImplementedInSandbox", f"The sandbox does not implement POST images with {what}.")


# -- what a request has to be


def _check(call: Call, request: dict[str, Any]) -> None:
    shapes.check(request, shapes.IMAGE)
    if not IMAGE.matches(str(request.get("name") or "")):
        text = f"'{request.get('name')}' is not a name for an image. {IMAGE.words.capitalize()}."
        raise ApiError(400, "BadRequest", text)
    unknown = sorted(key for key, value in request.items() if key not in _FIELDS and value is not None)
    if unknown:
        raise _refused(", ".join(unknown))
    if (request.get("imageType"), request.get("imageFlavor")) != ("Docker", container_images.FLAVOR):
        raise _refused(f"imageType {request.get('imageType')} and imageFlavor {request.get('imageFlavor')}")
    _check_runtime(request.get("targetRuntime"))
    _check_files(call, request)
    for model in request.get("modelIds") or []:
        find_model(call, str(model))


def _check_runtime(runtime: Any) -> None:
    if not isinstance(runtime, dict):
        raise ApiError(400, "BadRequest", "An image needs a targetRuntime.")
    if runtime.get("runtimeType") not in _RUNTIMES:
        raise _refused(f"runtimeType {runtime.get('runtimeType')}")
    if runtime.get("targetArchitecture") not in (None, "amd64"):
        raise _refused(f"targetArchitecture {runtime['targetArchitecture']}")
    asked = {key for key, value in (runtime.get("properties") or {}).items() if value}
    if unknown := sorted(asked - {"pipRequirements", "condaEnvFile"}):
        raise _refused(", ".join(f"targetRuntime.properties.{key}" for key in unknown))


def _check_files(call: Call, request: dict[str, Any]) -> None:
    assets = request.get("assets")
    if not isinstance(assets, list) or not all(isinstance(a, dict) and a.get("id") and a.get("url") for a in assets):
        raise ApiError(400, "BadRequest", "An image needs a list of assets, each with an id and a url.")
    if request.get("driverProgram") not in [asset["id"] for asset in assets]:
        text = f"The driver program {request.get('driverProgram')} is none of the assets."
        raise ApiError(400, "BadRequest", text)
    properties = request["targetRuntime"].get("properties") or {}
    addresses = [asset["url"] for asset in assets]
    for address in (*addresses, *properties.values(), request.get("dockerFileUri")):
        if address:
            blob_path(call.app, call.scope, str(address))


# -- images


@ROUTES.add("POST", MMS + "/images")
@once
def create(call: Call) -> Response:
    """Begin to build the next version of an image."""
    lifecycle, store, scope = call.app.lifecycle, call.app.store, call.scope
    lifecycle.images.admit(scope)
    request = call.document()
    _check(call, request)
    name = request["name"]
    with store.transaction():
        version = store.next_number(KIND, scope, name)
        operation = Operation.create(
            store, scope, container_images.OPERATION, service=None, image=[name, version]
        )  # fmt: skip
        image = container_images.new_image(request, version) | {"operationId": operation.id}
        store.put(KIND, scope, name, image, version)
    lifecycle.begin(operation, ImageBuild(call.app).run)
    where = f"https://{call.request.authority}/modelmanagement/v1.0{call.scope_path}/operations/{operation.id}"
    return json_response(_view(call, image), status=202, headers=[("Operation-Location", where)])


def _view(call: Call, image: dict[str, Any]) -> dict[str, Any]:
    return container_images.view(call.app, call.scope, image)


@ROUTES.add("GET", MMS + "/images")
def list_images(call: Call) -> Response:
    """List images, newest first."""
    images = keep(call.app.store.all(KIND, call.scope), call.request.query)[::-1]
    version, count = call.query("version"), call.query("count")
    if version:
        images = [image for image in images if str(image["version"]) == version]
    if model := call.query("modelId"):
        images = [image for image in images if model in image["modelIds"]]
    if name := call.query("modelName"):
        images = [image for image in images if name in {m.rpartition(":")[0] for m in image["modelIds"]}]
    if count and not count.isdigit():
        raise ApiError(400, "BadRequest", f"count has to be a whole number, not '{count}'.")
    return json_response({"value": [_view(call, image) for image in images[: int(count or len(images))]]})


@ROUTES.add("GET", MMS + "/images/{id}")
def get_image(call: Call) -> Response:
    """Return one image."""
    return json_response(_view(call, container_images.find(call.app, call.scope, call["id"])))


@ROUTES.add("PATCH", MMS + "/images/{id}")
def patch_image(call: Call) -> Response:
    """Change tags, properties or the description of an image."""
    operations = call.json()
    with call.app.store.transaction():
        image = container_images.find(call.app, call.scope, call["id"])
        changed = apply_patch(image, operations)
        fixed = sorted(key for key in changed if key not in _CHANGEABLE and changed[key] != image.get(key))
        if fixed:
            text = f"{', '.join(fixed)} of an image cannot be changed; create a new version of it."
            raise ApiError(400, "BadRequest", text)
        call.app.store.put(KIND, call.scope, image["name"], changed, image["version"])
    return json_response(_view(call, changed))


@ROUTES.add("DELETE", MMS + "/images/{id}")
def delete_image(call: Call) -> Response:
    """Delete an image, unless a service runs it; a build that goes on ends."""
    with call.app.store.transaction():
        image = container_images.find(call.app, call.scope, call["id"])
        users = container_images.users(call.app, call.scope, call["id"])
        if users:
            # Azure says 412 with the code DeletionRequired. azureml-core 1.61 breaks on that with a TypeError which
            # hides the reason (it looks for a str in bytes), so the number is another one.
            text = (
                "The image cannot be deleted because it is currently being used in one or more webservices: "
                f"{', '.join(users)}. Delete them first."
            )
            raise ApiError(409, "DeletionRequired", text)
        call.app.store.delete(KIND, call.scope, image["name"], image["version"])
    operation = call.app.lifecycle.operation(call.scope, image["operationId"])
    if operation is not None and not operation.state.ended:
        operation.cancel()
    return json_response({})
