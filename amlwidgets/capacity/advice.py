"""What the numbers mean, in the words of the guides; and the settings that would do, with the reasons."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from amlwidgets.capacity import queueing
from amlwidgets.capacity.prediction import MOST_COMPUTED, enough, formula, predict, steady_refused

if TYPE_CHECKING:
    from amlwidgets.capacity.prediction import Prediction
    from amlwidgets.capacity.settings import Settings
    from amlwidgets.capacity.traffic import Trace

DEFAULT_MAX = 10
LONGEST_TIMEOUT = 300.0
FEW_WAIT = 0.025
"""Share of requests that may wait at all where a number of replicas is said to do."""

MOST_STEPS = 8
TARGETS = (70.0, 50.0, 30.0)


def share(value: float) -> str:
    """Return a share in percent with two digits that matter: 24 %, 0.33 %, under 0.001 %."""
    percent = value * 100
    if percent == 0:
        return "0 %"
    if percent < 0.001:  # noqa: PLR2004 - what is still worth telling
        return "under 0.001 %"
    digits = max(1 - math.floor(math.log10(percent)), 0)
    return f"{percent:.{digits}f} %"


def warnings(settings: Settings, found: Prediction | None = None) -> list[str]:
    """Return what the guides warn of, where it applies to the settings; the most important first."""
    said = [
        *_about_peak(settings, found),
        *about_steady(settings),
        *_about_waits(settings),
        *_about_container(settings),
        *_about_target(settings),
    ]
    return said[:5]


def _about_peak(settings: Settings, found: Prediction | None) -> list[str]:
    if settings.traffic not in ("step", "spike", "ramp") or settings.kind == "managed":
        return []
    holds, top = settings.slots / settings.seconds, settings.top_rps
    said = []
    if top > holds and settings.traffic != "ramp":
        lost = queueing.lost_in_step(top, settings.seconds, settings.slots, settings.start_seconds)
        said.append(
            f"A peak of {top:g}/s is more than the minimum of {settings.min_replicas} can hold "
            f"({holds:.3g}/s): where only "
            f"the minimum is ready, 503 comes back until new replicas have started, about {lost:,.0f} requests in "
            f"{settings.start_seconds:g} s."
        )
    limit = settings.max_replicas * settings.per_container / settings.seconds
    if top > limit:
        said.append(
            f"Even {settings.max_replicas} replicas hold only {limit:.3g}/s of the {top:g}/s: raise the "
            "maximum, or make run() "
            "faster."
        )
    if found is not None and found.refused > settings.most_refused / 100:
        said.append(
            "A lower target starts replicas earlier, not faster: each still needs "
            f"{settings.start_seconds:g} s. Against a "
            "sudden peak only more replicas at the minimum help."
        )
    return said


def about_steady(settings: Settings) -> list[str]:
    """Return what queueing theory says of the formula's number at a steady load: too few, or more than needed."""
    by_formula, needed = formula(settings), enough(settings)
    if needed is None:
        return []
    refused = steady_refused(settings, by_formula)
    if refused is not None and by_formula < needed:
        return [
            (
                f"The formula's {by_formula} refuse{'s' if by_formula == 1 else ''} {share(refused)} of steady random "
                f"traffic, for requests come in bunches. {needed} keep it within {settings.most_refused:g} %."
            )
        ]
    would_do = few_wait(settings)
    if would_do is not None and would_do < by_formula:
        load = settings.rps * settings.seconds
        waits = queueing.erlang_c(would_do * settings.per_container, load)
        at = steady_refused(settings, would_do) or 0.0
        return [
            (
                f"The formula's {by_formula} leave room to spare. For steady random traffic {would_do} would do: "
                f"{share(waits)} of the requests wait at all, {share(at)} are refused. Bunches even out among many "
                "replicas; the rest is reserve for growth."
            )
        ]
    return []


def few_wait(settings: Settings) -> int | None:
    """Return the fewest replicas at which at most 2.5 % of steady traffic waits at all, and the 503 limit holds."""
    load, least = settings.rps * settings.seconds, enough(settings)
    if least is None or load > MOST_COMPUTED / 2:
        return None
    replicas = max(least, math.ceil(load / settings.per_container))
    while queueing.erlang_c(replicas * settings.per_container, load) > FEW_WAIT:
        replicas += 1
    return replicas


