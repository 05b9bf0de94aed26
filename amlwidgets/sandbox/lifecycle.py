"""Operations at work and containers at their posts: what the sandbox does between requests."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState, ServiceState
from amlwidgets.sandbox import container_images, operations, services
from amlwidgets.sandbox.api import storage_error
from amlwidgets.sandbox.cluster.failures import not_started
from amlwidgets.sandbox.cluster.fleet import Fleet
from amlwidgets.sandbox.cluster.service import is_on_cluster
from amlwidgets.sandbox.failures import deployment_failed
from amlwidgets.sandbox.images import Images
from amlwidgets.sandbox.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.deployment import Deployment
    from amlwidgets.sandbox.protocols import Container, ContainerStatus, Runtime

LOG = logging.getLogger(__name__)
REVIVE_POLL_SECONDS = 0.05
RESUME_SECONDS = 10.0
_Key = tuple[str, str]


class Lifecycle:
    """Runs operations on threads of their own and keeps the containers.

    Args:
        app: The sandbox.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.RLock()
        self._operations: dict[str, Operation] = {}
        self._containers: dict[_Key, Container] = {}
        self._given_up: dict[_Key, Container] = {}
        self._resumed = threading.Event()
        self._reviving: set[_Key] = set()
        self._stopping = False
        self._runtime: Runtime | None = None
        self.images = Images(app)
        self.fleet = Fleet(app)

    # -- operations

    def begin(self, operation: Operation, work: Callable[[Operation], None]) -> None:
        """Run ``work`` on a thread of its own."""
        with self._lock:
            self._operations[operation.id] = operation
        name = f"operation-{operation.id[:8]}"
        threading.Thread(target=self._run, args=(operation, work), daemon=True, name=name).start()

    def operation(self, scope: str, identifier: str) -> Operation | None:
        """Return an operation, also one of an earlier life."""
        self._resumed.wait(RESUME_SECONDS)
        with self._lock:
            live = self._operations.get(identifier)
        if live is not None:
            return live if live.scope == scope else None
        document = self._app.store.get(operations.KIND, scope, identifier)
        return None if document is None else Operation(self._app.store, scope, document)

    def _run(self, operation: Operation, work: Callable[[Operation], None]) -> None:
        try:
            operation.start()
            work(operation)
        except Exception as exc:
            if operation.let_go_of:
                return
            full = storage_error(exc, self._app.home)
            text = full.message if full else str(getattr(exc, "message", "") or f"{type(exc).__name__}: {exc}")
            LOG.info("operation %s failed: %s", operation.id, text, exc_info=full is None)
            self._fail(operation, text)
        finally:
            with self._lock:
                self._operations.pop(operation.id, None)

    def _fail(self, operation: Operation, text: str) -> None:
        service = self._app.store.get(services.KIND, operation.scope, str(operation.get("service") or ""))
        error = not_started(text) if is_on_cluster(service) else deployment_failed(text)
        try:
            if operation["operationType"] == "Service":
                self.update_service(operation, state=ServiceState.FAILED.value, error=error)
            elif operation["operationType"] == container_images.OPERATION:
                container_images.update(self._app, operation, creationState=OperationState.FAILED.value)
            operation.end(OperationState.FAILED, error)
        except Exception:
            LOG.exception("operation %s cannot be ended", operation.id)

    # -- services and their containers

    @property
    def runtime(self) -> Runtime:
        """What runs containers."""
        with self._lock:
            if self._runtime is None:
                from amlwidgets.sandbox.runtimes import make_runtime

                self._runtime = make_runtime(self._app)
            return self._runtime

    def update_service(self, operation: Operation, **changes: Any) -> None:
        """Change the service that ``operation`` deploys, unless it is gone or another operation has taken over."""
        scope, name = operation.scope, operation["service"]
        with self._app.store.transaction():
            service = self._app.store.get(services.KIND, scope, name)
            if service is not None and service["operationId"] == operation.id and not operation.let_go_of:
                self._app.store.put(services.KIND, scope, name, service | changes)

    def container(self, scope: str, name: str) -> Container | None:
        """Return a service's container."""
        with self._lock:
            return self._containers.get((scope, name))

    def inside(self, scope: str, name: str) -> Container | None:
        """Return the container in which a service's commands run: the one that serves, else the last that could not."""
        with self._lock:
            return self._containers.get((scope, name)) or self._given_up.get((scope, name))

    def status(self, scope: str, name: str) -> ContainerStatus | None:
        """Return the status of a service's container; None when it has none."""
        container = self.container(scope, name)
        return None if container is None else container.status()

    def adopt(self, scope: str, name: str, container: Container, cancelled: threading.Event | None = None) -> bool:
        """Make ``container`` the one of a service.

        Returns:
            False when the sandbox ends just now or ``cancelled`` is set: the container is stopped then.
        """
        with self._lock:
            # Whoever cancels looks for the container after that, under this lock: it cannot be missed.
            wanted = not self._stopping and not (cancelled is not None and cancelled.is_set())
            unwanted = self._containers.get((scope, name)) if wanted else container
            if wanted:
                self._containers[scope, name] = container
        if unwanted is not None and unwanted is not self.container(scope, name):
            unwanted.stop()
        return wanted

    def leave(self, scope: str, name: str) -> None:
        """Forget a container without stopping it: it is about to be adopted under another name."""
        with self._lock:
            self._containers.pop((scope, name), None)

    def drop(self, scope: str, name: str, container: Container) -> None:
        """Stop ``container``, and forget it if it is still the one of that name."""
        with self._lock:
            if self._containers.get((scope, name)) is container:
                del self._containers[scope, name]
        container.stop()

    def remove_container(self, scope: str, name: str) -> None:
        """Stop a service's container, if it has one."""
        with self._lock:
            container = self._containers.pop((scope, name), None)
        if container is not None:
            container.stop()

    def give_up(self, scope: str, name: str, container: Container) -> None:
        """Stop ``container``, which cannot stay up; its log ends with what it did by itself."""
        with self._lock:
            if self._containers.get((scope, name)) is container:
                del self._containers[scope, name]
            if "/" not in name:  # a deployment to a cluster removes its replicas' files
                self._given_up[scope, name] = container
        log = container.spec.log
        length = log.stat().st_size if log.exists() else 0
        container.stop()
        if log.exists():
            os.truncate(log, length)

    def cancel_operations(self, scope: str, name: str) -> None:
        """Cancel what is still being done for a service."""
        with self._lock:
            mine = [o for o in self._operations.values() if o.scope == scope and o["service"] == name]
        for operation in mine:
            if not operation.state.ended:
                operation.cancel()

    def deployment(self, scope: str, name: str) -> Deployment:
        """Return what deploys a service: to a container instance, or to a cluster."""
        from amlwidgets.sandbox.cluster.rollout import Rollout
        from amlwidgets.sandbox.deployment import Deployment

        service = self._app.store.get(services.KIND, scope, name)
        return Rollout(self._app) if is_on_cluster(service) else Deployment(self._app)

    def remove_service(self, scope: str, name: str) -> None:
        """Cancel, stop, forget and clean up a service."""
        service = self._app.store.get(services.KIND, scope, name)
        self.cancel_operations(scope, name)
        on_cluster = service if is_on_cluster(service) else None
        if on_cluster is not None:
            self.fleet.forget(scope, on_cluster)  # first, so that nobody waits for requests at work
        for key in (name, *self._begun(scope, name)):
            self.remove_container(scope, key)
        with self._lock:
            self._given_up.pop((scope, name), None)
        self._app.repeats.forget(scope, name)
        self._app.store.delete(services.KIND, scope, name)
        if on_cluster is not None:
            self.fleet.forget(scope, on_cluster)  # a deployment may just have put it there again
        shutil.rmtree(self.folder(scope, name), ignore_errors=True)

    def _begun(self, scope: str, name: str) -> list[str]:
        """Return the names of what deployments of a service to a cluster have begun: below the service's own."""
        with self._lock:
            return [key for where, key in self._containers if where == scope and key.startswith(f"{name}/")]

    def folder(self, scope: str, name: str) -> Path:
        """Return the folder of a service: its containers' files and its log."""
        import hashlib

        return self._app.home / "containers" / f"{name}-{hashlib.sha256(scope.encode()).hexdigest()[:8]}"

    def log_file(self, scope: str, service: dict[str, Any]) -> Path | None:
        """Return the log of a service's container; of several replicas, of the one whose log tells most."""
        from pathlib import Path

        if is_on_cluster(service):
            name = service["name"]
            found = [self.container(scope, key) for key in (name, *self._begun(scope, name))]
            if container := next((container for container in found if container is not None), None):
                return container.spec.log
        return None if service["spec"] is None else Path(service["spec"]["log"])

    def users_of_model(self, scope: str, model: str) -> list[str]:
        """Return the names of the services that mount a model."""
        found = self._app.store.all(services.KIND, scope)
        return [s["name"] for s in found if model in (s["environmentImageRequest"].get("modelIds") or [])]

    def owns_label(self, label: str) -> bool:
        """Whether a DNS label is or was one of this sandbox.

        Labels of deleted services count too: a request to one must not reach somebody else's service.
        """
        return self._app.store.get(services.LABEL, "", label) is not None

    def summary(self) -> list[dict[str, Any]]:
        """Return name, workspace and state of every service, and how its container is."""
        return [self._summary(scope, service) for scope, service in self._app.store.scoped(services.KIND)]

    def _summary(self, scope: str, service: dict[str, Any]) -> dict[str, Any]:
        container = self.container(scope, service["name"])
        status = None if container is None else container.status()
        known = {} if status is None else asdict(status)
        made = {} if container is None else {"kind": container.kind, "replicas": container.count, "restartable": True}
        names = ("state", "reason", "exit_code", "restarts", "oom_kills", "started_at", "peak_memory_bytes")
        return {
            "name": service["name"],
            "workspace": scope.rpartition("/")[2],
            "state": services.state_of(service, status),
            "container": {name: known[name] for name in names} | made if known else None,
        }

    # -- life of the sandbox itself

    def resume(self) -> None:
        """Start the containers of finished services again and go on with operations that were under way."""
        from amlwidgets.sandbox.image_build import ImageBuild

        try:
            for scope, service in self._app.store.scoped(services.KIND):
                if service["state"] in (ServiceState.HEALTHY, ServiceState.UNHEALTHY):
                    self._restart(scope, service)
            pending = self._app.store.scoped(operations.KIND)
            for scope, document in pending:
                if OperationState(document["state"]).ended:
                    continue
                operation = Operation(self._app.store, scope, document)
                if document["operationType"] == "Service":
                    self.begin(operation, self.deployment(scope, document["service"]).run)
                elif document["operationType"] == container_images.OPERATION:
                    self.begin(operation, ImageBuild(self._app).run)
                elif document["operationType"].startswith("Package"):
                    from amlwidgets.sandbox.engine.packages import Packages

                    self.begin(operation, Packages(self._app).run)
                else:
                    self.begin(operation, self.images.build_registered)
        except Exception:
            LOG.exception("what was under way cannot be resumed")
        finally:
            self._resumed.set()

    @property
    def reviving(self) -> bool:
        """Whether containers of an earlier life are still on their way."""
        return bool(self._reviving) or not self._resumed.is_set()

    def wait_ready(self, scope: str, name: str, seconds: float) -> None:
        """Wait for a container that an earlier life of the sandbox had, until it is ready again or fails."""
        deadline = time.monotonic() + seconds
        self._resumed.wait(seconds)
        container = self.container(scope, name)
        while (scope, name) in self._reviving and container is not None:
            status = container.status()
            if status.state in ("Ready", "Terminated") or status.restarts or time.monotonic() > deadline:
                self._reviving.discard((scope, name))
                return
            time.sleep(REVIVE_POLL_SECONDS)

    def _restart(self, scope: str, service: dict[str, Any]) -> None:
        try:
            self._reviving.add((scope, service["name"]))
            self.deployment(scope, service["name"]).restart(scope, service)
        except Exception:
            LOG.exception("the container of %s cannot be started again", service["name"])

    def stop_all(self) -> None:
        """Stop every container and ask every operation to stop; their state stays as it is in the store."""
        with self._lock:
            self._stopping = True
            containers, self._containers = list(self._containers.values()), {}
            self._given_up = {}
            running = list(self._operations.values())
            self._operations = {}
        for operation in running:
            operation.let_go()
        self.fleet.close()  # so that no replica waits for its last request
        threads = [threading.Thread(target=container.stop) for container in containers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        self.fleet.close()
        with self._lock:
            self._stopping = False
