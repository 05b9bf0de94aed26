"""The sandbox's own routes about clusters: which there are, what runs on them, what the router sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.core import machines
from amlwidgets.sandbox import services, shapes
from amlwidgets.sandbox.api import NOT_FOUND, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.cluster.clusters import resource_id
from amlwidgets.sandbox.cluster.replicas import ReplicaSet
from amlwidgets.sandbox.cluster.service import is_on_cluster
from amlwidgets.sandbox.identity import RESOURCE_GROUP, SUBSCRIPTION
from amlwidgets.sandbox.routes.control import guard
from amlwidgets.sandbox.workspaces import workspace_scopes

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()


@ROUTES.add("GET", "/sandbox/clusters", open_=True)
def list_clusters(call: Call) -> Response:
    """List clusters with their nodes, what is free on each, and the pods that run there."""
    guard(call)
    clusters = call.app.lifecycle.fleet.clusters
    for scope in workspace_scopes(call.app.store):
        clusters.computes(scope)  # the first look makes the clusters that every workspace has
    return json_response({"clusters": [_cluster(call, cluster) for cluster in clusters.all()]})


def _cluster(call: Call, cluster: dict[str, Any]) -> dict[str, Any]:
    clusters = call.app.lifecycle.fleet.clusters
    pods = clusters.pods(cluster["id"])
    nodes = [
        {
            "name": node.name,
            "cpu": node.cpu,
            "memory_gib": node.memory_gib,
            "gpu": node.gpu,
            "pods": sorted(pod for pod, where in pods.items() if where == node.name),
        }
        for node in clusters.nodes(cluster["id"])
    ]
    known = ("id", "name", "group", "size", "count", "address", "taints")
    return {key: cluster[key] for key in known} | {"computes": clusters.names_of(cluster["id"]), "nodes": nodes}


@ROUTES.add("POST", "/sandbox/clusters", open_=True)
def make_cluster(call: Call) -> Response:
    """Make a cluster that can be attached, or give one other nodes."""
    guard(call)
    body = call.document()
    shapes.check(body, shapes.CLUSTER)
    name = str(body.get("name") or "")
    identifier = resource_id(
        str(body.get("subscription") or SUBSCRIPTION), str(body.get("group") or RESOURCE_GROUP), name
    )
    count = body.get("nodes") or 1
    clusters = call.app.lifecycle.fleet.clusters
    taints = [str(taint) for taint in body.get("taints") or []]
    return json_response(
        _cluster(call, clusters.make(identifier, str(body.get("size") or machines.DEFAULT), count, taints))
    )


@ROUTES.add("POST", "/sandbox/services/{name}/delete", open_=True)
def delete(call: Call) -> Response:
    """Delete a service with its containers."""
    guard(call)
    wanted = call.query("workspace").lower()
    for scope, service in call.app.store.scoped(services.KIND):
        if service["name"] == call["name"] and wanted in ("", scope.rpartition("/")[2]):
            call.app.lifecycle.remove_service(scope, call["name"])
    return json_response({})


@ROUTES.add("GET", "/sandbox/services/{name}/replicas", open_=True)
def replicas(call: Call) -> Response:
    """Return a service's replicas, and what the router sees of it: requests at work and waiting, answers, history."""
    guard(call)
    for scope, service in call.app.store.scoped(services.KIND):
        wanted = call.query("workspace").lower()
        if (
            service["name"] == call["name"]
            and is_on_cluster(service)
            and scope.endswith(f"/{wanted}" if wanted else "")
        ):
            found = call.app.lifecycle.container(scope, service["name"])
            return json_response(
                {
                    "service": service["name"],
                    "wanted": found.wanted if isinstance(found, ReplicaSet) else 0,
                    "replicas": found.view() if isinstance(found, ReplicaSet) else [],
                    "router": call.app.lifecycle.fleet.snapshot(scope, service),
                    "address": f"http://127.0.0.1:{call.app.lifecycle.fleet.router.port}",
                }
            )
    raise ApiError(NOT_FOUND, "ServiceNotFound", f"No service {call['name']} runs on a cluster.")
