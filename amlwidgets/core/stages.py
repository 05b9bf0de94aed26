"""The stages of a deployment and the states in which things can be.

Source of the Azure states: azureml-core 1.61 (``webservice.py``, ``image.py``) and its documentation.
"""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Stops of the stage rail, in order."""

    PREFLIGHT = "preflight"
    REGISTER = "register"
    IMAGE = "image"
    SCHEDULE = "schedule"
    START = "start"
    SCORE = "score"

    @property
    def label(self) -> str:
        """Name as shown on the rail."""
        return self.value.capitalize()


STAGES: tuple[Stage, ...] = tuple(Stage)


class StageState(StrEnum):
    """State of one stop of the rail."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in (StageState.DONE, StageState.FAILED, StageState.CANCELLED)


class ServiceState(StrEnum):
    """``Webservice.state`` as Azure ML reports it."""

    TRANSITIONING = "Transitioning"
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    FAILED = "Failed"
    UNSCHEDULABLE = "Unschedulable"
    DELETING = "Deleting"


class OperationState(StrEnum):
    """State of a long running operation of the model management service."""

    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    TIMED_OUT = "TimedOut"

    @property
    def ended(self) -> bool:
        """Whether the SDK stops polling in this state."""
        return self not in (OperationState.NOT_STARTED, OperationState.RUNNING)


class Target(StrEnum):
    """Where a service is deployed."""

    LOCAL = "Local"
    ACI = "ACI"
    AKS = "AKS"


class Generation(StrEnum):
    """Which of the SDK's two ways of deploying is used."""

    MODEL_DEPLOY = "Model.deploy"
    IMAGE_CREATE = "Image.create"
