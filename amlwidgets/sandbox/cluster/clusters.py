"""The clusters of the sandbox's subscription, and which of them a workspace has attached."""

from __future__ import annotations

import re
import threading
import zlib
from typing import TYPE_CHECKING, Any

from amlwidgets.core import machines
from amlwidgets.sandbox.api import ApiError
from amlwidgets.sandbox.cluster.scheduler import Node, Request, capacity, place
from amlwidgets.sandbox.services import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlwidgets.sandbox.store import Store

CLUSTER, COMPUTE, SEEDED = "cluster", "compute", "compute-seeded"
FAST_PROD, DEV_TEST = "FastProd", "DevTest"
PREMADE = "sandbox-aks"
"""Name under which every workspace has a cluster from the beginning."""

FAST_PROD_CORES, FAST_PROD_NODES = 12, 3
ROUTER_PODS = {FAST_PROD: 3, DEV_TEST: 1}
ROUTER_REQUEST = Request(0.5, 0.5)
"""What one pod of azureml-fe asks for: an assumption, since only its limits are documented."""

MAX_NODES = 100
_ADDRESS = "203.0.113.{}"
# A range that is reserved for documents, so that no request to it can ever reach a stranger.
_MAX_CLUSTERS = 254
_RESOURCE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.ContainerService/managedClusters/(?P<name>[^/]+)/?",
    re.IGNORECASE,
)


def resource_id(subscription: str, group: str, name: str) -> str:
    """Return the ARM identifier of a cluster."""
    provider = "Microsoft.ContainerService/managedClusters"
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}/{name}"


