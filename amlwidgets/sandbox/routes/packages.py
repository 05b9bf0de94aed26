"""Model packages, and the build contexts of the older image configuration (azureml-core-wire.md, section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.docker_engine import engine
from amlwidgets.errors import AmlWidgetsError
from amlwidgets.sandbox import shapes
from amlwidgets.sandbox.api import MMS, NOT_FOUND, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.container_files import entry_script
from amlwidgets.sandbox.deployment import Deployment
from amlwidgets.sandbox.engine import base, older_context
from amlwidgets.sandbox.engine.packages import CONTEXT, IMAGE, Packages
from amlwidgets.sandbox.operations import Operation
from amlwidgets.sandbox.repeats import once

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
_KINDS = {"DockerBuildContext": CONTEXT, "DockerImage": IMAGE}
_FIELDS = {"imageRequest", "packageType", "imageName", "imageLabel"}


@ROUTES.add("POST", MMS + "/packages")
@once
def create(call: Call) -> Response:
    """Begin to make a package."""
    call.app.lifecycle.images.admit(call.scope)
    body = call.document()
    shapes.check(body, shapes.PACKAGE)
    unknown = ", ".join(sorted(set(body) - _FIELDS))
    if unknown:
        raise ApiError(400, "BadRequest", f"A package has no field {unknown}.")
    kind = _KINDS.get(str(body.get("packageType")))
    if kind is None:
        raise ApiError(400, "BadRequest", f"packageType has to be one of {', '.join(_KINDS)}.")
    request = _request(call, body.get("imageRequest"))
    fields: dict[str, Any] = {"name": body.get("imageName"), "label": body.get("imageLabel"), "request": request}
    # The base image takes a minute, once: the client prints the log meanwhile.
    fields["live"] = not _base_is_there(call)
    operation = Operation.create(call.app.store, call.scope, kind, service=None, **fields)
    call.app.lifecycle.begin(operation, Packages(call.app).run)
    where = f"https://{call.request.authority}/modelmanagement/v1.0{call.scope_path}/operations/{operation.id}"
    answer = {"id": operation.id, "operationId": operation.id}
    return json_response(answer, status=202, headers=[("Operation-Location", where)])


@ROUTES.add("POST", MMS + "/images/generateDockerBuildContext")
def context_of_image_configuration(call: Call) -> Response:
    """Return the build context of the older image configuration; the client adds its own files."""
    try:
        return json_response(older_context.manifest(call.app, call.scope, call.document()))
    except AmlWidgetsError as exc:
        raise ApiError(409, "DockerEngineUnavailable", f"{exc.message} {exc.todo}") from exc


def _request(call: Call, request: Any) -> dict[str, Any]:
    if not isinstance(request, dict) or not isinstance(request.get("environment"), dict):
        text = "The sandbox does not implement POST packages without an InferenceConfig that holds an Environment."
        raise ApiError(501, "NotImplementedInSandbox", text)
    entry_script(request)
    try:
        Deployment(call.app).models(call.scope, request)
    except LookupError as exc:
        raise ApiError(NOT_FOUND, "ModelNotFound", str(exc)) from exc
    return request


def _base_is_there(call: Call) -> bool:
    try:
        with engine(timeout=60) as client:
            return base.find(client, call.app.home) is not None
    except AmlWidgetsError as exc:
        text = f"A package is built on a base image of this machine's Docker engine. {exc.message} {exc.todo}"
        raise ApiError(409, "DockerEngineUnavailable", text) from exc
