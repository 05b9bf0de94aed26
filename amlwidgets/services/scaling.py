"""Settings of the calculator as code to paste, as YAML, as a call; and a service's settings as those of the calculator.

The values are computed once, so that what is shown and what is called cannot differ.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from amlwidgets.core import machines
from amlwidgets.core.names import SERVICE
from amlwidgets.errors import BadInput, NotConnected, ServiceFailed

if TYPE_CHECKING:
    from amlwidgets.capacity.settings import Settings

SIDECAR_CORES, SIDECAR_GB = 0.1, 0.6
"""What the router's and the monitor's containers ask for beside each replica (autoscaling.md, section 6)."""

DEFAULT_MAX, MOST_TIMEOUT_MS = 10, 300_000


def update_values(settings: Settings) -> dict[str, Any]:
    """Return the arguments of ``AksWebservice.update`` and ``deploy_configuration``.

    ``autoscale_enabled=True`` has to be there: the SDK refuses the other autoscale arguments without it.
    """
    return {
        "autoscale_enabled": True,
        "autoscale_min_replicas": settings.min_replicas,
        "autoscale_max_replicas": settings.max_replicas,
        "autoscale_target_utilization": round(settings.target),
        "replica_max_concurrent_requests": settings.per_container,
        "max_request_wait_time": round(settings.max_wait_seconds * 1000),
        "scoring_timeout_ms": round(settings.timeout_seconds * 1000),
    }


def deploy_values(settings: Settings) -> dict[str, Any]:
    """Return the arguments of ``AksWebservice.deploy_configuration``."""
    size = {"cpu_cores": settings.cores, "memory_gb": settings.memory_gb}
    return update_values(settings) | {name: value for name, value in size.items() if value}


def v1_code(settings: Settings, service: str = "") -> str:
    """Return azureml-core code: for a new deployment, or an update where there is a service."""
    if SERVICE.matches(service):
        head, call, values = f'service = AksWebservice(ws, "{service}")', "service.update(", update_values(settings)
    else:
        head, call, values = "", "config = AksWebservice.deploy_configuration(", deploy_values(settings)
    lines = ["from azureml.core.webservice import AksWebservice", head, call]
    lines += [f"    {name}={value}," for name, value in values.items()]
    return "\n".join(line for line in [*lines, ")"] if line)


def v2_yaml(settings: Settings) -> str:
    """Return the part of a Kubernetes online deployment's YAML that says how it scales."""
    return f"""\
# deployment.yml of a Kubernetes online endpoint
scale_settings:
  type: target_utilization
  min_instances: {settings.min_replicas}
  max_instances: {settings.max_replicas}          # 1 unless it is set: then nothing scales
  target_utilization_percentage: {round(settings.target)}
  polling_interval: 1
request_settings:
  request_timeout_ms: {round(settings.timeout_seconds * 1000)}
  max_concurrent_requests_per_instance: {settings.per_container}
  max_queue_wait_ms: {round(settings.max_wait_seconds * 1000)}"""


def managed_yaml(settings: Settings) -> str:
    """Return deployment YAML and autoscale rule of a managed online endpoint."""
    timeout = min(round(settings.timeout_seconds * 1000), 180_000)
    low = max(round(settings.target * 0.4), 1)
    return f"""\
# deployment.yml of a managed online endpoint; instances are machines
instance_count: {settings.min_replicas}
request_settings:
  request_timeout_ms: {timeout}
  max_concurrent_requests_per_instance: {settings.per_container}

# the rule belongs to Azure Monitor, not to the deployment
az monitor autoscale create --resource $DEPLOYMENT_ID --name scale --min-count {settings.min_replicas} \\
    --max-count {settings.max_replicas} --count {settings.min_replicas}
az monitor autoscale rule create --autoscale-name scale --scale out 1 \\
    --condition "CpuUtilizationPercentage > {round(settings.target)} avg 5m"
az monitor autoscale rule create --autoscale-name scale --scale in 1 \\
    --condition "CpuUtilizationPercentage < {low} avg 5m\""""


def code_of(settings: Settings, service: str = "") -> dict[str, str]:
    """Return all ways to use the settings, the fitting one first."""
    ways = {
        "v1": ("SDK v1", v1_code(settings, service)),
        "v2": ("Kubernetes, v2", v2_yaml(settings)),
        "managed": ("Managed, v2", managed_yaml(settings)),
    }
    order = sorted(ways, key=lambda kind: kind != settings.kind)
    return {ways[kind][0]: ways[kind][1] for kind in order}


# -- traps


