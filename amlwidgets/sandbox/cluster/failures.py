"""The errors of a failed deployment to a cluster, in the shape that Azure gives them, from what really happened.

Sources: the troubleshooting guides, which quote the scheduler's; users' reports (failures.md:
container-cannot-be-scheduled, kubernetes-deployment-failed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlwidgets.sandbox.protocols import ContainerStatus


def unschedulable(verdict: str, replicas: int) -> dict[str, Any]:
    """Return the error of pods that found no node in five minutes.

    Args:
        verdict: The scheduler's words.
        replicas: How many replicas found no node.
    """
    text = (
        "Couldn't Schedule because the kubernetes cluster didn't have available resources after trying for 00:05:00.\n"
        f"{verdict}\n"
        "You can address this error by either adding more nodes, changing the SKU of your nodes or changing the "
        "resource requirements of your service.\n"
        f"Replicas without a node: {replicas}."
    )
    return _error(text, "Unschedulable")


def crashed(name: str, image: str, status: ContainerStatus, memory_gb: float) -> dict[str, Any]:
    """Return the error of a replica that cannot stay up.

    Args:
        name: The service.
        image: Its image.
        status: What the runtime knows of the replica.
        memory_gb: Its memory limit.
    """
    killed = status.oom_kills and status.state != "Ready"
    why = (
        f"Its processes were killed {status.oom_kills} times at the memory limit of {memory_gb:g} GB (OOMKilled)."
        if killed
        else "This may be caused by errors in your scoring file's init() function."
    )
    code = "OOMKilled" if killed else status.reason or "CrashLoopBackOff"
    text = (
        f"Your container application crashed. {why}\n"
        f"Please check the logs for your container instance: {name}. From the AML SDK, you can run "
        "print(service.get_logs()) if you have service object to fetch the logs. Please refer to "
        "https://aka.ms/debugimage#dockerlog for more information.\n"
        f"You can also try to run image {image} locally. Please refer to "
        "https://aka.ms/debugimage#service-launch-fails for more information.\n"
        f"Restarts: {status.restarts}, last exit code: {status.exit_code}."
    )
    return _error(text, code)


def not_started(text: str) -> dict[str, Any]:
    """Return the error of a deployment that could not begin."""
    return _error(text, "DeploymentFailed")


def _error(text: str, code: str) -> dict[str, Any]:
    message = f"Kubernetes Deployment failed with exception: {text}"
    details = [{"code": code, "message": text}]
    return {"code": "KubernetesDeploymentFailed", "statusCode": 400, "message": message, "details": details}
