"""How many replicas a service needs: the guides' formula, queueing theory, and a simulation of router and autoscaler.

Pure: numbers in, numbers out. ``replicas(...)`` and ``simulate(...)`` are the names that others build on; what needs
numpy loads when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from amlwidgets.capacity.results import Result
from amlwidgets.capacity.scenario import Autoscale, Scenario
from amlwidgets.capacity.simulator import simulate
from amlwidgets.capacity.sizing import Sizing, replicas

if TYPE_CHECKING:
    from amlwidgets.capacity.advice import Recommendation, recommend
    from amlwidgets.capacity.managed import ManagedScenario, MonitorRule, simulate_managed
    from amlwidgets.capacity.prediction import Prediction, predict
    from amlwidgets.capacity.settings import Settings
    from amlwidgets.capacity.sweeping import Sweep, sweep
    from amlwidgets.capacity.traffic import Trace, read_trace

_LATER = {
    "ManagedScenario": "managed",
    "MonitorRule": "managed",
    "Prediction": "prediction",
    "Recommendation": "advice",
    "Settings": "settings",
    "Sweep": "sweeping",
    "Trace": "traffic",
    "predict": "prediction",
    "read_trace": "traffic",
    "recommend": "advice",
    "simulate_managed": "managed",
    "sweep": "sweeping",
}

__all__ = [
    "Autoscale", "ManagedScenario", "MonitorRule", "Prediction", "Recommendation", "Result", "Scenario", "Settings",
    "Sizing", "Sweep", "Trace", "predict", "read_trace", "recommend", "replicas", "simulate",
    "simulate_managed", "sweep",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value
