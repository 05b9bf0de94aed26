"""The errors of a failed deployment, in the shape that Azure gives them, from what really happened.

Source of the shapes: error texts that users published (deployment.md section 1.4, and the corpus beside it).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlwidgets.sandbox.protocols import ContainerStatus

_HELP = "https://docs.microsoft.com/azure/machine-learning/how-to-debug-visual-studio-code#debug-and-troubleshoot-deployments"
_TERMINATED_BY_KILL = 137


def build_failed(name: str, reason: str, log: str) -> dict[str, Any]:
    """Return the error of an environment that could not be built."""
    message = f"Image building failed for environment {name}. {reason}\nThe build log is available here: {log}"
    return {
        "code": "EnvironmentBuildFailed",
        "statusCode": 400,
        "message": message,
        "details": [{"code": "ImageBuildFailure", "message": reason}],
    }


def timed_out() -> dict[str, Any]:
    """Return the error of a container that neither answered nor crashed in time."""
    return {
        "code": "DeploymentTimedOut",
        "statusCode": 504,
        "message": "The deployment operation polling has TimedOut. The service creation is taking longer than our "
        "normal time. We are still trying to achieve the desired state for the web service. Please check the "
        "webservice state for the current webservice health. You can run print(service.state) from the python SDK "
        "to retrieve the current state of the webservice.",
    }


def dns_label_taken(label: str, name: str) -> dict[str, Any]:
    """Return the error of a DNS label that another service has."""
    text = f"The DNS name label '{label}' in container group '{name}' not available."
    details = [{"code": "DnsNameLabelNotAvailable", "message": text}]
    return _aci(f"Aci Deployment failed with exception: {text}", details)


def deployment_failed(text: str) -> dict[str, Any]:
    """Return the error of a deployment that could not begin."""
    message = f"Aci Deployment failed with exception: {text}"
    return _aci(message, [{"code": "DeploymentFailed", "message": text}])


def container_crashed(name: str, image: str, status: ContainerStatus, memory_gb: float) -> dict[str, Any]:
    """Return the error of a container that cannot stay up.

    Args:
        name: The service.
        image: Its image.
        status: What the runtime knows of the container.
        memory_gb: Its memory limit.
    """
    text = (
        f"Your container application crashed. {_reason(status, memory_gb)}\n"
        f"1. Please check the logs for your container instance: {name}. From the AML SDK, you can run "
        "print(service.get_logs()) if you have service object to fetch the logs.\n"
        f"2. You can interactively debug your scoring file locally. Please refer to {_HELP} for more information.\n"
        f"3. You can also try to run image {image} locally. Please refer to "
        "https://aka.ms/debugimage#service-launch-fails for more information.\n"
        "4. View the diagnostic events to check status of container, it may help you to debug the issue.\n"
        + instance_view(status, memory_gb)
    )
    code = status.reason or "CrashLoopBackOff"
    return _aci(f"Aci Deployment failed with exception: {text}", [{"code": code, "message": text}])


def _reason(status: ContainerStatus, memory_gb: float) -> str:
    if not status.oom_kills:
        return "This may be caused by errors in your scoring file's init() function."
    again = "" if status.restarts else "; the server in it started them again, so the container was not restarted"
    return f"Its processes were killed {status.oom_kills} times at the memory limit of {memory_gb:g} GB{again}."


def instance_view(status: ContainerStatus, memory_gb: float) -> str:
    """Return the lines that a container group's instance view has, computed from ``status``."""
    parts = [
        ("RestartCount", json.dumps(status.restarts)),
        ("CurrentState", _compact(_current(status))),
        ("PreviousState", _compact(_previous(status))),
    ]
    lines = [f'"{name}": {value}' for name, value in parts]
    events = [_compact(event) for event in _events(status, memory_gb)]
    return "\n".join([*lines, '"Events":', *events])


def _current(status: ContainerStatus) -> dict[str, Any]:
    if status.state == "Waiting":
        return _state("Waiting", None, None, None, "CrashLoopBackOff: Back-off restarting failed")
    if status.state == "Terminated":
        return _state("Terminated", status.started_at, status.exit_code, status.finished_at, status.reason or "Error")
    return _state("Running", status.started_at, None, None, status.reason)


def _previous(status: ContainerStatus) -> dict[str, Any] | None:
    if status.exit_code is None:
        return None
    killed = status.exit_code == _TERMINATED_BY_KILL and status.oom_kills
    detail = "OOMKilled" if killed else "Completed" if status.exit_code == 0 else "Error"
    # While a new attempt runs, the start of the ended one is not known any more.
    started = status.started_at if status.state in ("Waiting", "Terminated") else None
    return _state("Terminated", started, status.exit_code, status.finished_at, detail)


def _events(status: ContainerStatus, memory_gb: float) -> list[dict[str, Any]]:
    last = _time(status.started_at)
    found = [{"count": status.restarts + 1, "lastTimestamp": last, "name": "Started", "message": "Started container"}]
    found[0]["type"] = "Normal"
    if status.oom_kills:
        peak = status.peak_memory_bytes / 1024**3
        message = f"Killed for memory: limit {memory_gb:g} GB, highest use {peak:.2f} GB"
        moment = _time(status.finished_at or status.started_at)
        found.append(
            {
                "count": status.oom_kills,
                "lastTimestamp": moment,
                "name": "OOMKilled",
                "message": message,
                "type": "Warning",
            }
        )
    return found


def _state(
    state: str, started: float | None, exit_code: int | None, finished: float | None, detail: str
) -> dict[str, Any]:
    return {
        "state": state,
        "startTime": _time(started),
        "exitCode": exit_code,
        "finishTime": _time(finished),
        "detailStatus": detail,
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _aci(message: str, details: list[dict[str, str]]) -> dict[str, Any]:
    return {"code": "AciDeploymentFailed", "statusCode": 400, "message": message, "details": details}
