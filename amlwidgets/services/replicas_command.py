"""``amlwidgets replicas``: how many replicas the guides' formula asks for, and what queueing theory says of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from amlwidgets.capacity import queueing, replicas
from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from amlwidgets.capacity import Sizing

WAIT_SECONDS = 0.5
"""``max_request_wait_time`` of a service that does not say otherwise."""

_MOST_COMPUTED = 20_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--rps", type=float, required=True, metavar="R", help="requests per second")
    parser.add_argument("--seconds", type=float, required=True, metavar="S", help="seconds that one request takes")
    parser.add_argument(
        "--per-container", type=float, default=1, metavar="N", help="requests a container takes at a time"
    )
    parser.add_argument("--utilization", type=float, default=70, metavar="PERCENT", help="target utilization (70)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the sizing."""
    sizing = replicas(options.rps, options.seconds, options.per_container, options.utilization)
    refused = _refused(sizing, options)
    if options.format == "json":
        found = {"schema": 1, **sizing.to_dict(), "refused_share": refused, "advice": _advice(options)}
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(sizing, refused, options)))
    return 0


def _refused(sizing: Sizing, options: argparse.Namespace) -> float | None:
    """Return the share of 503 to expect; None where it cannot be computed."""
    slots = sizing.replicas * int(options.per_container)
    if not options.rps or not options.seconds or slots > _MOST_COMPUTED:
        return None
    return queueing.refused_after(options.rps, options.seconds, slots, WAIT_SECONDS)


def _lines(sizing: Sizing, refused: float | None, options: argparse.Namespace) -> list[str]:
    from amlwidgets.capacity.advice import share

    load = f"{options.rps:g} requests/s of {options.seconds:g} s"
    found = [
        f"{sizing.replicas:,} replica{'' if sizing.replicas == 1 else 's'} for {load} at {options.utilization:g} %.",
        f"Busy on average: {sizing.busy_replicas:.2f}. {sizing.idle_share:.0%} of the capacity is idle:",
        f"the load may grow by {sizing.headroom:.0%} until every replica is busy.",
    ]
    if refused is not None:
        found.append(
            f"With random arrivals and times, {share(refused)} of the requests would wait longer than "
            f"{WAIT_SECONDS:g} s and be answered 503."
        )
    return [*found, *_advice(options)]


def _advice(options: argparse.Namespace) -> list[str]:
    """Return what queueing theory says of the formula's number, in words."""
    from amlwidgets.capacity.advice import about_steady
    from amlwidgets.capacity.settings import settings_from

    wanted = {"rps": options.rps, "seconds": options.seconds, "per_container": options.per_container}
    try:
        return about_steady(settings_from({**wanted, "target": options.utilization, "traffic": "steady"}))
    except BadInput:
        return []  # the formula takes more than the calculator does, such as no requests at all
