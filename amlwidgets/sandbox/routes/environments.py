"""Environments: definitions, labels, images and their build in the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState
from amlwidgets.sandbox.api import NOT_FOUND, SCOPE, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.curated import CURATED
from amlwidgets.sandbox.engine.registry import USER, address, password
from amlwidgets.sandbox.images import without_name
from amlwidgets.sandbox.operations import Operation
from amlwidgets.sandbox.routes.services import LIVE

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
BASE = "/environment/v1.0" + SCOPE + "/environments"
BUILD = "/environment/v2.0" + SCOPE + "/environments/{name}/versions/{version}"
_VERSION = BASE + "/{name}/versions/{version}"
_STATUS = {
    OperationState.NOT_STARTED: "Queued",
    OperationState.RUNNING: "Running",
    OperationState.SUCCEEDED: "Succeeded",
    OperationState.FAILED: "Failed",
    OperationState.CANCELLED: "Canceled",
    OperationState.TIMED_OUT: "Failed",
}


def _find(call: Call, version: str | None) -> dict[str, Any]:
    found = call.app.lifecycle.images.find(call.scope, call["name"], version)
    if found is None:
        what = call["name"] + (f" version {version}" if version else "")
        raise ApiError(NOT_FOUND, "EnvironmentNotFound", f"Environment {what} does not exist in this workspace.")
    return found


@ROUTES.add("GET", BASE)
def list_environments(call: Call) -> Response:
    """List the newest version of every environment."""
    return json_response({"value": call.app.lifecycle.images.newest(call.scope), "continuationToken": None})


@ROUTES.add("GET", BASE + "/{name}")
def latest(call: Call) -> Response:
    """Return the newest version."""
    return json_response(_find(call, None))


@ROUTES.add("GET", BASE + "/{name}/labels/{label}")
def by_label(call: Call) -> Response:
    """Return the version that has a label."""
    found = call.app.lifecycle.images.labelled(call.scope, call["name"], call["label"])
    if found is None and call["label"].lower() == "latest":
        found = _find(call, None)
    if found is None:
        text = f"No version of environment {call['name']} has the label {call['label']}."
        raise ApiError(NOT_FOUND, "EnvironmentNotFound", text)
    return json_response(found)


@ROUTES.add("GET", _VERSION)
def get_version(call: Call) -> Response:
    """Return one version."""
    return json_response(_find(call, call["version"]))


@ROUTES.add("PUT", _VERSION)
def register(call: Call) -> Response:
    """Register a definition; the version ``None`` asks for the next number."""
    name = call["name"]
    definition = call.document()
    if name in CURATED:
        if without_name(definition) == without_name(CURATED[name]):
            return json_response(CURATED[name])
        text = f"'{name}' is a curated environment and cannot be changed. Use clone() to give it another name."
        raise ApiError(400, "BadRequest", text)
    if name.startswith(("AzureML-", "Microsoft-")):
        text = f"Environment name '{name}' is not allowed: names must not start with 'AzureML-' or 'Microsoft-'."
        raise ApiError(400, "BadRequest", text)
    return json_response(call.app.lifecycle.images.register(call.scope, name, call["version"], definition))


@ROUTES.add("PUT", BASE + "/{name}")
def register_next(call: Call) -> Response:
    """Register a definition under the next number."""
    call.params["version"] = ""
    return register(call)


@ROUTES.add("PUT", _VERSION + "/metadata")
def metadata(call: Call) -> Response:
    """Set labels."""
    labels = [str(label) for label in call.document().get("Labels") or []]
    if not call.app.lifecycle.images.label(call.scope, call["name"], call["version"], labels):
        _find(call, call["version"])
        raise ApiError(400, "BadRequest", "A curated environment cannot be labelled.")
    return json_response({})


def _image(call: Call, environment: dict[str, Any]) -> Response:
    images, identity = call.app.lifecycle.images, call.app.identity
    built = images.built(environment)
    python = str(built.prefix) if built is not None and built.prefix is not None else None
    return json_response(
        {
            "imageExistsInRegistry": built is not None,
            "dockerImage": {
                "name": images.image_name(environment),
                "registry": {"address": address(identity), "username": USER, "password": password(identity)},
            },
            "pythonEnvironment": {
                "interpreterPath": f"{python}/bin/python" if python else "python",
                "condaEnvironmentName": None,
                "condaEnvironmentPath": python,
            },
            "ingredients": None,
            "vulnerabilityFindings": None,
        }
    )


@ROUTES.add("GET", _VERSION + "/image")
def image(call: Call) -> Response:
    """Return what is known of a version's image."""
    return _image(call, _find(call, call["version"]))


@ROUTES.add("GET", BASE + "/{name}/image")
def latest_image(call: Call) -> Response:
    """Return what is known of the newest version's image."""
    return _image(call, _find(call, None))


@ROUTES.add("POST", BUILD + "/image")
def build(call: Call) -> Response:
    """Begin to build a version's image."""
    environment = _find(call, call["version"])
    images = call.app.lifecycle.images
    images.admit(call.scope)
    identity = [environment["name"], environment["version"]]
    operation = Operation.create(call.app.store, call.scope, "ImageBuild", environment=identity, service=None)
    call.app.lifecycle.begin(operation, images.build_registered)
    where = f"https://{call.request.authority}{BUILD}/image/{operation.id}".format(**call.params)
    return json_response({"location": where, "operationId": operation.id}, status=202, headers=[("Location", where)])


@ROUTES.add("GET", BUILD + "/image/{operation}")
def build_status(call: Call) -> Response:
    """Return how far a build is; in quick mode the first poll waits for the end, as for a deployment."""
    lifecycle = call.app.lifecycle
    operation = lifecycle.operation(call.scope, call["operation"])
    if operation is None:
        raise ApiError(NOT_FOUND, "OperationNotFound", f"Build {call['operation']} does not exist.")
    if call.request.headers.get(LIVE) != "1" and operation.first_look():
        operation.wait(call.app.clock.hold)
    answer = {
        "status": _STATUS[operation.state],
        "logUrl": lifecycle.images.log_link(operation["log"]),
        "environment": {"name": call["name"], "version": call["version"]},
    }
    if operation["error"]:
        answer["error"] = operation["error"]
    return json_response(answer)
