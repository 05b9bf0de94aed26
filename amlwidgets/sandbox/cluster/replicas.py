"""A service's replicas: pods that get a node, start, serve, and go. To the rest of the sandbox it is one container."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.cluster.scheduler import Request, Unschedulable
from amlwidgets.sandbox.protocols import ContainerStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from amlwidgets.sandbox.cluster.clusters import Clusters
    from amlwidgets.sandbox.protocols import Container, ContainerSpec, Executed, Runtime

LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.05
_CALM_SECONDS = 0.2
"""How often replicas are looked at while some are on their way, and while all is well."""

DRAIN_SECONDS = 30.0
"""How long a replica that leaves may go on with its last request (Kubernetes' grace period)."""

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
# As Kubernetes makes names: no vowels, so that no words come out.


@dataclass(slots=True)
class Replica:
    """One pod.

    Attributes:
        name: Its name.
        node: Where it runs; empty while no node has room.
        waits_for: The scheduler's verdict while it has no node.
        container: What runs, once it has a node.
        since: When it was wanted, on the monotonic clock.
    """

    name: str
    node: str = ""
    waits_for: str = ""
    container: Container | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def ready(self) -> bool:
        """Whether it answers."""
        return self.container is not None and self.container.status().state == "Ready"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replica is made of.

    Attributes:
        spec: Its container; every replica gets a name, a folder and a log of its own.
        cluster: ARM identifier of the cluster.
        request: What a pod asks for.
    """

    spec: ContainerSpec
    cluster: str
    request: Request


class ReplicaSet:
    """Keeps as many replicas as are wanted.

    It is a ``protocols.Container``, so that whoever stops, asks or replaces a service's container need not know that
    there are several.

    Args:
        plan: What a replica is made of.
        count: Replicas wanted at first.
        runtime: Starts containers.
        clusters: Gives pods their nodes.
        publish: Told by name which replicas answer at which port, and how many are on their way.
        drain: Waits until a replica that was taken out has answered its last request.

    Attributes:
        error: Why the runtime cannot start a replica; empty while it can.
    """

    def __init__(
        self,
        plan: Plan,
        count: int,
        *,
        runtime: Runtime,
        clusters: Clusters,
        publish: Callable[[dict[str, int], int], None],
        drain: Callable[[str], None],
    ) -> None:
        self._plan, self._runtime, self._clusters = plan, runtime, clusters
        self._publish, self._drain = publish, drain
        self._want = count
        self._replicas: list[Replica] = []
        self._nodes_seen = clusters.changes
        self.error = ""
        self._published: tuple[dict[str, int], int] | None = None
        self._lock = threading.RLock()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._leaving: list[threading.Thread] = []
        self._hash = "".join(secrets.choice(_LETTERS) for _ in range(9))
        self._thread = threading.Thread(target=self._keep, name=f"replicas-{plan.spec.name}", daemon=True)
        self._thread.start()

    # -- as a container

    @property
    def spec(self) -> ContainerSpec:
        """What runs in the replica whose log tells most: the one that crashed most often, else the oldest."""
        with self._lock:
            told = [replica.container for replica in self._replicas if replica.container is not None]
        best = max(told, key=lambda container: container.status().restarts, default=None)
        return best.spec if best is not None else self._plan.spec

    def status(self) -> ContainerStatus:
        """Return the status of the best replica while any is ready, else that of the one in most trouble."""
        with self._lock:
            statuses = [replica.container.status() for replica in self._replicas if replica.container is not None]
        ready = [status for status in statuses if status.state == "Ready"]
        if ready:
            return min(ready, key=lambda status: status.restarts)
        return max(
            statuses, key=lambda status: (status.restarts, status.oom_kills), default=ContainerStatus("Starting")
        )

    def execute(self, command: Sequence[str], *, seconds: float, variables: Mapping[str, str]) -> Executed:
        """Run one more command in the replica whose log tells most."""
        return self._entered()[0].execute(command, seconds=seconds, variables=variables)

    @property
    def kind(self) -> str:
        """What its replicas are made of."""
        with self._lock:
            made = next((r.container for r in self._replicas if r.container is not None), None)
        return made.kind if made is not None else self._runtime.name

    @property
    def count(self) -> int:
        """How many replicas there are."""
        with self._lock:
            return len(self._replicas)

    def restart(self, *, keep: bool = True) -> None:
        """Start every replica again, with the scripts as they are in the one that commands run in.

        Their files are links to the same content, so that what one keeps the others find.
        """
        entered, *others = self._entered()
        entered.restart(keep=keep)
        for container in others:
            with contextlib.suppress(OSError):  # it is on its way out
                container.restart(keep=False)

    def _entered(self) -> list[Container]:
        """Return the replicas' containers, first the one that commands run in."""
        name = self.spec.name
        with self._lock:
            there = [replica.container for replica in self._replicas if replica.container is not None]
        there.sort(key=lambda container: container.spec.name != name)
        if not there:
            raise OSError("no replica runs now")
        return there

    def stop(self) -> None:
        """End every replica and wait for it; requests at work are lost."""
        self._leave(self._end)

    def retire(self) -> None:
        """End every replica after its last request, and wait for it."""
        self._leave(self._retire)

    def _leave(self, go: Callable[[Replica], None]) -> None:
        self._stopping.set()
        self._wake.set()
        self._thread.join()
        with self._lock:
            leaving, self._replicas = self._replicas, []
        self._publish({}, 0)
        for replica in leaving:
            self._let_go(replica, go)
        for thread in self._leaving:
            thread.join()

    def _let_go(self, replica: Replica, go: Callable[[Replica], None]) -> None:
        thread = threading.Thread(target=go, args=(replica,), name=f"leaving-{replica.name}", daemon=True)
        thread.start()
        self._leaving = [*(other for other in self._leaving if other.is_alive()), thread]

    # -- as replicas

    @property
    def wanted(self) -> int:
        """Number of replicas that there should be."""
        return self._want

    def scale(self, count: int) -> None:
        """Want another number of replicas; returns at once."""
        self._want = count
        self._wake.set()

    @property
    def ready(self) -> int:
        """Number of replicas that answer."""
        with self._lock:
            return sum(replica.ready for replica in self._replicas)

    @property
    def unschedulable(self) -> str:
        """The scheduler's verdict on a replica that has no node; empty when all have one."""
        with self._lock:
            return next((replica.waits_for for replica in self._replicas if not replica.node), "")

    def view(self) -> list[dict[str, Any]]:
        """Return name, node, state and counts of every replica."""
        with self._lock:
            replicas = list(self._replicas)
        return [_view(replica) for replica in replicas]

    # -- keeping the number

    def _keep(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                self._leave_lost_nodes()
                self._remove_surplus()
                self._add_missing()
                calm = all(replica.ready for replica in self._replicas)
            self._tell()
            self._wake.wait(_CALM_SECONDS if calm else _LOOK_SECONDS)
            self._wake.clear()

    def _add_missing(self) -> None:
        while len(self._replicas) < self._want:
            name = "".join(secrets.choice(_LETTERS) for _ in range(5))
            self._replicas.append(Replica(f"{self._plan.spec.name}-{self._hash}-{name}"))
        for replica in self._replicas:
            if not replica.node and not self._begin(replica):
                break  # they are all alike: where one finds no room, the next will not either

    def _begin(self, replica: Replica) -> bool:
        try:
            replica.node = self._clusters.bind(self._plan.cluster, replica.name, self._plan.request)
        except Unschedulable as exc:
            replica.waits_for = str(exc)
            return False
        try:
            replica.container = self._runtime.start(self._own_spec(replica))
        except (OSError, RuntimeError) as exc:  # a full disk, no port, no thread: the next look tries again
            LOG.warning("replica %s cannot be started: %s", replica.name, exc)
            self._clusters.release(self._plan.cluster, replica.name)
            replica.node, self.error = "", str(exc) or type(exc).__name__
            return False
        replica.waits_for = self.error = ""
        return True

    def _own_spec(self, replica: Replica) -> ContainerSpec:
        template, parent = self._plan.spec, self._plan.spec.root.parent
        root = parent / replica.name
        if not root.exists():
            # Links instead of copies: ten replicas of a model of gigabytes still fit on the disk.
            shutil.copytree(template.root, root, symlinks=True, copy_function=_link)
        return replace(template, name=replica.name, root=root, log=parent / f"{replica.name}.log")

    def _leave_lost_nodes(self) -> None:
        """Let go of replicas whose node the cluster has no more; others take their place."""
        changes = self._clusters.changes
        if changes == self._nodes_seen:
            return
        self._nodes_seen = changes
        nodes = {node.name for node in self._clusters.nodes(self._plan.cluster)}
        for replica in [r for r in self._replicas if r.node and r.node not in nodes]:
            self._replicas.remove(replica)
            self._let_go(replica, self._retire)

    def _remove_surplus(self) -> None:
        while len(self._replicas) > self._want:
            # Those that are not ready first, then the youngest, as Kubernetes does.
            victim = min(self._replicas, key=lambda replica: (replica.ready, -replica.since))
            self._replicas.remove(victim)
            self._let_go(victim, self._retire)

    def _retire(self, replica: Replica) -> None:
        self._tell()
        self._drain(replica.name)
        self._end(replica)

    def _end(self, replica: Replica) -> None:
        if replica.container is not None:
            replica.container.stop()
            shutil.rmtree(replica.container.spec.root, ignore_errors=True)
        self._clusters.release(self._plan.cluster, replica.name)

    def _tell(self) -> None:
        with self._lock:
            serving = {r.name: r.container.spec.port for r in self._replicas if r.container is not None and r.ready}
            state = (serving, len(self._replicas) - len(serving))
            if state == self._published or self._stopping.is_set():
                return
            self._published = state
            # Told under the lock, so that an older state never overtakes a newer one.
            self._publish(*state)


def _view(replica: Replica) -> dict[str, Any]:
    status = replica.container.status() if replica.container is not None else None
    return {
        "name": replica.name,
        "node": replica.node or None,
        "state": status.state if status is not None else "Pending",
        "reason": (status.reason if status is not None else replica.waits_for) or None,
        "restarts": status.restarts if status is not None else 0,
        "oomKills": status.oom_kills if status is not None else 0,
    }


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