def traps(values: dict[str, Any], nodes: list[tuple[float, float]] | None = None) -> list[str]:
    """Return what azureml-core refuses, or takes and then does otherwise than one thinks.

    Args:
        values: Arguments of ``deploy_configuration`` or ``update``.
        nodes: Free cores and GB of each node, where they are known.
    """
    least, most = values.get("autoscale_min_replicas"), values.get("autoscale_max_replicas")
    target = values.get("autoscale_target_utilization")
    scaled = [name for name in values if name.startswith("autoscale_") and name != "autoscale_enabled"]
    said = []
    if scaled and not values.get("autoscale_enabled"):
        said.append(f"{scaled[0]} needs autoscale_enabled=True beside it: the SDK refuses it otherwise.")
    if values.get("autoscale_enabled") and values.get("num_replicas"):
        said.append("num_replicas and autoscale_enabled=True exclude each other.")
    if values.get("autoscale_enabled") is False and not values.get("num_replicas"):
        said.append("autoscale_enabled=False needs num_replicas.")
    if least and least > (most or DEFAULT_MAX):
        cause = f"is {most}" if most else "stays at its default of 10"
        said.append(f"autoscale_min_replicas is {least}, but autoscale_max_replicas {cause}: raise the maximum too.")
    if target is not None and not 0 < target <= 100:  # noqa: PLR2004 - percent
        said.append(f"A target of {target} % is taken by the SDK, but means nothing: say 1 to 100.")
    if values.get("scoring_timeout_ms", 0) > MOST_TIMEOUT_MS:
        said.append("scoring_timeout_ms can be 300000 at most.")
    if nodes is not None and most:
        room = most_pods(nodes, values.get("cpu_cores") or 0.1, values.get("memory_gb") or 0.5)
        if most > room:
            said.append(
                f"The cluster's nodes hold {room} replicas of this size: of {most}, the other {most - room} would stay "
                "pending. Add nodes, or ask for less."
            )
    return said


def nodes_of(service: Any) -> list[tuple[float, float]] | None:
    """Return the cores and GB that pods may have on each node of a service's cluster; None where it cannot be told."""
    from azureml.core.compute import AksCompute
    from azureml.exceptions import AzureMLException

    try:
        cluster = AksCompute(service.workspace, service.compute_name)
    except (AzureMLException, AttributeError, TypeError):
        return None
    size = machines.find(str(cluster.agent_vm_size or ""))
    return [machines.allocatable(size)] * cluster.agent_count if size and cluster.agent_count else None


def most_pods(nodes: list[tuple[float, float]], cores: float, memory_gb: float) -> int:
    """Return how many replicas nodes hold, side-cars included.

    Args:
        nodes: Free cores and GB of each.
        cores: ``cpu_cores`` of a replica.
        memory_gb: ``memory_gb`` of a replica.
    """
    each, size = cores + SIDECAR_CORES, memory_gb + SIDECAR_GB
    return sum(math.floor(min(free / each + 1e-9, gb / size + 1e-9)) for free, gb in nodes)


# -- a service's own settings


def settings_of(service: Any) -> dict[str, Any]:
    """Return the settings that an AKS web service has, as those of the calculator; what it does not tell is left out.

    Raises:
        BadInput: It is no AKS web service.
    """
    if not hasattr(service, "autoscaler"):
        kind = type(service).__name__
        raise BadInput(
            f"A {kind} has no replicas to plan.",
            code="no-replicas",
            todo="Services on AKS have a router and an autoscaler.",
        )
    found: dict[str, Any] = {}
    scaler = service.autoscaler
    if scaler is not None and getattr(scaler, "autoscale_enabled", False):
        _take(found, "min_replicas", scaler.min_replicas)
        _take(found, "max_replicas", scaler.max_replicas)
        _take(found, "target", scaler.target_utilization)
    elif service.num_replicas:
        found |= {"min_replicas": service.num_replicas, "max_replicas": service.num_replicas}
    _take(found, "per_container", service.max_concurrent_requests_per_container)
    _take(found, "timeout_seconds", service.scoring_timeout_ms, 1000)
    _take(found, "max_wait_seconds", service.max_request_wait_time, 1000)
    wants = service.container_resource_requirements
    if wants is not None:
        _take(found, "cores", wants.cpu)
        _take(found, "memory_gb", wants.memory_in_gb)
    return found


def _take(found: dict[str, Any], name: str, value: Any, divisor: float = 1) -> None:
    if value:
        found[name] = value / divisor if divisor != 1 else value


def update(service: Any, settings: Settings) -> str:
    """Give a service the settings and wait; returns its state.

    Raises:
        BadInput: The settings would be refused.
        ServiceFailed: Azure refused them; the message says why.
    """
    from azureml.exceptions import WebserviceException

    values = update_values(settings)
    if said := traps(values):
        raise BadInput(said[0], code="scaling-trap")
    try:
        service.update(**values)
        service.wait_for_deployment()
        service.update_deployment_state()
    except WebserviceException as error:
        raise ServiceFailed(f"The service refused the settings: {error.message}", code="update-failed") from error
    return str(service.state)


def scoring_target(service: Any) -> tuple[str, dict[str, str]]:
    """Return the address of a service and the headers that open it.

    Raises:
        NotConnected: It has no address yet.
    """
    address = getattr(service, "scoring_uri", None)
    if not address:
        raise NotConnected("The service has no scoring address.", code="no-address", todo="Wait until it is healthy.")
    headers = {"Content-Type": "application/json"}
    if getattr(service, "auth_enabled", False):
        headers["Authorization"] = f"Bearer {service.get_keys()[0]}"
    elif getattr(service, "token_auth_enabled", False):
        headers["Authorization"] = f"Bearer {service.get_token()[0]}"
    return str(address), headers