class Clusters:
    """Clusters with their nodes, workspaces' computes, and the pods that run now.

    Args:
        store: Where clusters and computes are kept; pods live as long as the program.

    Attributes:
        changes: Grows whenever a cluster gets other nodes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._pods: dict[str, dict[str, tuple[str, Request]]] = {}
        self.changes = 0

    # -- clusters

    def make(self, identifier: str, size: str, count: int, taints: Sequence[str] = ()) -> dict[str, Any]:
        """Make a cluster of equal nodes, or give an existing one other nodes.

        Raises:
            ApiError: The identifier, the size or the number of nodes is not valid.
        """
        match = _RESOURCE.fullmatch(identifier)
        if match is None:
            raise ApiError(400, "BadRequest", f"'{identifier}' is not the identifier of a Kubernetes cluster.")
        if machines.find(size) is None:
            known = ", ".join(machines.SIZES)
            raise ApiError(400, "BadRequest", f"The sandbox does not know the size '{size}'. It knows: {known}.")
        if not 1 <= count <= MAX_NODES:
            raise ApiError(400, "BadRequest", f"A cluster has 1 to {MAX_NODES} nodes here, not {count}.")
        with self._store.transaction():
            earlier = self.find(identifier)
            document = {
                **match.groupdict(),
                "id": identifier,
                "size": size,
                "count": count,
                "taints": list(taints),
                "address": earlier["address"] if earlier else self._new_address(),
                "created": earlier["created"] if earlier else now(),
            }
            self._store.put(CLUSTER, "", identifier.lower(), document)
        self.changes += 1
        return document

    def _new_address(self) -> str:
        number = self._store.next_number("cluster-address", "", "")
        if number > _MAX_CLUSTERS:
            raise ApiError(409, "QuotaExceeded", f"The sandbox has addresses for {_MAX_CLUSTERS} clusters only.")
        return _ADDRESS.format(number)

    def find(self, identifier: str) -> dict[str, Any] | None:
        """Return a cluster by its ARM identifier."""
        return self._store.get(CLUSTER, "", identifier.rstrip("/").lower())

    def all(self) -> list[dict[str, Any]]:
        """Return every cluster."""
        return self._store.all(CLUSTER)

    def remove(self, identifier: str) -> None:
        """Forget a cluster."""
        self._store.delete(CLUSTER, "", identifier.lower())

    # -- computes

    def compute(self, scope: str, name: str) -> dict[str, Any] | None:
        """Return a workspace's compute of that name, with its cluster as ``cluster``."""
        self._seed(scope)
        found = self._store.get(COMPUTE, scope, name)
        return None if found is None else found | {"cluster": self.find(found["clusterId"])}

    def computes(self, scope: str) -> list[dict[str, Any]]:
        """Return every compute of a workspace, with its cluster as ``cluster``."""
        self._seed(scope)
        return [found | {"cluster": self.find(found["clusterId"])} for found in self._store.all(COMPUTE, scope)]

    def attach(self, scope: str, name: str, cluster: dict[str, Any], purpose: str, *, attached: bool) -> None:
        """Make a cluster a compute of a workspace.

        Raises:
            ApiError: It is too small for that purpose, or attached under another name.
        """
        if purpose not in ROUTER_PODS:
            raise ApiError(400, "BadRequest", f"The cluster purpose is {FAST_PROD} or {DEV_TEST}, not '{purpose}'.")
        size = machines.find(cluster["size"])
        cores = cluster["count"] * (size.cpu if size else 0)
        if purpose == FAST_PROD and cluster["count"] < FAST_PROD_NODES:
            text = f"At least {FAST_PROD_NODES} machine(s) are required for cluster with purpose {FAST_PROD}."
            raise ApiError(400, "BadRequest", text)
        if purpose == FAST_PROD and cores < FAST_PROD_CORES:
            text = f"Cluster should have at least {FAST_PROD_CORES} cores to operate in {FAST_PROD}; it has {cores}."
            raise ApiError(400, "BadRequest", text)
        with self._store.transaction():
            for other_scope, other in self._store.scoped(COMPUTE):
                if other["clusterId"].lower() == cluster["id"].lower() and (other_scope, other["name"]) != (
                    scope,
                    name,
                ):
                    text = f"The cluster {cluster['name']} is attached already, as {other['name']}."
                    raise ApiError(409, "Conflict", text)
            earlier = self._store.get(COMPUTE, scope, name) or {}
            document = {
                "name": name,
                "clusterId": cluster["id"],
                "purpose": purpose,
                "attached": attached,
                "created": earlier.get("created") or now(),
                "modified": now(),
            }
            self._store.put(COMPUTE, scope, name, document)

    def names_of(self, identifier: str) -> list[str]:
        """Return the names under which a cluster is attached."""
        return [c["name"] for c in self._store.all(COMPUTE) if c["clusterId"].lower() == identifier.lower()]

    def detach(self, scope: str, name: str) -> None:
        """Forget a compute; the cluster stays."""
        self._store.delete(COMPUTE, scope, name)

    def _seed(self, scope: str) -> None:
        """Give a workspace its first cluster; one that the user removed does not come back."""
        with self._store.transaction():
            if self._store.get(SEEDED, scope, "") is not None:
                return
            self._store.put(SEEDED, scope, "", {})
            subscription, group, workspace = scope.split("/")
            cluster = self.make(resource_id(subscription, group, f"{workspace}-aks"), machines.DEFAULT, FAST_PROD_NODES)
            for name, size in (("small-aks", "Standard_A2_v2"), ("gpu-aks", "Standard_NC6")):
                identifier = resource_id(subscription, group, name)
                if self.find(identifier) is None:
                    self.make(identifier, size, 1)
            self.attach(scope, PREMADE, cluster, FAST_PROD, attached=True)

    # -- pods

    def bind(self, cluster: str, pod: str, request: Request) -> str:
        """Give a pod a place; returns the name of its node.

        Raises:
            Unschedulable: There is none.
        """
        with self._lock:
            node = place(request, self.nodes(cluster), self._used(cluster))
            self._pods.setdefault(cluster.lower(), {})[pod] = (node, request)
            return node

    def release(self, cluster: str, pod: str) -> None:
        """Take a pod away."""
        with self._lock:
            self._pods.get(cluster.lower(), {}).pop(pod, None)

    def room(self, cluster: str, request: Request) -> int:
        """Return how many further pods of that kind fit."""
        with self._lock:
            return capacity(request, self.nodes(cluster), self._used(cluster))

    def nodes(self, cluster: str) -> list[Node]:
        """Return the nodes of a cluster, with what users' pods may have."""
        document = self.find(cluster)
        size = machines.find(document["size"]) if document else None
        if document is None or size is None:
            return []
        cpu, memory = machines.allocatable(size)
        # Nodes of another size are another pool: none of the earlier ones stays.
        pool = zlib.crc32(document["size"].lower().encode()) % 10**8
        names = [f"aks-agentpool-{pool:08d}-vmss{number:06d}" for number in range(document["count"])]
        return [Node(name, cpu, memory, size.gpu, taints=tuple(document["taints"])) for name in names]

    def pods(self, cluster: str) -> dict[str, str]:
        """Return the node of every pod that runs in a cluster."""
        with self._lock:
            return {pod: node for pod, (node, _) in self._pods.get(cluster.lower(), {}).items()}

    def _used(self, cluster: str) -> dict[str, list[Request]]:
        nodes = self.nodes(cluster)
        used: dict[str, list[Request]] = {node.name: [] for node in nodes}
        for number in range(self._router_pods(cluster) if nodes else 0):
            used[nodes[number % len(nodes)].name].append(ROUTER_REQUEST)
        for node, request in self._pods.get(cluster.lower(), {}).values():
            used.setdefault(node, []).append(request)
        return used

    def _router_pods(self, cluster: str) -> int:
        purposes = [c["purpose"] for c in self._store.all(COMPUTE) if c["clusterId"].lower() == cluster.lower()]
        return ROUTER_PODS[purposes[0]] if purposes else 0