def _about_waits(settings: Settings) -> list[str]:
    said = []
    tail = settings.max_wait_seconds + 3 * settings.seconds
    if settings.kind != "managed" and tail > settings.timeout_seconds:
        said.append(
            f"Waiting {settings.max_wait_seconds:g} s and then working up to {3 * settings.seconds:g} s "
            "is longer than the "
            f"timeout of {settings.timeout_seconds:g} s: 503 turns into 504. A request that is late keeps "
            "its replica busy."
        )
    if settings.kind == "v1" and settings.max_replicas == DEFAULT_MAX and settings.min_replicas > DEFAULT_MAX:
        said.append("autoscale_max_replicas is 10 unless it is set: set it above the minimum.")
    return said


def _about_container(settings: Settings) -> list[str]:
    if settings.per_container == 1:
        return []
    return [
        (
            f"{settings.per_container} requests per container run side by side only with "
            f"WORKER_COUNT={settings.per_container} in the environment; one worker takes them in turn."
        )
    ]


def _about_target(settings: Settings) -> list[str]:
    if settings.kind == "managed":
        return ["New instances take a quarter of an hour after the rule: keep enough of them for what comes before."]
    idle, growth = 1 - settings.target / 100, 100 / settings.target - 1
    if settings.target == 100:  # noqa: PLR2004 - percent
        return ["At 100 % a replica is added only when all are busy, and none is in reserve."]
    return [
        (
            f"“Spikes of up to {100 * idle:.0f} %” is {100 * idle:.0f} % of the capacity: at {settings.target:g} % "
            f"the load may grow by {100 * growth:.0f} % until every replica is busy."
        )
    ]


