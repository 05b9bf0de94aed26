"""Web services and the operations that make them (azureml-core-wire.md, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.core.names import SERVICE
from amlwidgets.sandbox import container_images, services, shapes
from amlwidgets.sandbox.api import MMS, NOT_FOUND, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.cluster import service as cluster_documents
from amlwidgets.sandbox.cluster.service import AKS, is_on_cluster
from amlwidgets.sandbox.container_files import entry_script
from amlwidgets.sandbox.deployment import Deployment
from amlwidgets.sandbox.operations import Operation
from amlwidgets.sandbox.patch import apply_patch
from amlwidgets.sandbox.repeats import once
from amlwidgets.sandbox.routes import cluster_services
from amlwidgets.sandbox.tail import tail
from amlwidgets.sandbox.wire import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.core.stages import OperationState

ROUTES = Routes()
LIVE = "x-amlwidgets-live"
_MAX_LOG_LINES = 1_000_000
_REDEPLOY = ("environmentImageRequest", "containerResourceRequirements", "appInsightsEnabled")
_CHANGEABLE = {
    *_REDEPLOY, *cluster_documents.SCALING, "imageId", "kvTags", "properties", "description", "dataCollection",
    "livenessProbeRequirements", "namespace", "sslEnabled",
}  # fmt: skip
_NEEDED = {*_REDEPLOY, *cluster_documents.SCALING, "kvTags", "properties", "sslEnabled"} - {"numReplicas"}


# -- checks before a deployment


def _problem_with_name(call: Call, name: str) -> str:
    if not SERVICE.matches(name):
        return f"'{name}' is not a name for a service. {SERVICE.words.capitalize()}."
    if call.app.store.get(services.KIND, call.scope, name) is not None:
        return f"Error, there is already a service with name {name} found in workspace {call['workspace']}."
    return ""


def _verdict(text: str) -> Response:
    return json_response({"error": {"message": text}} if text else {})


@ROUTES.add("POST", MMS + "/services/validate/name/{name}")
def validate_name(call: Call) -> Response:
    """Say whether a new service may have that name."""
    return _verdict(_problem_with_name(call, call["name"]))


@ROUTES.add("POST", MMS + "/services/validate/resource")
def validate_resource(_call: Call) -> Response:
    """Say whether the compute has room; a container instance of the sandbox always does."""
    return _verdict("")


@ROUTES.add("POST", MMS + "/services/validate")
def validate(call: Call) -> Response:
    """Check a request before it is made."""
    body = call.document()
    request = body.get("createRequest")
    if body.get("type") != "Create" or not isinstance(request, dict):
        return _verdict("")
    try:
        _check_request(call, request)
    except ApiError as exc:
        return _verdict(exc.message)
    return _verdict("")


def _check_request(call: Call, request: dict[str, Any]) -> None:
    shapes.check(request, shapes.SERVICE)
    name = str(request.get("name") or "")
    if not SERVICE.matches(name):
        raise ApiError(400, "BadRequest", _problem_with_name(call, name))
    compute = request.get("computeType")
    if compute == AKS:
        cluster_services.check_request(call, request)
    elif compute != "ACI":
        raise ApiError(
            501, "NotImplementedInSandbox", f"The sandbox does not implement POST services with computeType {compute}."
        )
    image = _content(call, request)
    if not isinstance(image, dict) or not isinstance(image.get("environment"), dict):
        text = "The sandbox does not implement POST services without an Environment or an Image."
        raise ApiError(501, "NotImplementedInSandbox", text)
    if request.get("sslEnabled") or request.get("vnetConfiguration") or request.get("encryptionProperties"):
        what = "SSL, virtual networks and customer-managed keys"
        raise ApiError(501, "NotImplementedInSandbox", f"The sandbox does not implement POST services with {what}.")
    _check_image(call, image)


def _content(call: Call, request: dict[str, Any]) -> Any:
    """Return what the service is to run: the environment request, or that of the image it names."""
    if not request.get("imageId"):
        return request.get("environmentImageRequest")
    if request.get("environmentImageRequest"):
        raise ApiError(400, "BadRequest", "A service is made of an Environment or of an Image, not of both.")
    return container_images.for_service(call.app, call.scope, str(request["imageId"]))


def _check_image(call: Call, image: dict[str, Any]) -> None:
    entry_script(image)
    try:
        Deployment(call.app).models(call.scope, image)
    except LookupError as exc:
        raise ApiError(NOT_FOUND, "ModelNotFound", str(exc)) from exc


# -- services


@ROUTES.add("POST", MMS + "/services")
@once
def create(call: Call) -> Response:
    """Begin to deploy a service."""
    request = call.document()
    _check_request(call, request)
    request["environmentImageRequest"] = _content(call, request)
    return _deploy(call, request["name"], lambda earlier: _new(call, request, earlier))


def _new(call: Call, request: dict[str, Any], earlier: dict[str, Any] | None) -> dict[str, Any]:
    if earlier is not None and not request.get("overwrite"):
        raise ApiError(409, "Conflict", _problem_with_name(call, request["name"]))
    if earlier is not None and earlier["computeType"] != request["computeType"]:
        text = f"The service {request['name']} is of type {earlier['computeType']}; delete it before it can be another."
        raise ApiError(409, "Conflict", text)
    service = services.new_service(request, earlier)
    if request["computeType"] == AKS:
        service |= cluster_documents.fields(request)
    if earlier is not None:
        service |= {key: earlier[key] for key in ("createdTime", "revision", "spec")}
    return service


def _deploy(call: Call, name: str, make: Callable[[dict[str, Any] | None], dict[str, Any]]) -> Response:
    """Keep the service that ``make`` returns for the earlier one, and start the operation that deploys it.

    Two clients at once: what ``make`` is told still holds when the service is kept.
    """
    store, scope = call.app.store, call.scope
    with store.transaction():
        service = make(store.get(services.KIND, scope, name))
        if not service.get("imageId"):
            call.app.lifecycle.images.admit(scope)
        _claim_label(call, service)
        operation = Operation.create(store, scope, "Service", service=name)
        service |= {"operationId": operation.id, "state": "Transitioning", "error": None}
        service["updatedTime"] = services.now()
        store.put(services.KIND, scope, name, service)
    call.app.lifecycle.cancel_operations(scope, name)
    call.app.lifecycle.begin(operation, call.app.lifecycle.deployment(scope, name).run)
    return _accepted(call, operation)


def _claim_label(call: Call, service: dict[str, Any]) -> None:
    store, label = call.app.store, service["label"]
    mine = {"scope": call.scope, "service": service["name"]}
    with store.transaction():
        holder = store.get(services.LABEL, "", label)
        if holder is not None and holder != mine and store.get(services.KIND, holder["scope"], holder["service"]):
            text = f"The DNS name label '{label}' in container group '{service['name']}' not available."
            raise ApiError(409, "Conflict", text, details=[{"code": "DnsNameLabelNotAvailable", "message": text}])
        store.put(services.LABEL, "", label, mine)


def _accepted(call: Call, operation: Operation) -> Response:
    where = f"https://{call.request.authority}/modelmanagement/v1.0{call.scope_path}/operations/{operation.id}"
    body = {"id": operation.id, "operationId": operation.id}
    return json_response(body, status=202, headers=[("Operation-Location", where)])


def _service(call: Call) -> dict[str, Any]:
    service = call.app.store.get(services.KIND, call.scope, call["name"])
    if service is None:
        raise ApiError(NOT_FOUND, "ServiceNotFound", f"Service with name {call['name']} not found in this workspace.")
    return service


def _view(call: Call, service: dict[str, Any]) -> dict[str, Any]:
    identifiers = service["environmentImageRequest"].get("modelIds") or []
    models = container_images.models(call.app, call.scope, identifiers)
    shown = services.view(service, call.app.lifecycle.status(call.scope, service["name"]), models)
    shown = container_images.show(call.app, call.scope, service, shown)
    return cluster_services.view(call, service, shown) if is_on_cluster(service) else shown


@ROUTES.add("GET", MMS + "/services")
def list_services(call: Call) -> Response:
    """List services."""
    from amlwidgets.sandbox.filters import keep

    found = keep(call.app.store.all(services.KIND, call.scope), call.request.query)
    if compute := call.query("computeType"):
        found = [service for service in found if service["computeType"].lower() == compute.lower()]
    views = [_view(call, service) for service in found]
    for parameter, key in (("modelName", "name"), ("modelId", "id")):
        if wanted := call.query(parameter):
            views = [view for view in views if any(model[key] == wanted for model in view["models"])]
    # Services of an Environment have no image of the older kind.
    for parameter, key in (("imageId", "imageId"), ("imageDigest", "imageDigest")):
        if wanted := call.query(parameter):
            views = [view for view in views if view.get(key) == wanted]
    if wanted := call.query("imageName"):
        views = [view for view in views if str(view.get("imageId") or "").rpartition(":")[0] == wanted]
    return json_response({"value": views})


@ROUTES.add("GET", MMS + "/services/{name}")
def get_service(call: Call) -> Response:
    """Return one service."""
    return json_response(_view(call, _service(call)))


@ROUTES.add("PATCH", MMS + "/services/{name}")
@once
def update(call: Call) -> Response:
    """Change a service; what its container is made of leads to a new deployment."""
    operations = call.json()
    with call.app.store.transaction():
        service = _service(call)
        changed = _changed(call, service, operations)
        redeploy = any(changed[key] != service[key] for key in _REDEPLOY)
        if not redeploy:
            changed["updatedTime"] = services.now()
            call.app.store.put(services.KIND, call.scope, service["name"], changed)
    if not redeploy:
        if is_on_cluster(changed):
            cluster_services.apply(call, changed)
        return json_response(_view(call, changed))
    return _deploy(call, service["name"], lambda earlier: _changed(call, earlier or _service(call), operations))


def _changed(call: Call, service: dict[str, Any], operations: Any) -> dict[str, Any]:
    """Return a service with a patch applied, checked."""
    changed = apply_patch(service, operations)
    _check_change(service, changed)
    if changed.get("imageId") != service.get("imageId"):
        _take_image(call, service, changed)
    if is_on_cluster(changed):
        cluster_documents.check(changed)
    if any(changed[key] != service[key] for key in _REDEPLOY):
        _check_image(call, changed["environmentImageRequest"])
    return changed


def _check_change(service: dict[str, Any], changed: dict[str, Any]) -> None:
    different = {key for key in {*service, *changed} if changed.get(key) != service.get(key)}
    if refused := sorted(different - _CHANGEABLE) or [key for key in ("sslEnabled",) if changed.get(key)]:
        text = f"The sandbox does not implement PATCH services with {', '.join(refused)}."
        raise ApiError(501, "NotImplementedInSandbox", text)
    shapes.check(changed, shapes.SERVICE)
    for key in sorted(different & _NEEDED):
        if changed.get(key) is None:
            raise ApiError(400, "BadRequest", f"{key} cannot be taken away from a service.")
    resources = changed["containerResourceRequirements"]
    if resources.get("cpu") is None or resources.get("memoryInGB") is None:
        raise ApiError(400, "BadRequest", "A service needs cpu and memoryInGB.")


def _take_image(call: Call, service: dict[str, Any], changed: dict[str, Any]) -> None:
    if not service.get("imageId"):
        text = "A service that was created with an Environment cannot be updated with an Image."
        raise ApiError(400, "BadRequest", text)
    request = container_images.for_service(call.app, call.scope, str(changed["imageId"]))
    changed["environmentImageRequest"] = request


@ROUTES.add("DELETE", MMS + "/services/{name}")
def delete(call: Call) -> Response:
    """Delete a service with its container."""
    if call.app.store.get(services.KIND, call.scope, call["name"]) is None:
        return Response(204)
    call.app.lifecycle.remove_service(call.scope, call["name"])
    return json_response({})


@ROUTES.add("GET", MMS + "/services/{name}/logs")
def logs(call: Call) -> Response:
    """Return the container's log: what the real server and the user's script printed, and nothing else."""
    service = _service(call)
    lines = call.query("tail", "5000")
    if not lines.isdigit():
        raise ApiError(400, "BadRequest", f"tail has to be a whole number, not '{lines}'.")
    log = None if call.flag("init") else call.app.lifecycle.log_file(call.scope, service)
    return json_response({"content": "" if log is None else tail(log, min(int(lines), _MAX_LOG_LINES))})


@ROUTES.add("POST", MMS + "/services/{name}/listkeys")
def list_keys(call: Call) -> Response:
    """Return both keys."""
    return json_response(_service(call)["keys"])


@ROUTES.add("POST", MMS + "/services/{name}/regenerateKeys")
def regenerate_keys(call: Call) -> Response:
    """Make a new key, or set it to the given value."""
    body = call.document()
    which = str(body.get("keyType") or "").lower()
    if which not in ("primary", "secondary"):
        raise ApiError(400, "BadRequest", f"keyType has to be Primary or Secondary, not '{body.get('keyType')}'.")
    with call.app.store.transaction():
        service = _service(call)
        service["keys"] |= {f"{which}Key": body.get("keyValue") or services.new_key()}
        call.app.store.put(services.KIND, call.scope, service["name"], service)
    if is_on_cluster(service):
        cluster_services.apply(call, service)
    operation = Operation.create(call.app.store, call.scope, "RegenerateKeys", service=service["name"])
    operation.start()
    operation.end(_succeeded())
    return _accepted(call, operation)


def _succeeded() -> OperationState:
    from amlwidgets.core.stages import OperationState

    return OperationState.SUCCEEDED


# -- operations


@ROUTES.add("GET", MMS + "/operations/{id}")
def get_operation(call: Call) -> Response:
    """Return an operation.

    In quick mode the answer to a plain poll waits for the end, since the client sleeps five seconds between polls;
    whoever follows the streamed log (``offset``) or says ``x-amlwidgets-live: 1`` is answered at once.
    """
    operation = call.app.lifecycle.operation(call.scope, call["id"])
    if operation is None:
        raise ApiError(NOT_FOUND, "OperationNotFound", f"Operation {call['id']} does not exist in this workspace.")
    call.app.repeats.claimed(operation.id)
    offset = call.query("offset")
    if offset and not offset.isdigit():
        raise ApiError(400, "BadRequest", f"offset has to be a whole number, not '{offset}'.")
    # Image.create polls once before it returns; that poll has to find the image, not its end.
    passing = operation["operationType"] == container_images.OPERATION and operation.first_look()
    if not offset and not passing and call.request.headers.get(LIVE) != "1" and not operation.live:
        operation.wait(call.app.clock.hold)
    answer = operation.view(int(offset) if offset else None)
    answer["operationLog"] = call.app.lifecycle.images.log_link(operation["log"])
    base = f"https://{call.request.authority}/modelmanagement/v1.0{call.scope_path}"
    image = operation["operationType"] == container_images.OPERATION
    what = f"images/{operation['image'][0]}:{operation['image'][1]}" if image else f"services/{operation['service']}"
    answer["resourceLocation"] = f"{base}/{what}"
    if operation["operationType"].startswith("Package"):
        from amlwidgets.sandbox.engine.packages import location

        answer["resourceLocation"] = location(call.app, operation)
    return json_response(answer)
