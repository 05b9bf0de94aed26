"""How many replicas a service needs: the guides' formula, queueing theory, and a simulation of router and autoscaler.

Pure: numbers in, numbers out. ``replicas(...)`` and ``simulate(...)`` are the names that others build on.
"""

from amlwidgets.capacity.scenario import Autoscale, Scenario
from amlwidgets.capacity.simulator import Result, simulate
from amlwidgets.capacity.sizing import Sizing, replicas

__all__ = ["Autoscale", "Result", "Scenario", "Sizing", "replicas", "simulate"]