# -- recommendations


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Settings that keep the limits, with the reasons.

    Attributes:
        possible: Whether any settings do.
        settings: The smallest found; where none does, the best tried.
        refused: Share of requests refused with them, simulated.
        p95: Seconds of 95 % of the answers; None where none was answered.
        present: Mean number of replicas.
        reasons: In words.
    """

    possible: bool
    settings: Settings
    refused: float
    p95: float | None
    present: float
    reasons: tuple[str, ...]


def recommend(
    settings: Settings, *, trace: Trace | None = None, samples: tuple[float, ...] = (), seeds: int = 3
) -> Recommendation:
    """Return the smallest minimum, maximum and target that keep 503 and p95 within the limits of the settings.

    Args:
        settings: Traffic, times and limits (``most_refused``, ``most_p95``).
        trace: For traffic from a file.
        samples: Measured seconds of work.
        seeds: Runs of each simulation.

    Raises:
        BadInput: A value cannot be used.
    """
    peak = _peak_rate(settings, trace)
    # With half of the limit at the peak itself, some of it is left for the way there.
    top = enough(replace(settings, most_refused=settings.most_refused / 2), peak)
    most = min(top if top is not None else math.ceil(peak * settings.seconds * 1.1), 1000)
    most = max(most, 1)
    chosen: tuple[Settings, Prediction] | None = None
    for target in TARGETS:
        found = _least_min(replace(settings, max_replicas=most, min_replicas=1, target=target), trace, samples, seeds)
        if found is not None and (chosen is None or found[1].present < 0.95 * chosen[1].present):
            chosen = found
    if chosen is None:
        best = replace(settings, min_replicas=most, max_replicas=most)
        got = predict(best, trace=trace, samples=samples, seeds=seeds)
        return Recommendation(possible=False, settings=best, **_came_of(got), reasons=_why_not(settings, best, got))
    best, got = _settled(chosen[0], trace, samples)
    return Recommendation(possible=True, settings=best, **_came_of(got), reasons=_reasons(settings, best, got, peak))


def _settled(found: Settings, trace: Trace | None, samples: tuple[float, ...]) -> tuple[Settings, Prediction]:
    """Look at what the quick search found with all runs: go up until it keeps the limits, or down while it does."""

    def tried(least: int) -> tuple[Settings, Prediction]:
        one = replace(found, min_replicas=least, max_replicas=max(found.max_replicas, least))
        return one, predict(one, trace=trace, samples=samples)

    best = tried(found.min_replicas)
    if not _keeps(*best):
        for least in range(found.min_replicas + 1, min(found.min_replicas + MOST_STEPS, 1000) + 1):
            best = tried(least)
            if _keeps(*best):
                break
        return best
    for least in range(found.min_replicas - 1, max(found.min_replicas - MOST_STEPS, 0), -1):
        lower = tried(least)
        if not _keeps(*lower):
            break
        best = lower
    return best


def _came_of(found: Prediction) -> dict[str, Any]:
    return {"refused": found.refused, "p95": found.p95, "present": found.present}


def _peak_rate(settings: Settings, trace: Trace | None) -> float:
    from amlwidgets.capacity.prediction import load_of

    return max(load_of(settings, trace).rates)


def _least_min(
    base: Settings, trace: Trace | None, samples: tuple[float, ...], seeds: int
) -> tuple[Settings, Prediction] | None:
    """Return the smallest minimum that keeps the limits, by halving; None where the maximum itself does not.

    The closed form behind the maximum knows exponential times only, so that a little more may be needed.
    """

    def tried(least: int, most: int) -> tuple[Settings, Prediction] | None:
        one = replace(base, min_replicas=least, max_replicas=most)
        found = predict(one, trace=trace, samples=samples, seeds=seeds)
        return (one, found) if _keeps(one, found) else None

    top = base.max_replicas
    best = tried(top, top)
    while best is None and top < min(1.5 * base.max_replicas + 2, 1000):
        top = min(math.ceil(top * 1.15) + 1, 1000)
        best = tried(top, top)
    low, high = 1, top - 1
    while best is not None and low <= high:
        middle = (low + high) // 2
        if found := tried(middle, top):
            best, high = found, middle - 1
        else:
            low = middle + 1
    return best


def _keeps(settings: Settings, found: Prediction) -> bool:
    slow = settings.most_p95 and (found.p95 is None or found.p95 > settings.most_p95)
    return found.refused + found.late <= settings.most_refused / 100 and not slow


def _reasons(asked: Settings, best: Settings, found: Prediction, peak: float) -> tuple[str, ...]:
    said = [
        f"At most {best.max_replicas}: at {peak:g}/s of {asked.seconds:g} s queueing theory refuses "
        f"{share(steady_refused(best, best.max_replicas, peak) or 0.0)} with them"
        + (
            f", {share(steady_refused(best, best.max_replicas - 1, peak) or 0.0)} with one fewer."
            if best.max_replicas > 1
            else "."
        )
    ]
    if best.min_replicas > 1:
        said.append(
            f"At least {best.min_replicas} from the beginning: a new replica needs "
            f"{asked.start_seconds:g} s, and a request "
            f"waits {asked.max_wait_seconds:g} s at most. With {best.min_replicas - 1} more than "
            f"{asked.most_refused:g} % were refused."
        )
    if best.target != TARGETS[0]:
        said.append(
            f"A target of {best.target:g} % starts replicas earlier, so that fewer have to be ready all the time."
        )
    p95 = f", 95 % of the answers take {found.p95:.2g} s at most" if found.p95 is not None else ""
    said.append(f"Simulated: {share(found.refused)} refused{p95}, {found.present:.1f} replicas on average.")
    by_formula = formula(asked, peak)
    if by_formula != best.max_replicas:
        said.append(f"The guides' formula gives {by_formula} for the peak.")
    return tuple(said)


def _why_not(asked: Settings, best: Settings, found: Prediction) -> tuple[str, ...]:
    if asked.most_p95 and found.p95 is not None and found.p95 > asked.most_p95:
        return (
            (
                f"No number of replicas answers 95 % within {asked.most_p95:g} s: the work itself takes "
                f"{found.p95:.2g} s. Make run() faster."
            ),
        )
    if found.late > asked.most_refused / 100:
        return (f"{share(found.late)} of the requests work longer than the timeout of {asked.timeout_seconds:g} s.",)
    return (f"Even {best.max_replicas} replicas refuse {share(found.refused)}: wait longer, or make run() faster.",)
