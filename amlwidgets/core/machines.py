"""Virtual machine sizes of cluster nodes, and how much of a node pods may have.

Sources: Azure's lists of virtual machine sizes; "Resource reservations" in AKS's core concepts (what the kubelet
keeps for itself); the Azure ML documents on the router's own pods. Memory in GiB.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT = "Standard_D3_v2"

PODS_PER_NODE = 110
"""Pod limit of a node with kubenet networking; 30 with Azure CNI."""

EVICTION_GIB = 0.75
"""Memory that the kubelet keeps free before it evicts pods."""

SYSTEM_CPU, SYSTEM_GIB = 0.3, 0.4
"""What the cluster's own pods ask for on every node (kube-proxy, CNI, metrics, DNS): an assumption."""


@dataclass(frozen=True, slots=True)
class Size:
    """A virtual machine size.

    Attributes:
        cpu: Virtual cores.
        memory_gib: Memory.
        gpu: Graphics cards.
    """

    cpu: int
    memory_gib: float
    gpu: int = 0


SIZES = {
    "Standard_A2_v2": Size(2, 4),
    "Standard_B2s": Size(2, 4),
    "Standard_B4ms": Size(4, 16),
    "Standard_D2_v2": Size(2, 7),
    "Standard_D3_v2": Size(4, 14),
    "Standard_D4_v2": Size(8, 28),
    "Standard_D2s_v3": Size(2, 8),
    "Standard_D4s_v3": Size(4, 16),
    "Standard_D8s_v3": Size(8, 32),
    "Standard_DS2_v2": Size(2, 7),
    "Standard_DS3_v2": Size(4, 14),
    "Standard_E4s_v3": Size(4, 32),
    "Standard_F4s_v2": Size(4, 8),
    "Standard_F8s_v2": Size(8, 16),
    "Standard_NC6": Size(6, 56, 1),
    "Standard_NC6s_v3": Size(6, 112, 1),
    "Standard_NC12": Size(12, 112, 2),
}

# Cores kept by the kubelet, by the number of cores of the node.
_RESERVED_CPU = ((1, 0.06), (2, 0.1), (4, 0.14), (8, 0.18), (16, 0.26), (32, 0.42), (64, 0.74))
# Shares of memory kept by the kubelet: of the first 4 GiB, of the next 4, 8 and 112, and of the rest.
_RESERVED_MEMORY = ((4.0, 0.25), (4.0, 0.2), (8.0, 0.1), (112.0, 0.06), (float("inf"), 0.02))


def find(name: str) -> Size | None:
    """Return a size by its name, in any case; None when it is not known here."""
    wanted = name.lower()
    return next((size for known, size in SIZES.items() if known.lower() == wanted), None)


def allocatable(size: Size) -> tuple[float, float]:
    """Return the cores and the GiB that users' pods may have on a node of that size."""
    reserved = next((kept for cores, kept in _RESERVED_CPU if size.cpu <= cores), _RESERVED_CPU[-1][1])
    left, kept_memory = size.memory_gib, EVICTION_GIB
    for step, share in _RESERVED_MEMORY:
        kept_memory += min(left, step) * share
        left -= min(left, step)
    return round(size.cpu - reserved - SYSTEM_CPU, 3), round(size.memory_gib - kept_memory - SYSTEM_GIB, 3)
