"""The replica calculator: sliders on a model, checked against a measured service, with settings ready to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets as t

from amlwidgets.capacity import compiled
from amlwidgets.capacity.advice import recommend
from amlwidgets.capacity.prediction import (
    FAST_FACTOR,
    FULL_REQUESTS,
    PREVIEW_BINS,
    PREVIEW_REQUESTS,
    SEEDS,
    Prediction,
    predict,
)
from amlwidgets.capacity.settings import KINDS, PRESETS, SHAPES, TRACE, VARIABILITY, Settings, schema, settings_from
from amlwidgets.capacity.traffic import Trace, parse_trace, read_trace
from amlwidgets.errors import BadInput
from amlwidgets.services import scaling
from amlwidgets.widgets import calculator_state as state
from amlwidgets.widgets.assets import packed, style
from amlwidgets.widgets.base import request
from amlwidgets.widgets.calculator_tasks import CalculatorTasks

if TYPE_CHECKING:
    import os

    from amlwidgets.services.measure import Measured

MOST_UNDO = 100
MOST_TRACE_TEXT = 20_000_000


class ReplicaCalculator(CalculatorTasks):
    """See how many requests a service will refuse, before paying for it.

    Args:
        service: An AKS web service of azureml-core; its settings are filled in, and it can be measured and changed.
        trace: Requests as they came: a file (CSV, or an access log of the inference server) or a ``Trace``.
        **settings: Values of ``amlwidgets.capacity.Settings``, such as ``rps=14, seconds=0.5``.

    Raises:
        BadInput: A name or value cannot be used; the message names it.

    Example:
        >>> ReplicaCalculator(rps=20, seconds=10, traffic="steady")  # doctest: +SKIP
    """

    _esm = packed("calculator")
    _css = style("chart", "calculator")

    fields: t.List[Any] = t.List().tag(sync=True)
    """What the form is made of: name, label, unit, range, default, help of each setting."""
    choices = t.Dict().tag(sync=True)
    """Words of the choices: kinds of service, shapes of traffic, how times vary, presets."""
    settings = t.Dict().tag(sync=True)
    """The settings that are shown."""
    shown = t.Dict().tag(sync=True)
    """Numbers, sentences, titles and code for them."""
    pictures = t.Dict().tag(sync=True)
    """A small static picture of each chart, for a notebook without a kernel."""
    head = t.Dict().tag(sync=True)
    """Service, and what can be done: undo, compare."""

    def __init__(
        self, service: Any = None, *, trace: Trace | str | os.PathLike[str] | None = None, **settings: Any
    ) -> None:
        own = scaling.settings_of(service) if service is not None else {}
        self._trace = trace if isinstance(trace, Trace) or trace is None else read_trace(trace)
        if self._trace is not None:
            own |= {"traffic": TRACE, "rps": round(self._trace.rps, 3)} | _measured_in(self._trace)
        wanted = settings_from(own | settings)
        self._samples: tuple[float, ...] = ()
        self._past: list[Settings] = []
        self._held: Prediction | None = None
        self._displayed = False
        super().__init__()
        self._service = service
        self._nodes = scaling.nodes_of(service) if service is not None else None
        # Numbers first; the other runs follow when somebody looks at more.
        self._now = predict(wanted, trace=self._trace, seeds=1, most_requests=PREVIEW_REQUESTS)
        with self.hold_sync():
            self.fields = schema()
            self.choices = {
                "kind": KINDS,
                "traffic": [*SHAPES, TRACE],
                "variability": VARIABILITY,
                "presets": list(PRESETS),
            }
            self._keep()

    # ---- for code ------------------------------------------------------------------------------------

    @property
    def prediction(self) -> Prediction:
        """What is shown, with all values."""
        return self._completed()

    @property
    def measured(self) -> Measured | None:
        """What was measured last."""
        return self._measured

    def change(self, **settings: Any) -> None:
        """Change settings, as the sliders do.

        Raises:
            BadInput: A name or value cannot be used; what is shown stays.
        """
        self._settle(settings_from(settings, self._now.settings))
        self.send({"kind": "state", "state": self._state()})

    def code(self, way: str = "SDK v1") -> str:
        """Return the code or YAML that uses the settings: ``SDK v1``, ``Kubernetes, v2``, ``Managed, v2``."""
        return scaling.code_of(self._now.settings, self._service_name)[way]

    # ---- requests of the view ------------------------------------------------------------------------

    @request
    def start(self) -> dict[str, Any]:
        """Return everything for a view that has just opened."""
        self._completed()
        return self._state()

    @request
    def warm(self) -> None:
        """Make the compiled simulator ready, where numba is there: asked when everything is drawn."""
        compiled.warm_later()

    @request
    def preview(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return a rough picture while a slider is dragged; nothing is kept."""
        wanted = settings_from(settings, self._now.settings)
        most = PREVIEW_REQUESTS * (FAST_FACTOR if compiled.is_warm() else 1)
        found = self._predict(wanted, seeds=1, most_requests=most, bins=PREVIEW_BINS)
        return self._drawn(found)

    @request
    def settle(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Take settings over; the first answer comes from fewer runs, ``refine`` brings the rest."""
        wanted = settings_from(settings, self._now.settings)
        self.problem = {}
        self._settle(wanted, seeds=_quick_seeds(wanted))
        return self._state()

    @request
    def refine(self) -> dict[str, Any]:
        """Return the picture with all runs."""
        self._completed()
        return self._state()

    @request
    def undo(self) -> dict[str, Any]:
        """Take the last change back."""
        if not self._past:
            raise BadInput("There is nothing to take back.", code="undo-empty")
        self._show(self._past.pop())
        return self._state()

    @request
    def preset(self, name: str) -> dict[str, Any]:
        """Show one of the prepared situations."""
        if name not in PRESETS:
            raise BadInput(f"There is no situation “{name}”.", code="preset-unknown")
        self._settle(settings_from(PRESETS[name]))
        return self._state()

    @request
    def hold(self, *, on: bool) -> dict[str, Any]:
        """Keep what is shown beside what comes, or let it go."""
        self._held = self._completed() if on else None
        self._keep()
        return self._state()

    @request
    def trace(self, text: str, name: str) -> dict[str, Any]:
        """Take a trace that was chosen in the browser."""
        if len(text) > MOST_TRACE_TEXT:
            raise BadInput(f"{name} is larger than 20 MB.", code="trace-long", todo="Give it by code: trace=PATH.")
        found = parse_trace(text, name)
        self._trace = found
        self.problem = {}
        self._settle(
            settings_from(
                {"traffic": TRACE, "rps": round(max(found.rps, 0.01), 3)} | _measured_in(found), self._now.settings
            )
        )
        return self._state()

    @request
    def recommend(self) -> dict[str, Any]:
        """Return settings that keep the limits, with the reasons."""
        found = recommend(self._now.settings, trace=self._trace, samples=self._samples, seeds=2)
        return state.recommended(found)

    # ---- drawing -------------------------------------------------------------------------------------

    def _predict(self, settings: Settings, *, seeds: int = SEEDS, **how: int) -> Prediction:
        if settings.traffic == TRACE and self._trace is None:
            raise BadInput("There is no trace yet.", code="trace-missing", todo="Choose a CSV or an access log below.")
        return predict(settings, trace=self._trace, samples=self._samples, seeds=seeds, **how)

    def _settle(self, settings: Settings, seeds: int = SEEDS) -> None:
        before = self._now.settings
        self._show(settings, seeds)
        if settings != before:
            self._past = [*self._past[-MOST_UNDO:], before]
            self._keep()

    def _show(self, settings: Settings, seeds: int = SEEDS) -> None:
        self._now = self._predict(settings, seeds=seeds)
        self._keep()

    def _completed(self) -> Prediction:
        """Return what is shown, with all runs."""
        if self._now.seeds < SEEDS:
            self._show(self._now.settings)
        return self._now

    def _drawn(self, found: Prediction) -> dict[str, Any]:
        return {
            "settings": found.settings.to_dict(),
            "shown": state.shown(found, self._held, self._service_name, self._nodes),
            "figures": state.figures(found, self._held),
        }

    def _state(self) -> dict[str, Any]:
        return self._drawn(self._now) | {"head": dict(self.head), "complete": self._now.seeds >= SEEDS}

    def _keep(self) -> None:
        """Keep what a saved notebook shows."""
        with self.hold_sync():
            self.settings = self._now.settings.to_dict()
            self.shown = state.shown(self._now, self._held, self._service_name, self._nodes)
            self.pictures = state.pictures(state.figures(self._now, self._held), self.shown["titles"])
            self.head = {
                "service": self._service_name,
                "undo": bool(self._past),
                "held": state.describe(self._held.settings) if self._held else "",
                "trace": self._trace.name if self._trace else "",
                "samples": len(self._samples),
            }
        if self._displayed:
            self.keep_static()

    @property
    def _service_name(self) -> str:
        return str(getattr(self._service, "name", "") or "")

    # ---- static form ---------------------------------------------------------------------------------

    def _beside_view(self) -> str:
        return f"Replica calculator: {state.describe(self._now.settings)}"

    def _ipython_display_(self, **keys: Any) -> None:
        super()._ipython_display_(**keys)
        self._displayed = True

    def to_text(self) -> str:
        """Return numbers, warnings and code."""
        self._completed()
        return state.text(self._now, self._service_name, self._nodes)

    def to_html(self) -> str:
        """Return the same with pictures, without scripts."""
        self._completed()
        return state.page(self._now, dict(self.pictures), self._service_name, self._nodes)


def _quick_seeds(settings: Settings) -> int:
    """Return how many runs answer at once."""
    expected = settings.top_rps * settings.minutes * 60
    return max(1, min(SEEDS, int(FULL_REQUESTS * (FAST_FACTOR if compiled.is_warm() else 1) / max(expected, 1))))


def _measured_in(trace: Trace) -> dict[str, Any]:
    if not trace.service_seconds:
        return {}
    mean = sum(trace.service_seconds) / len(trace.service_seconds)
    return {"seconds": max(round(mean, 4), 0.001), "variability": "measured"}
