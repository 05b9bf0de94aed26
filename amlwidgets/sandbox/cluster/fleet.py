"""All services on clusters: their replicas and their place behind the router."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import tokens
from amlwidgets.sandbox.cluster import service as documents
from amlwidgets.sandbox.cluster.clusters import Clusters
from amlwidgets.sandbox.cluster.replicas import DRAIN_SECONDS, Plan, ReplicaSet
from amlwidgets.sandbox.cluster.scheduler import pod_request

if TYPE_CHECKING:
    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.protocols import ContainerSpec
    from amlwidgets.sandbox.router.front import Settings
    from amlwidgets.sandbox.router.server import Router

_State = tuple[dict[str, int], int]


class Fleet:
    """Makes replica sets and tells the router of them.

    Args:
        app: The sandbox.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.clusters = Clusters(app.store)
        self._lock = threading.RLock()
        self._router: Router | None = None
        self._states: dict[tuple[str, str], dict[str, _State]] = {}
        self._made = 0

    @property
    def router(self) -> Router:
        """The router; it starts with the first service, since most sandboxes never see one."""
        with self._lock:
            if self._router is None:
                from amlwidgets.sandbox.router.server import Router

                self._router = Router()
            return self._router

    def address(self, scope: str, compute: str) -> str:
        """Return the address of a compute's cluster; empty when it is gone."""
        found = self.clusters.compute(scope, compute)
        return str(found["cluster"]["address"]) if found and found["cluster"] else ""

    # -- replicas

    def make(self, scope: str, service: dict[str, Any], spec: ContainerSpec, count: int) -> ReplicaSet:
        """Begin ``count`` replicas of a service.

        Raises:
            LookupError: Its compute is gone.
        """
        compute = self.clusters.compute(scope, service["computeName"])
        if compute is None or compute["cluster"] is None:
            raise LookupError(f"Compute target {service['computeName']} does not exist in this workspace any more.")
        key = (str(compute["cluster"]["address"]), str(service["name"]))
        with self._lock:
            self._made += 1
            ticket = str(self._made)
        plan = Plan(spec, compute["clusterId"], pod_request(service["containerResourceRequirements"]))
        return ReplicaSet(
            plan,
            count,
            runtime=self._app.lifecycle.runtime,
            clusters=self.clusters,
            publish=lambda ports, starting: self._publish(key, ticket, (ports, starting)),
            drain=lambda replica: self._drain(key, replica),
        )

    def serve(self, scope: str, service: dict[str, Any], replicas: ReplicaSet) -> None:
        """Put a service behind the router, or change how it is served; the autoscaler scales ``replicas``."""
        address = self.address(scope, service["computeName"])
        self.router.add(address, self._settings(service), replicas.scale)
        self._tell((address, service["name"]))

    def apply(self, scope: str, service: dict[str, Any], replicas: ReplicaSet) -> None:
        """Make changed settings count: the router's, and the number of replicas."""
        self.serve(scope, service, replicas)
        if not service["autoScaler"]["autoscaleEnabled"]:
            replicas.scale(documents.first_count(service))

    def forget(self, scope: str, service: dict[str, Any]) -> None:
        """Take a service from behind the router."""
        if self._router is not None and (address := self.address(scope, service["computeName"])):
            self._router.remove(address, service["name"])
            self._states.pop((address, service["name"]), None)

    def snapshot(self, scope: str, service: dict[str, Any]) -> dict[str, Any] | None:
        """Return what the router sees of a service; None when it does not know it."""
        if self._router is None:
            return None
        return self._router.snapshot(self.address(scope, service["computeName"]), service["name"])

    def close(self) -> None:
        """End the router."""
        with self._lock:
            router, self._router = self._router, None
            self._states.clear()
        if router is not None:
            router.close()

    def _settings(self, service: dict[str, Any]) -> Settings:
        from amlwidgets.sandbox.router.front import Settings

        return Settings(
            name=service["name"],
            concurrent=int(service["maxConcurrentRequestsPerContainer"]),
            max_wait_seconds=service["maxQueueWaitMs"] / 1000,
            timeout_seconds=service["scoringTimeoutMs"] / 1000,
            may_enter=documents.gate(service, lambda token: tokens.is_ours(self._app.identity, token)),
            rule=documents.rule(service, self._app.clock),
        )

    def _drain(self, key: tuple[str, str], replica: str) -> None:
        router = self._router
        if router is not None:
            router.drain(*key, replica, DRAIN_SECONDS)

    def _publish(self, key: tuple[str, str], ticket: str, state: _State) -> None:
        with self._lock:
            states = self._states.setdefault(key, {})
            if state == ({}, 0):
                states.pop(ticket, None)
            else:
                states[ticket] = state
            self._tell(key)

    def _tell(self, key: tuple[str, str]) -> None:
        # While one set of replicas takes over from another, both serve.
        with self._lock:
            states = list(self._states.get(key, {}).values())
            ports = {name: port for serving, _ in states for name, port in serving.items()}
            if self._router is not None:
                self._router.set_replicas(*key, ports, sum(starting for _, starting in states))
