"""The sandbox's own route for running a command in the container of a service, as ``docker exec`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import services
from amlwidgets.sandbox.api import NOT_FOUND, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.routes.control import guard

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
MOST_SECONDS = 3600.0


@ROUTES.add("POST", "/sandbox/services/{name}/exec", open_=True)
def execute(call: Call) -> Response:
    """Run a command; the answer has its exit code, its output and how long it took."""
    guard(call)
    body = call.document()
    command, seconds, variables = _checked(body)
    wanted = str(body.get("workspace") or "").lower()
    for scope, service in call.app.store.scoped(services.KIND):
        if service["name"] != call["name"] or not scope.endswith(f"/{wanted}" if wanted else ""):
            continue
        container = call.app.lifecycle.inside(scope, service["name"])
        if container is None:
            raise ApiError(409, "NoContainer", f"The service {service['name']} has no container now.")
        try:
            ran = container.execute(command, seconds=seconds, variables=variables)
        except OSError as error:
            raise ApiError(409, "CannotExecute", f"The command cannot be run: {error}") from error
        return json_response({"exitCode": ran.exit_code, "output": ran.output, "seconds": ran.seconds})
    raise ApiError(NOT_FOUND, "ServiceNotFound", f"There is no service {call['name']}.")


@ROUTES.add("POST", "/sandbox/services/{name}/restart", open_=True)
def restart(call: Call) -> Response:
    """Start the server of a service's container again, with the files as they are now."""
    guard(call)
    wanted = str(call.document().get("workspace") or "").lower()
    for scope, service in call.app.store.scoped(services.KIND):
        if service["name"] == call["name"] and scope.endswith(f"/{wanted}" if wanted else ""):
            container = call.app.lifecycle.container(scope, service["name"])
            if container is None:
                raise ApiError(409, "NoContainer", f"The service {service['name']} has no container to restart.")
            try:
                container.restart()
            except OSError as error:
                raise ApiError(409, "CannotRestart", f"It cannot be restarted: {error}") from error
            return json_response({})
    raise ApiError(NOT_FOUND, "ServiceNotFound", f"There is no service {call['name']}.")


def _checked(body: dict[str, Any]) -> tuple[list[str], float, dict[str, str]]:
    command, seconds, variables = body.get("command"), body.get("timeout", 60), body.get("variables") or {}
    if not isinstance(command, list) or not command or not all(isinstance(part, str) for part in command):
        raise ApiError(400, "BadRequest", "command has to be a list of texts, the program first.")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
        raise ApiError(400, "BadRequest", f"timeout has to be a number of seconds up to {MOST_SECONDS:g}.")
    if not isinstance(variables, dict) or not all(isinstance(v, str) for v in variables.values()):
        raise ApiError(400, "BadRequest", "variables has to be an object of texts.")
    return command, float(seconds), variables
