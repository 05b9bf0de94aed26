"""What fits on which node, and the scheduler's words when nothing does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.core import machines
from amlwidgets.sandbox.cluster.scheduler import Node, Request, Unschedulable, capacity, place, pod_request

NODES = [Node("a", 2.0, 4.0), Node("b", 4.0, 8.0), Node("c", 4.0, 8.0, gpu=1)]


def verdict(request, nodes, used=None):
    with pytest.raises(Unschedulable) as caught:
        place(request, nodes, used or {})
    return str(caught.value)


def test_the_emptiest_node_is_taken():
    assert place(Request(1, 1), NODES, {"b": [Request(1, 1)]}) == "c"
    assert place(Request(1, 1, gpu=1), NODES, {}) == "c"


def test_every_node_says_everything_that_it_lacks():
    # The scheduler sorts what it says as text, counts first.
    assert verdict(Request(3, 5), NODES[:1]) == "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory."
    said = verdict(Request(3, 9), NODES)
    assert said == "0/3 nodes are available: 1 Insufficient cpu, 3 Insufficient memory."
    assert verdict(Request(1, 1, gpu=2), NODES) == "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def test_pod_limit_and_taints():
    full = [Node("a", 64, 64, pods=2), Node("b", 64, 64, taints=("sku: gpu",))]
    said = verdict(Request(0.1, 0.1), full, {"a": [Request(0.1, 0.1)] * 2})
    assert said == (
        "0/2 nodes are available: 1 Too many pods, 1 node(s) had taint {sku: gpu}, that the pod didn't tolerate."
    )


def test_a_cluster_without_nodes_says_so():
    assert verdict(Request(1, 1), []) == "no nodes available to schedule pods"


def test_tenths_of_cores_fill_a_node_exactly():
    assert capacity(Request(0.1, 0.1), [Node("a", 1.0, 100.0)], {}) == 10


def test_a_pod_asks_for_its_side_cars_too():
    assert pod_request({"cpu": 1, "memoryInGB": 2}) == Request(1.1, 2.6)
    assert pod_request({}) == Request(0.2, 1.1)


@given(st.floats(0.1, 8), st.floats(0.1, 16), st.integers(0, 2))
def test_capacity_is_how_often_a_pod_can_be_placed(cpu, memory, gpu):
    request, used = Request(cpu, memory, gpu), {}
    for _ in range(capacity(request, NODES, {})):
        used.setdefault(place(request, NODES, used), []).append(request)
    assert verdict(request, NODES, used).startswith("0/3 nodes are available: ")


def test_users_get_less_of_a_node_than_its_size():
    for name, size in machines.SIZES.items():
        cpu, memory = machines.allocatable(size)
        assert 0 < cpu < size.cpu, name
        assert 0 < memory < size.memory_gib, name
    # The example of AKS's own page: a node of 2 cores and 7 GiB keeps 100 millicores and 1.6 + 0.75 GiB.
    assert machines.allocatable(machines.Size(2, 7)) == (
        pytest.approx(2 - 0.1 - machines.SYSTEM_CPU),
        pytest.approx(7 - 1.6 - 0.75 - machines.SYSTEM_GIB),
    )
