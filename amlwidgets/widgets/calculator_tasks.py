"""What the calculator does beside calculating: measure the service, change it, try a grid of settings."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import traitlets as t

from amlwidgets.capacity.prediction import SEEDS, predict
from amlwidgets.capacity.settings import settings_from
from amlwidgets.capacity.sweeping import sweep, vary
from amlwidgets.capacity.traffic import Trace
from amlwidgets.errors import BadInput
from amlwidgets.services import azureml, scaling
from amlwidgets.services.measure import LoadPlan, Measurement, is_here
from amlwidgets.widgets import calculator_state as state
from amlwidgets.widgets import chart_figures as charts
from amlwidgets.widgets.base import request
from amlwidgets.widgets.chart import PlotlyHost

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.capacity.prediction import Prediction
    from amlwidgets.capacity.settings import Settings
    from amlwidgets.services.measure import Measured

_KEPT_SAMPLES = 2_000
REAL_LOAD = " The service is no sandbox: an autoscaler may start replicas for this load, which may cost."


class CalculatorTasks(PlotlyHost):
    """Work that takes its time, one at a time, on a thread of its own."""

    task = t.Dict().tag(sync=True)
    """What runs or ran last: ``name``, ``running``, ``progress`` (0 to 1), ``words``, ``title``, ``values`` to use."""

    _now: Prediction
    _samples: tuple[float, ...]
    _trace: Trace | None
    _nodes: list[tuple[float, float]] | None = None

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._service: Any = None
        self._measurement: Measurement | None = None
        self._measured: Measured | None = None
        self._task_figure: dict[str, Any] | None = None
        self._stop = threading.Event()

    def _begin(self, name: str, title: str, work: Callable[[], None]) -> None:
        """Run ``work``; what it raises is shown.

        Raises:
            BadInput: Something runs already.
        """
        if self.task.get("running"):
            raise BadInput("Something runs already.", code="busy", todo="Stop it, or wait for its end.")
        self.problem = {}
        self._stop.clear()
        self._task_figure = None
        self.task = {"name": name, "running": True, "progress": 0.0, "title": title, "words": []}

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - shown in the widget
                self.show_problem(error)
            self.task = {**self.task, "running": False}

        threading.Thread(target=run, name=f"amlwidgets-{name}", daemon=True).start()

    def _progress(self, value: float) -> None:
        if value - self.task["progress"] >= 0.02 or value >= 1:  # noqa: PLR2004 - few messages
            self.task = {**self.task, "progress": round(value, 3)}

    def _done(
        self,
        title: str,
        words: list[str],
        figure: dict[str, Any] | None = None,
        values: dict[str, float] | None = None,
    ) -> None:
        self._task_figure = figure
        self.task = {**self.task, "title": title, "words": words, "progress": 1.0, "values": values or {}}

    @request
    def task_figure(self) -> dict[str, Any]:
        """Return the chart of the task that ran last."""
        return {"figure": self._task_figure}

    @request
    def stop(self) -> None:
        """Stop what runs."""
        self._stop.set()
        if self._measurement is not None:
            self._measurement.stop()

    # ---- measuring -----------------------------------------------------------------------------------

    @request
    def measure(
        self, rate: float, seconds: float, concurrent: int, body: str, address: str = "", *, confirmed: bool = False
    ) -> dict[str, str] | None:
        """Send a bounded load to the service; asks first, with the numbers."""
        target, headers = self._target(address)
        plan = LoadPlan(target, float(rate), float(seconds), int(concurrent), body)
        plan.check()
        if not confirmed:
            real = "" if azureml.in_sandbox() or is_here(target) else REAL_LOAD
            return {"confirm": plan.words() + real}
        measurement = Measurement(plan, headers, self._progress)
        self._begin("measure", "Measuring …", lambda: self._measure(measurement))
        return None

    def _target(self, address: str) -> tuple[str, dict[str, str]]:
        if self._service is not None:
            return scaling.scoring_target(self._service)
        if not address:
            raise BadInput(
                "Which service?", code="measure-what", todo="Give its scoring address, or %aml replicas SERVICE."
            )
        return address, {"Content-Type": "application/json"}

    def _measure(self, measurement: Measurement) -> None:
        self._measurement = measurement
        measurement.start()
        try:
            seen = measurement.result()
        finally:
            self._measurement = None
        self._measured = seen
        predicted = self._take_over(seen)
        figure = charts.measured(seen, predicted) if predicted else None
        self._done("Predicted against measured", state.measured_words(seen, predicted), figure)
        self.send({"kind": "state", "state": self._state()})

    def _take_over(self, seen: Measured) -> Prediction | None:
        """Fill in what was measured; returns what the model says of the very load that was sent."""
        values: dict[str, Any] = {}
        if seen.seconds.value:
            self._samples = seen.samples[:_KEPT_SAMPLES]
            values |= {"seconds": round(max(seen.seconds.value, 0.001), 4), "variability": "measured"}
        if seen.start_seconds.value:
            values["start_seconds"] = round(seen.start_seconds.value, 1)
        at_work = seen.at_work.value
        if at_work and at_work < self._now.settings.slots:
            values["min_replicas"] = max(round(at_work / self._now.settings.per_container), 1)
        wanted = settings_from(values, self._now.settings)
        self._settle(wanted)
        if not seen.answers:
            return None
        load = Trace(tuple(a.sent for a in seen.answers), (), "the load that was sent")
        return predict(replace(wanted, traffic="trace"), trace=load, samples=self._samples)

    # ---- changing the service --------------------------------------------------------------------------

    @request
    def apply(self, *, confirmed: bool = False) -> dict[str, str] | None:
        """Give the service the settings that are shown; asks first."""
        service, settings = self._service, self._now.settings
        if service is None:
            raise BadInput("There is no service to change.", code="apply-what", todo="Say %aml replicas SERVICE.")
        if said := scaling.traps(scaling.update_values(settings)):
            raise BadInput(said[0], code="scaling-trap")
        if not confirmed:
            pending = scaling.traps(scaling.deploy_values(settings), self._nodes)
            cost = "" if azureml.in_sandbox() else " More replicas may cost more."
            return {
                "confirm": f"This updates {service.name}: {settings.min_replicas} to {settings.max_replicas} replicas "
                f"at {settings.target:g} %. Requests go on meanwhile.{cost}" + "".join(f" {one}" for one in pending)
            }
        self._begin("apply", f"Updating {service.name} …", lambda: self._apply(service, settings))
        return None

    def _apply(self, service: Any, settings: Settings) -> None:
        told = scaling.update(service, settings)
        self._done(f"{service.name} has the settings: {told}", [])

    # ---- a grid of settings ----------------------------------------------------------------------------

    @request
    def sweep(self) -> None:
        """Simulate a grid around the settings, in parallel."""
        base = self._now.settings
        self._begin("sweep", "Trying settings …", lambda: self._sweep(base))

    def _sweep(self, base: Settings) -> None:
        found = sweep(
            base,
            trace=self._trace,
            seeds=SEEDS,
            cancel=self._stop,
            progress=lambda n, all_: self._progress(n / all_),
            choices=vary(base),
        )
        best, words = found.best, [f"{len(found.points)} settings tried{', then stopped' if found.cancelled else ''}."]
        if best is None:
            words.append(
                f"None keeps refused requests within {base.most_refused:g} %: raise the maximum, or accept more."
            )
            self._done("No settings of the grid keep your limits", words, charts.sweep_map(found))
            return
        self._done(f"Best: {state.named(best.values)}", words, charts.sweep_map(found), best.values)

    def _settle(self, settings: Settings) -> None:
        raise NotImplementedError

    def _state(self) -> dict[str, Any]:
        raise NotImplementedError
