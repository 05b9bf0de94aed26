"""Whether a pod fits on a node, and why not: the rules and the words of the Kubernetes scheduler.

Source of the words: Kubernetes, ``pkg/scheduler/framework`` (``FitError``, ``NodeResourcesFit``, ``TaintToleration``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.core import machines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SIDE_CAR_CPU, SIDE_CAR_GIB = 0.1, 0.6
"""What Azure ML's own containers ask for in every pod of a service (users' reports; autoscaling.md, section 6)."""

_EXACT = 1e-9
# Quantities are given in tenths of a core; their sums must not fail over rounding.


@dataclass(frozen=True, slots=True)
class Request:
    """What one pod asks for, side-cars included.

    Attributes:
        cpu: Cores.
        memory_gib: Memory.
        gpu: Whole graphics cards.
    """

    cpu: float
    memory_gib: float
    gpu: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a cluster, with what its users' pods may have.

    Attributes:
        name: Name of the node.
        cpu: Cores.
        memory_gib: Memory.
        gpu: Graphics cards.
        pods: Number of users' pods.
        taints: Taints that no pod of Azure ML tolerates, as ``"key: value"``.
    """

    name: str
    cpu: float
    memory_gib: float
    gpu: int = 0
    pods: int = machines.PODS_PER_NODE
    taints: tuple[str, ...] = ()


class Unschedulable(Exception):
    """No node can take the pod; the message is the scheduler's."""


def pod_request(resources: Mapping[str, Any]) -> Request:
    """Return what a pod of a service asks for.

    Args:
        resources: The service's ``containerResourceRequirements`` (cores, GB).
    """
    cpu, memory = float(resources.get("cpu") or 0.1), float(resources.get("memoryInGB") or 0.5)
    return Request(cpu + SIDE_CAR_CPU, memory + SIDE_CAR_GIB, int(resources.get("gpu") or 0))


def place(request: Request, nodes: Sequence[Node], used: Mapping[str, Sequence[Request]]) -> str:
    """Return the name of the node that a pod goes to: the one with the most free cores (``LeastAllocated``).

    Args:
        request: What the pod asks for.
        nodes: The cluster's nodes.
        used: By node name, what the pods that run there asked for.

    Raises:
        Unschedulable: No node has room.
    """
    reasons: Counter[str] = Counter()
    fitting = []
    for node in nodes:
        obstacles = _obstacles(request, node, used.get(node.name, ()))
        reasons.update(obstacles)
        if not obstacles:
            fitting.append((_free_cpu(node, used.get(node.name, ())), node.name))
    if not fitting:
        raise Unschedulable(_verdict(reasons, len(nodes)))
    return max(fitting, key=lambda pair: pair[0])[1]


def capacity(request: Request, nodes: Sequence[Node], used: Mapping[str, Sequence[Request]]) -> int:
    """Return how many further pods of that kind fit into the cluster."""
    taken = {name: list(pods) for name, pods in used.items()}
    count = 0
    limit = sum(node.pods for node in nodes)
    while count < limit:
        try:
            taken.setdefault(place(request, nodes, taken), []).append(request)
        except Unschedulable:
            break
        count += 1
    return count


def _verdict(reasons: Counter[str], nodes: int) -> str:
    said = sorted(f"{count} {reason}" for reason, count in reasons.items())
    return f"0/{nodes} nodes are available: {', '.join(said)}." if said else "no nodes available to schedule pods"


def _free_cpu(node: Node, pods: Iterable[Request]) -> float:
    return node.cpu - sum(pod.cpu for pod in pods)


def _obstacles(request: Request, node: Node, pods: Sequence[Request]) -> list[str]:
    if node.taints:
        # The scheduler looks at resources only where taints let the pod in.
        return [f"node(s) had taint {{{node.taints[0]}}}, that the pod didn't tolerate"]
    found = []
    if len(pods) >= node.pods:
        found.append("Too many pods")
    if request.cpu > _free_cpu(node, pods) + _EXACT:
        found.append("Insufficient cpu")
    if request.memory_gib > node.memory_gib - sum(pod.memory_gib for pod in pods) + _EXACT:
        found.append("Insufficient memory")
    if request.gpu and request.gpu > node.gpu - sum(pod.gpu for pod in pods):
        found.append("Insufficient nvidia.com/gpu")
    return found
