"""Deploying a service to a cluster: the new replicas take over from the old ones only when they answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState, ServiceState
from amlwidgets.sandbox import container_files, services
from amlwidgets.sandbox import failures as common
from amlwidgets.sandbox.cluster import failures
from amlwidgets.sandbox.cluster import service as documents
from amlwidgets.sandbox.cluster.replicas import ReplicaSet
from amlwidgets.sandbox.deployment import (
    DEPLOY_SECONDS,
    MIN_DEPLOY_SECONDS,
    POLL_SECONDS,
    Deployment,
    answers,
    container_spec,
    is_lost,
)
from amlwidgets.sandbox.operations import DEPLOY

if TYPE_CHECKING:
    from amlwidgets.sandbox.operations import Operation
    from amlwidgets.sandbox.protocols import BuildResult, ContainerSpec

SCHEDULE_SECONDS = 5 * 60
"""How long Azure looks for a node with room."""

MIN_SCHEDULE_SECONDS = 3
"""It is never scaled below this, so that a pod that leaves just now still makes room."""


class Rollout(Deployment):
    """The work of a deploy operation whose target is a cluster."""

    def restart(self, scope: str, service: dict[str, Any]) -> None:
        """Start the replicas of a finished service again, after a restart of the sandbox."""
        fleet = self._life.fleet
        replicas = fleet.make(scope, service, self._spec(service, service["spec"]), documents.first_count(service))
        if self._life.adopt(scope, service["name"], replicas):
            fleet.serve(scope, service, replicas)

    def _place(self, operation: Operation, service: dict[str, Any], image: BuildResult) -> None:
        scope, name, fleet = operation.scope, service["name"], self._life.fleet
        operation.part(DEPLOY)
        operation.say("Generating deployment configuration.")
        revision = service["revision"] + 1
        root = self._life.folder(scope, name) / f"root-{revision}"
        models = self.models(scope, service["environmentImageRequest"])
        self._note(
            operation, container_files.lay_out(self._app, scope, service["environmentImageRequest"], models, root)
        )
        spec = self._new_spec(operation, service, image, root, models)
        self._tell_without_effect(operation, service)
        operation.say("Submitting deployment to compute.")
        earlier = self._life.container(scope, name)
        count = _count(service, earlier)
        # Beside replicas that serve there has to be room for one more; the others follow when those are gone.
        replicas = fleet.make(scope, service, self._spec(service, spec), 1 if earlier else count)
        self._life.update_service(operation, revision=revision, updatedTime=services.now())
        if not self._life.adopt(scope, _waiting_room(operation), replicas, operation.cancelled):
            return
        if earlier is None:
            fleet.serve(scope, service, replicas)  # until one is ready, the router says so
            self._forget_if_gone(scope, service)
        operation.say(f"Checking the status of deployment {name}..")
        self._roll(operation, _Rolling(service, replicas, spec, count))

    def _spec(self, service: dict[str, Any], document: dict[str, Any]) -> ContainerSpec:
        resources = service["containerResourceRequirements"]
        return replace(
            container_spec(document),
            name=service["name"],
            cpu=float(resources.get("cpuLimit") or resources["cpu"]),
            memory_gb=float(resources.get("memoryInGBLimit") or resources["memoryInGB"]),
        )

    # -- until they answer

    def _roll(self, operation: Operation, rolling: _Rolling) -> None:
        clock = self._app.clock
        deadline = clock.now() + clock.wait(DEPLOY_SECONDS, at_least=MIN_DEPLOY_SECONDS)
        while not operation.cancelled.wait(POLL_SECONDS):
            if self._advance(operation, rolling):
                return
            if clock.now() > deadline:
                self._fail(operation, rolling, common.timed_out(), ServiceState.UNHEALTHY)
                return
        self._life.drop(operation.scope, _waiting_room(operation), rolling.replicas)

    def _advance(self, operation: Operation, rolling: _Rolling) -> bool:
        """Do what can be done now; True when nothing is left to do."""
        replicas = rolling.replicas
        if replicas.ready >= replicas.wanted and answers(replicas.spec.port):
            return self._goes_on(operation, rolling)
        if replicas.error and not rolling.serves:
            self._fail(operation, rolling, failures.not_started(replicas.error), ServiceState.FAILED)
            return True
        if self._waits_too_long(rolling):
            missing = sum(not replica["node"] for replica in replicas.view())
            error = failures.unschedulable(replicas.unschedulable, missing)
            self._fail(operation, rolling, error, ServiceState.UNSCHEDULABLE)
            return True
        if is_lost(replicas.status()) and not rolling.serves:
            self._fail(operation, rolling, self._crash(rolling), ServiceState.FAILED)
            return True
        return False

    def _goes_on(self, operation: Operation, rolling: _Rolling) -> bool:
        if rolling.serves:
            operation.say(f"Checking the status of inference endpoint {operation['service']}.")
            self._end(operation, OperationState.SUCCEEDED, ServiceState.HEALTHY, None)
            return True
        rolling.serves = True
        return not self._take_over(operation, rolling)

    def _waits_too_long(self, rolling: _Rolling) -> bool:
        clock = self._app.clock
        if not rolling.replicas.unschedulable:
            rolling.no_node_since = None
            return False
        rolling.no_node_since = rolling.no_node_since or clock.now()
        return clock.now() - rolling.no_node_since > clock.wait(SCHEDULE_SECONDS, at_least=MIN_SCHEDULE_SECONDS)

    def _take_over(self, operation: Operation, rolling: _Rolling) -> bool:
        scope, name, replicas = operation.scope, operation["service"], rolling.replicas
        earlier = self._life.container(scope, name)
        replicas.scale(rolling.count)
        self._life.fleet.serve(scope, self._service(operation, rolling), replicas)
        self._life.update_service(operation, spec=rolling.spec)
        if isinstance(earlier, ReplicaSet):
            earlier.retire()
        self._life.leave(scope, _waiting_room(operation))
        if not self._life.adopt(scope, name, replicas, operation.cancelled):
            self._forget_if_gone(scope, rolling.service)
            return False
        # Settings that were changed while this one was on its way count for the new replicas too.
        self._life.fleet.apply(scope, self._service(operation, rolling), replicas)
        return True

    def _service(self, operation: Operation, rolling: _Rolling) -> dict[str, Any]:
        return self._app.store.get(services.KIND, operation.scope, operation["service"]) or rolling.service

    def _forget_if_gone(self, scope: str, service: dict[str, Any]) -> None:
        """Take a service that was deleted just now from behind the router."""
        if self._app.store.get(services.KIND, scope, service["name"]) is None:
            self._life.fleet.forget(scope, service)

    def _crash(self, rolling: _Rolling) -> dict[str, Any]:
        image = self._life.images.location_of(rolling.service)
        replicas = rolling.replicas
        return failures.crashed(rolling.service["name"], image, replicas.status(), replicas.spec.memory_gb)

    def _fail(
        self, operation: Operation, rolling: _Rolling, error: dict[str, Any], service_state: ServiceState
    ) -> None:
        scope, replicas = operation.scope, rolling.replicas
        state = OperationState.TIMED_OUT if service_state is ServiceState.UNHEALTHY else OperationState.FAILED
        if self._life.container(scope, operation["service"]) is None:
            # Nothing of the service runs; the log of the replica that tells most stays.
            log = str(replicas.spec.log)
            self._life.fleet.forget(scope, rolling.service)
            self._life.give_up(scope, _waiting_room(operation), replicas)
            self._life.update_service(operation, spec=rolling.spec | {"log": log})
        else:
            # What served goes on serving; the error tells of the rest.
            service_state = ServiceState.HEALTHY
            if not rolling.serves:
                self._life.drop(scope, _waiting_room(operation), replicas)
        self._end(operation, state, service_state, error)


@dataclass(slots=True)
class _Rolling:
    """One deployment on its way.

    Attributes:
        service: The service's document.
        replicas: The new replicas.
        spec: What they are made of, as the service will keep it.
        count: How many there will be.
        serves: Whether they have taken over.
        no_node_since: When a replica first found no node.
    """

    service: dict[str, Any]
    replicas: ReplicaSet
    spec: dict[str, Any]
    count: int
    serves: bool = False
    no_node_since: float | None = None


def _waiting_room(operation: Operation) -> str:
    # No service can have this name: a slash is not allowed in one.
    return f"{operation['service']}/{operation.id}"


def _count(service: dict[str, Any], earlier: object) -> int:
    """Return how many replicas there will be: at least as many as the autoscaler has now."""
    first = documents.first_count(service)
    scales = service["autoScaler"]["autoscaleEnabled"] and isinstance(earlier, ReplicaSet)
    return max(first, earlier.wanted) if scales and isinstance(earlier, ReplicaSet) else first
