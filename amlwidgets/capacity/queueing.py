"""Closed forms of queueing theory for a service of ``c`` replicas.

Notation: ``rate`` arrivals per second, ``seconds`` mean service time, ``c`` requests that truly run at a time
(replicas times concurrency). Sources: Erlang 1917; Allen and Cunneen; Sakasegawa 1977; for requests that leave after a
fixed wait, Barrer 1957. Worked numbers: autoscaling.md, section 5.
"""

from __future__ import annotations

import math

from amlwidgets.errors import BadInput

MOST_REPLICAS = 100_000
_NEVER = 1e280
_OVERFLOW = 700
"""Largest exponent that ``exp`` takes, roughly."""


def _check(rate: float, seconds: float, c: int) -> float:
    for value, what in ((rate, "The arrivals per second"), (seconds, "The seconds per request")):
        if not (math.isfinite(value) and value > 0):
            raise BadInput(f"{what} have to be more than 0, not {value}.", code="capacity-input")
    if not 1 <= c <= MOST_REPLICAS or c != int(c):
        raise BadInput(f"The number of replicas has to be 1 to {MOST_REPLICAS:,}, not {c}.", code="capacity-input")
    return rate * seconds


def erlang_b(c: int, load: float) -> float:
    """Return the share of requests that find all ``c`` replicas busy, where none may wait.

    Args:
        c: Replicas.
        load: Arrivals per second times seconds per request.
    """
    blocked = 1.0
    for k in range(1, c + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


def erlang_c(c: int, load: float) -> float:
    """Return the share of requests that have to wait, where all may wait; 1 where the queue grows without end."""
    if load >= c:
        return 1.0
    blocked = erlang_b(c, load)
    return blocked / (1 - load / c * (1 - blocked))


def mean_wait(rate: float, seconds: float, c: int, arrivals_cv2: float = 1.0, service_cv2: float = 1.0) -> float:
    """Return the mean seconds in the queue (M/M/c; Allen and Cunneen for other variabilities).

    Args:
        rate: Arrivals per second.
        seconds: Mean service time.
        c: Replicas.
        arrivals_cv2: Squared coefficient of variation of the times between arrivals; 1 is Poisson.
        service_cv2: Squared coefficient of variation of the service time; 0 is constant, 1 exponential.

    Returns:
        Infinity where the queue grows without end.

    Raises:
        BadInput: A number is not positive.
    """
    load = _check(rate, seconds, c)
    if load >= c:
        return math.inf
    return erlang_c(c, load) / (c / seconds - rate) * (arrivals_cv2 + service_cv2) / 2


def wait_longer_than(rate: float, seconds: float, c: int, wait: float) -> float:
    """Return the share of requests that wait longer than ``wait`` seconds (M/M/c)."""
    load = _check(rate, seconds, c)
    return 1.0 if load >= c else erlang_c(c, load) * math.exp(-(c / seconds - rate) * wait)


def sakasegawa_wait(rate: float, seconds: float, c: int, arrivals_cv2: float = 1.0, service_cv2: float = 1.0) -> float:
    """Return the mean seconds in the queue by Sakasegawa's approximation."""
    load = _check(rate, seconds, c)
    rho = load / c
    if rho >= 1:
        return math.inf
    power: float = rho ** (math.sqrt(2 * (c + 1)) - 1)
    return seconds * (arrivals_cv2 + service_cv2) / 2 * power / (c * (1 - rho))


def loss_with_room(rate: float, seconds: float, c: int, room: int) -> float:
    """Return the share of requests refused where at most ``room`` may be at work or waiting (M/M/c/K).

    Managed endpoints refuse with 429 above ``2 * max_concurrent_requests_per_instance * instance_count``.
    """
    load = _check(rate, seconds, c)
    if room < c:
        raise BadInput(f"The room of {room} is smaller than the {c} replicas.", code="capacity-input")
    # Relative to the largest term, so that thousands of replicas do not overflow.
    logs, total = [0.0], 0.0
    for n in range(1, room + 1):
        logs.append(logs[-1] + math.log(load / min(n, c)))
    top = max(logs)
    total = math.fsum(math.exp(value - top) for value in logs)
    return math.exp(logs[-1] - top) / total


def refused_after(rate: float, seconds: float, c: int, patience: float) -> float:
    """Return the share of requests answered 503: those that wait ``patience`` seconds without getting a replica.

    M/M/c with deterministic patience; valid also where more arrives than the replicas can do.

    Args:
        rate: Arrivals per second.
        seconds: Mean service time (exponential).
        c: Replicas.
        patience: ``max_request_wait_time`` in seconds.

    Raises:
        BadInput: A number is not positive.
    """
    load = _check(rate, seconds, c)
    if not (math.isfinite(patience) and patience >= 0):
        raise BadInput(f"The longest wait has to be 0 or more seconds, not {patience}.", code="capacity-input")
    served = c / seconds
    delta = served - rate
    if -delta * patience > _OVERFLOW:
        return 1 - served / rate  # so much more arrives that the replicas are always busy
    # p_n / p_(c-1), downwards from n = c-1, so that nothing overflows.
    terms, term = [1.0], 1.0
    for n in range(c - 1, 0, -1):
        term *= n / load
        if term > _NEVER:
            return 0.0  # so many replicas that all of them are busy less often than numbers can tell
        terms.append(term)
    stay, leave = _integrals(delta, patience, served)
    weight = math.fsum(terms) + rate * (stay + leave)
    return rate * leave / weight


def _integrals(delta: float, patience: float, served: float) -> tuple[float, float]:
    exponent = -delta * patience
    stay = patience if delta == 0 else -math.expm1(exponent) / delta
    return stay, math.exp(exponent) / served


def fewest_replicas(rate: float, seconds: float, patience: float, most_refused: float) -> int:
    """Return the smallest number of replicas with at most that share of 503.

    Args:
        rate: Arrivals per second.
        seconds: Mean service time.
        patience: ``max_request_wait_time`` in seconds.
        most_refused: Largest share that is acceptable, above 0.

    Raises:
        BadInput: A number is not positive, or no number of replicas is enough.
    """
    if not 0 < most_refused <= 1:
        raise BadInput(f"The share of 503 has to lie between 0 and 1, not {most_refused}.", code="capacity-input")
    load = _check(rate, seconds, 1)
    low, high = 1, max(math.ceil(load), 1)
    while refused_after(rate, seconds, high, patience) > most_refused:
        low, high = high + 1, high * 2
    while low < high:
        middle = (low + high) // 2
        if refused_after(rate, seconds, middle, patience) <= most_refused:
            high = middle
        else:
            low = middle + 1
    return low


def lost_in_step(rate: float, seconds: float, replicas: int, start_seconds: float) -> float:
    """Return how many requests a sudden load loses until new replicas have started (fluid: no queueing noise)."""
    return max(rate - replicas / seconds, 0.0) * start_seconds
