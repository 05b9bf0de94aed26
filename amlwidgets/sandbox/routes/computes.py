"""Computes of a workspace: Kubernetes clusters, attached or made (azureml-core-wire.md, section 5, AKS compute)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from amlwidgets.core import machines
from amlwidgets.sandbox import services, shapes
from amlwidgets.sandbox.api import NOT_FOUND, SCOPE, ApiError, Call, Routes, json_response
from amlwidgets.sandbox.cluster.clusters import DEV_TEST, FAST_PROD, Clusters, resource_id
from amlwidgets.sandbox.cluster.service import is_on_cluster
from amlwidgets.sandbox.identity import REGION

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
_COMPUTES = SCOPE + "/computes"
_READS = "/rp/workspaces" + _COMPUTES
_DEFAULT_NODES = {FAST_PROD: 3, DEV_TEST: 1}


def _clusters(call: Call) -> Clusters:
    return call.app.lifecycle.fleet.clusters


def _found(call: Call) -> dict[str, Any]:
    compute = _clusters(call).compute(call.scope, call["name"])
    if compute is None:
        text = f"Compute with name {call['name']} was not found in workspace {call['workspace']}."
        raise ApiError(NOT_FOUND, "ComputeNotFound", text)
    return compute


def _view(call: Call, compute: dict[str, Any]) -> dict[str, Any]:
    cluster = compute["cluster"] or {}
    inner = {
        "agentVmSize": cluster.get("size"),
        "agentCount": cluster.get("count"),
        "clusterPurpose": compute["purpose"],
        "clusterFqdn": f"{cluster.get('name')}.hcp.{REGION}.azmk8s.io",
        "systemServices": [
            {"systemServiceType": "ScoringFrontEnd", "version": "1", "publicIpAddress": cluster.get("address")}
        ],
        "sslConfiguration": None,
        "loadBalancerType": "PublicIp",
        "loadBalancerSubnet": None,
    }
    return {
        "id": f"{call.scope_path}/computes/{compute['name']}",
        "name": compute["name"],
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": REGION,
        "tags": None,
        "properties": {
            "computeType": "AKS",
            "computeLocation": REGION,
            "description": None,
            "createdOn": compute["created"],
            "modifiedOn": compute["modified"],
            "resourceId": compute["clusterId"],
            "isAttachedCompute": compute["attached"],
            "provisioningState": "Succeeded" if cluster else "Failed",
            "provisioningErrors": None
            if cluster
            else [{"error": {"code": "NotFound", "message": "The cluster is gone."}}],
            "properties": inner,
        },
    }


@ROUTES.add("GET", _READS)
@ROUTES.add("GET", _COMPUTES)
def list_computes(call: Call) -> Response:
    """List the computes of a workspace."""
    return json_response({"value": [_view(call, compute) for compute in _clusters(call).computes(call.scope)]})


@ROUTES.add("GET", _READS + "/{name}")
@ROUTES.add("GET", _COMPUTES + "/{name}")
def get_compute(call: Call) -> Response:
    """Return one compute."""
    return json_response(_view(call, _found(call)))


@ROUTES.add("PUT", _COMPUTES + "/{name}")
def put_compute(call: Call) -> Response:
    """Attach an existing cluster, or make one of new nodes."""
    body = call.document()
    shapes.check(body, shapes.COMPUTE)
    properties = body.get("properties") or {}
    inner = properties.get("properties") or {}
    if properties.get("computeType") != "AKS":
        what = f"PUT computes with computeType {properties.get('computeType')}"
        raise ApiError(501, "NotImplementedInSandbox", f"The sandbox does not implement {what}; it has AKS.")
    _refuse_unknown(inner)
    purpose = inner.get("clusterPurpose") or FAST_PROD
    attached = bool(properties.get("resourceId"))
    cluster = _existing(call, str(properties["resourceId"])) if attached else _made(call, inner, purpose)
    try:
        _clusters(call).attach(call.scope, call["name"], cluster, purpose, attached=attached)
    except ApiError:
        if not attached:
            _clusters(call).remove(cluster["id"])
        raise
    return _accepted(call, _view(call, _found(call)))


def _refuse_unknown(inner: dict[str, Any]) -> None:
    tls = (inner.get("sslConfiguration") or {}).get("status") not in (None, "Disabled")
    balancer = inner.get("loadBalancerType") not in (None, "", "PublicIp")
    asked = {"sslConfiguration": tls, "loadBalancerType": balancer, "aksNetworkingConfiguration": False}
    network = inner.get("aksNetworkingConfiguration") or {}
    asked["aksNetworkingConfiguration"] = any(network.values())
    refused = ", ".join(name for name, given in asked.items() if given)
    if refused:
        raise ApiError(501, "NotImplementedInSandbox", f"The sandbox does not implement PUT computes with {refused}.")


def _existing(call: Call, identifier: str) -> dict[str, Any]:
    _clusters(call).computes(call.scope)  # the first look makes the clusters that every workspace has
    cluster = _clusters(call).find(identifier)
    if cluster is None:
        known = ", ".join(sorted(c["name"] for c in _clusters(call).all()))
        text = (
            f"The Resource '{identifier}' was not found. Clusters of the sandbox: {known}. "
            "`amlwidgets sandbox cluster NAME --nodes 3` makes another."
        )
        raise ApiError(NOT_FOUND, "ResourceNotFound", text)
    return cluster


def _made(call: Call, inner: dict[str, Any], purpose: str) -> dict[str, Any]:
    earlier = _clusters(call).compute(call.scope, call["name"])
    name = earlier["cluster"]["name"] if earlier and earlier["cluster"] else f"{call['name']}{uuid.uuid4().hex[:8]}"
    identifier = resource_id(call["subscription"], call["group"], name)
    count = inner.get("agentCount") or _DEFAULT_NODES.get(purpose, 1)
    return _clusters(call).make(identifier, str(inner.get("agentVmSize") or machines.DEFAULT), int(count))


def _accepted(call: Call, body: dict[str, Any]) -> Response:
    where = f"https://{call.request.authority}{call.scope_path}/computeOperationsStatus/{uuid.uuid4()}"
    return json_response(body, status=202, headers=[("Azure-AsyncOperation", where)])


@ROUTES.add("GET", SCOPE + "/computeOperationsStatus/{id}")
def operation(_call: Call) -> Response:
    """Say how an operation on a compute stands: declared nodes need no time."""
    return json_response({"status": "Succeeded"})


@ROUTES.add("DELETE", _COMPUTES + "/{name}")
def delete_compute(call: Call) -> Response:
    """Detach a cluster, or delete one that was made for the workspace."""
    compute = _found(call)
    users = [
        s["name"]
        for s in call.app.store.all(services.KIND, call.scope)
        if is_on_cluster(s) and s["computeName"] == call["name"]
    ]
    if users:
        text = f"Compute {call['name']} is used by the services {', '.join(sorted(users))}. Delete them first."
        raise ApiError(409, "Conflict", text)
    delete = call.query("underlyingResourceAction").lower() == "delete"
    if delete and compute["attached"]:
        text = f"The cluster of compute {call['name']} was attached, not made here: it can only be detached."
        raise ApiError(400, "BadRequest", text)
    _clusters(call).detach(call.scope, call["name"])
    if delete:
        _clusters(call).remove(compute["clusterId"])
    return _accepted(call, {})


@ROUTES.add("POST", _COMPUTES + "/{name}/listKeys")
def credentials(call: Call) -> Response:
    """Refuse: there is no Kubernetes behind the sandbox's clusters whose keys could be given."""
    _found(call)
    raise ApiError(
        501,
        "NotImplementedInSandbox",
        "The sandbox does not implement credentials of clusters: there is no Kubernetes API.",
    )
