"""The container stage: the real inference server runs the user's script, under the limits of the deployment."""

from amlwidgets.sandbox.run.backoff import QUICK, REAL, Backoff
from amlwidgets.sandbox.run.runtime import ProcessRuntime

__all__ = ["QUICK", "REAL", "Backoff", "ProcessRuntime"]
