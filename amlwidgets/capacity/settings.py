"""The settings of the calculator: one dataclass; sliders, arguments and docs are generated from its fields."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from amlwidgets.capacity.scenario import BUSY, BUSY_AND_QUEUED, Autoscale
from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = {"v1": "AKS web service (SDK v1)", "v2": "Kubernetes endpoint (SDK v2)", "managed": "Managed endpoint (SDK v2)"}
SHAPES = ("steady", "ramp", "step", "spike", "daily")
TRACE = "trace"
VARIABILITY = {"random": "random (exponential)", "constant": "always the same", "measured": "as measured"}


def _number(label: str, unit: str, least: float, most: float, default: float, help_: str, **more: Any) -> Any:
    """Return a field with what a slider needs; ``top`` is where the slider ends, ``most`` what a box takes."""
    about = {"label": label, "unit": unit, "least": least, "most": most, "help": help_, "step": 1, "log": False}
    return field(default=default, metadata=about | more)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is asked of the calculator. Units: seconds, requests per second, percent."""

    rps: float = _number(
        "Requests", "/s", 0.01, 20_000, 8.0, "Requests per second, usually", top=400, step=0.1, log=True
    )
    seconds: float = _number(
        "Time each", "s", 0.001, 600, 0.5, "Mean seconds that run() works on one request", top=30, step=0.01, log=True
    )
    per_container: int = _number(
        "Per container", "", 1, 64, 1, "replica_max_concurrent_requests: requests that a container takes at a time",
        top=8,
    )  # fmt: skip
    target: float = _number(
        "Target", "%", 1, 100, 70.0, "autoscale_target_utilization: share of replicas that may be busy"
    )
    min_replicas: int = _number("Replicas, min", "", 1, 1000, 4, "autoscale_min_replicas", top=60)
    max_replicas: int = _number("Replicas, max", "", 1, 1000, 20, "autoscale_max_replicas", top=100)
    start_seconds: float = _number(
        "Start takes", "s", 0, 3600, 30.0, "Until a new replica answers: image pull and init()", top=300
    )
    max_wait_seconds: float = _number(
        "Wait limit", "s", 0, 300, 0.5, "max_request_wait_time: then the router answers 503", top=5, step=0.1
    )
    timeout_seconds: float = _number(
        "Timeout", "s", 0.1, 300, 60.0, "scoring_timeout_ms: then the client gets 504", top=300, step=0.5
    )
    peak: float = _number(
        "Peak", "\N{MULTIPLICATION SIGN}", 1, 100, 3.0, "How much more at the peak than usually", top=6, step=0.1
    )
    minutes: float = _number("Duration", "min", 0.5, 1440, 5.0, "How long is simulated", top=60, step=0.5)
    traffic: str = field(default="step", metadata={"label": "Traffic", "choices": (*SHAPES, TRACE)})
    kind: str = field(default="v1", metadata={"label": "Service", "choices": tuple(KINDS)})
    variability: str = field(default="random", metadata={"label": "Times vary", "choices": tuple(VARIABILITY)})
    most_refused: float = _number(
        "503 at most", "%", 0.001, 50, 0.1, "Share of refused requests that you accept", top=5, step=0.01, log=True
    )
    most_p95: float = _number("p95 at most", "s", 0, 600, 0.0, "Longest 95 % answer that you accept; 0: any", top=30)
    cores: float = _number("Cores", "", 0, 128, 0.1, "cpu_cores of a replica", top=16, step=0.1)
    memory_gb: float = _number("Memory", "GB", 0, 1024, 0.5, "memory_gb of a replica", top=64, step=0.1)
    core_price: float = _number(
        "Core costs", "/h", 0, 1000, 0.0, "What one core costs you in an hour; 0: not told", top=1, step=0.001
    )
    gb_price: float = _number(
        "GB costs", "/h", 0, 1000, 0.0, "What one GB of memory costs you in an hour; 0: not told", top=1, step=0.001
    )

    def autoscale(self) -> Autoscale:
        """Return the autoscaler's settings; a service starts with its minimum.

        Kubernetes endpoints remove replicas after 20 looks, AKS web services after a minute (autoscaling.md).
        """
        return Autoscale(
            mode=BUSY if self.kind == "v1" else BUSY_AND_QUEUED,
            min=self.min_replicas,
            max=self.max_replicas,
            target=self.target / 100,
            down_after_seconds=60.0 if self.kind == "v1" else 20.0,
            start_seconds=self.start_seconds,
        )

    @property
    def slots(self) -> int:
        """Requests that the fewest replicas work on at a time."""
        return self.min_replicas * self.per_container

    @property
    def top_rps(self) -> float:
        """Requests per second at the peak."""
        return self.rps if self.traffic in ("steady", TRACE) else self.rps * self.peak

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values."""
        return asdict(self)


def schema() -> list[dict[str, Any]]:
    """Return name, default and what a form needs of each field, as plain values."""
    return [{"name": f.name, "default": f.default, **f.metadata} for f in fields(Settings)]


def settings_from(values: Mapping[str, Any], base: Settings | None = None) -> Settings:
    """Return settings with some values changed.

    Raises:
        BadInput: A name is unknown or a value cannot be used; the message names it.
    """
    known = {f.name: f for f in fields(Settings)}
    clean: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise BadInput(f"The calculator has no setting “{name}”.", code="capacity-input", todo=_listed(known))
        clean[name] = _choice(known[name], value) if "choices" in known[name].metadata else _value(known[name], value)
    found = replace(base or Settings(), **clean)
    if found.min_replicas > found.max_replicas:
        if "max_replicas" in values or "min_replicas" not in values:
            words = f"At most {found.max_replicas} replicas are fewer than the {found.min_replicas} of the minimum."
        else:
            words = f"{found.min_replicas} replicas at least are more than the {found.max_replicas} of the maximum."
        raise BadInput(words, code="replicas-min-max", todo="Raise the maximum: the SDK leaves it at 10 by itself.")
    return found


def _listed(known: Mapping[str, Any]) -> str:
    return f"It has: {', '.join(known)}."


def _choice(about: Any, value: Any) -> str:
    if value not in about.metadata["choices"]:
        listed = ", ".join(about.metadata["choices"])
        raise BadInput(f"{about.metadata['label']}: it has to be one of {listed}, not {value}.", code="capacity-input")
    return str(value)


def _value(about: Any, value: Any) -> float:
    meta = about.metadata
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    whole = isinstance(about.default, int)
    if not (math.isfinite(number) and meta["least"] <= number <= meta["most"]) or (whole and number % 1):
        kind = "a whole number" if whole else "a number"
        limits = f"{kind} from {meta['least']:g} to {meta['most']:,g}"
        shown = "nothing" if value in (None, "") else value
        raise BadInput(
            f"{meta['label']} ({about.name}) has to be {limits}, not {shown}.",
            code="capacity-input",
            todo=meta["help"] + ".",
        )
    return int(number) if whole else number


PRESETS: dict[str, dict[str, Any]] = {
    "The guide's example": {
        "rps": 20.0,
        "seconds": 10.0,
        "target": 70.0,
        "min_replicas": 286,
        "max_replicas": 286,
        "traffic": "steady",
        "minutes": 15.0,
    },
    "Small and unlucky": {
        "rps": 1.4,
        "seconds": 0.5,
        "target": 70.0,
        "min_replicas": 1,
        "max_replicas": 1,
        "traffic": "steady",
        "minutes": 30.0,
    },
    "Morning rush": {
        "rps": 14.0,
        "seconds": 0.5,
        "min_replicas": 2,
        "max_replicas": 20,
        "traffic": "ramp",
        "peak": 3.0,
        "minutes": 10.0,
    },
    "Sudden spike": {
        "rps": 8.0,
        "seconds": 0.5,
        "min_replicas": 4,
        "max_replicas": 20,
        "traffic": "spike",
        "peak": 4.0,
        "minutes": 5.0,
    },
    "A day": {
        "rps": 2.0,
        "seconds": 0.5,
        "min_replicas": 2,
        "max_replicas": 10,
        "traffic": "daily",
        "peak": 3.0,
        "minutes": 120.0,
    },
}
"""Situations to start from."""
