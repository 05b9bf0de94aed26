"""Deploying a service: build the environment, lay out the files, start the container, see whether it lives."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState, ServiceState
from amlwidgets.sandbox import container_files, failures, services
from amlwidgets.sandbox.operations import BUILD, DEPLOY
from amlwidgets.sandbox.protocols import ContainerSpec

if TYPE_CHECKING:
    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.operations import Operation
    from amlwidgets.sandbox.protocols import BuildResult, Container, ContainerStatus

CRASHES = 3
"""Restarts after which Azure calls it a crash loop."""

DEPLOY_SECONDS = 20 * 60
"""How long Azure waits for a container to answer."""

MIN_DEPLOY_SECONDS = 60
"""What computes here computes in real time, so the wait is never scaled below this."""

POLL_SECONDS = 0.1
_OK = 200


class Deployment:
    """The work of a deploy operation.

    Args:
        app: The sandbox.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._life = app.lifecycle

    def run(self, operation: Operation) -> None:
        """Do all of it; the operation and the service end in a state that tells the outcome."""
        scope, name = operation.scope, operation["service"]
        service = self._app.store.get(services.KIND, scope, name)
        if service is None or service["operationId"] != operation.id:
            operation.end(OperationState.CANCELLED)
            return
        image = self._build(operation, service)
        if image is not None:
            self._place(operation, service, image)

    def restart(self, scope: str, service: dict[str, Any]) -> None:
        """Start the container of a finished service again, after a restart of the sandbox."""
        container = self._life.runtime.start(container_spec(service["spec"]))
        self._life.adopt(scope, service["name"], container)

    # -- the steps

    def _build(self, operation: Operation, service: dict[str, Any]) -> BuildResult | None:
        images, request = self._life.images, service["environmentImageRequest"]
        definition = request["environment"]
        if service.get("imageId") and (image := images.built(definition)):
            return image
        log_name, log = images.new_log()
        operation.part(BUILD, log_name)
        operation.say("Creating Container Registry if not exists.")
        operation.say("Registering the environment.")
        version = definition.get("version")
        if version is None or images.find(operation.scope, definition["name"], version) is None:
            images.register(operation.scope, definition["name"], str(version or ""), definition)
        operation.say("Use the existing image." if images.built(definition) else "Building image..")
        result = images.build(definition, log, operation.cancelled, container_files.asset_names(request))
        if operation.cancelled.is_set():
            return None
        if result.ok:
            return result
        link = str(images.log_link(log_name)).partition("?")[0]
        error = failures.build_failed(definition["name"], result.error, link)
        self._end(operation, OperationState.FAILED, ServiceState.FAILED, error)
        return None

    def _place(self, operation: Operation, service: dict[str, Any], image: BuildResult) -> None:
        container = self._submit(operation, service, image)
        if container is not None:
            self._watch(operation, service, container)

    def _submit(self, operation: Operation, service: dict[str, Any], image: BuildResult) -> Container | None:
        scope, name, request = operation.scope, service["name"], service["environmentImageRequest"]
        operation.part(DEPLOY)
        operation.say("Generating deployment configuration.")
        revision = service["revision"] + 1
        root = self._life.folder(scope, name) / f"root-{revision}"
        models = self.models(scope, request)
        self._note(operation, container_files.lay_out(self._app, scope, request, models, root))
        self._tell_without_effect(operation, service)
        spec = self._new_spec(operation, service, image, root, models)
        operation.say("Submitting deployment to compute.")
        # Azure replaces the container group: the earlier container ends before the new one begins.
        self._life.remove_container(scope, name)
        self._life.update_service(operation, spec=spec, revision=revision, updatedTime=services.now())
        container = self._life.runtime.start(container_spec(spec))
        if not self._life.adopt(scope, name, container, operation.cancelled):
            return None
        operation.say(f"Checking the status of deployment {name}..")
        return container

    def _note(self, operation: Operation, done: container_files.LaidOut) -> None:
        images, log = self._life.images, operation["log"]
        images.note(log, f"files added: {done.assets}, with the client's own wrapper script")
        fetched = f"{done.models} with {done.model_files} files, {done.model_bytes:,} bytes"
        images.note(log, f"models fetched: {fetched}")

    def _tell_without_effect(self, operation: Operation, service: dict[str, Any]) -> None:
        if kept := services.without_effect(service):
            text = f"kept, without effect in the sandbox: {', '.join(kept)}"
            operation.say(f"Sandbox: {text}.")
            self._life.images.note(operation["log"], text)

    def _new_spec(
        self,
        operation: Operation,
        service: dict[str, Any],
        image: BuildResult,
        root: Path,
        models: list[dict[str, Any]],
    ) -> dict[str, Any]:
        request, resources = service["environmentImageRequest"], service["containerResourceRequirements"]
        variables = request["environment"].get("environmentVariables") or {}
        return {
            "name": f"{service['name']}-{operation.id[:8]}",
            "prefix": str(image.prefix),
            "root": str(root),
            "entry_script": container_files.entry_script(request),
            "model_dir": container_files.model_dir(models),
            "environment": {str(key): str(value) for key, value in variables.items()}
            | {"SERVICE_NAME": service["name"], "WORKSPACE_NAME": operation.scope.rpartition("/")[2]},
            "cpu": float(resources["cpu"]),
            "memory_gb": float(resources["memoryInGB"]),
            "log": str(root.parent / f"container-{operation.id[:8]}.log"),
        }

    def models(self, scope: str, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the models that a service mounts.

        Raises:
            LookupError: One of them does not exist.
        """
        found = []
        for identifier in request.get("modelIds") or []:
            name, _, version = str(identifier).rpartition(":")
            model = self._app.store.get("model", scope, name, int(version)) if version.isdigit() else None
            if model is None:
                raise LookupError(f"Model with id {identifier} not found in this workspace.")
            found.append(model)
        return found

    def _watch(self, operation: Operation, service: dict[str, Any], container: Container) -> None:
        clock, name = self._app.clock, service["name"]
        deadline = clock.now() + clock.wait(DEPLOY_SECONDS, at_least=MIN_DEPLOY_SECONDS)
        while not operation.cancelled.wait(POLL_SECONDS):
            status = container.status()
            if status.state == "Ready" and answers(container.spec.port):
                operation.say(f"Checking the status of inference endpoint {name}.")
                self._end(operation, OperationState.SUCCEEDED, ServiceState.HEALTHY, None)
                return
            if is_lost(status):
                self._crashed(operation, service, container, status)
                return
            if clock.now() > deadline:
                # Azure goes on trying; the service tells what becomes of it.
                self._end(operation, OperationState.TIMED_OUT, ServiceState.UNHEALTHY, failures.timed_out())
                return

    def _crashed(
        self, operation: Operation, service: dict[str, Any], container: Container, status: ContainerStatus
    ) -> None:
        image = self._life.images.location_of(service)
        error = failures.container_crashed(service["name"], image, status, container.spec.memory_gb)
        # Azure lets it crash on for ever; a laptop has better things to do. Its log stays.
        self._life.give_up(operation.scope, service["name"], container)
        self._end(operation, OperationState.FAILED, ServiceState.FAILED, error)

    def _end(
        self, operation: Operation, state: OperationState, service_state: ServiceState, error: dict[str, Any] | None
    ) -> None:
        self._life.update_service(operation, state=service_state.value, error=error, updatedTime=services.now())
        operation.end(state, error)


def is_lost(status: ContainerStatus) -> bool:
    """Whether a container cannot stay up."""
    looping = status.reason == "CrashLoopBackOff" and status.restarts >= CRASHES
    starved = status.oom_kills >= CRASHES and status.state != "Ready"
    return looping or starved or status.state == "Terminated"


def container_spec(document: dict[str, Any]) -> ContainerSpec:
    """Return the container that a service's document describes."""
    return ContainerSpec(
        name=document["name"],
        prefix=Path(document["prefix"]),
        root=Path(document["root"]),
        entry_script=document["entry_script"],
        model_dir=document["model_dir"],
        environment=document["environment"],
        cpu=document["cpu"],
        memory_gb=document["memory_gb"],
        log=Path(document["log"]),
    )


def answers(port: int) -> bool:
    """Whether a server answers at that loopback port."""
    # Without the environment's proxies: the container is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return bool(answer.status == _OK)
    except OSError:
        return False
