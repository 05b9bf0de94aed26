"""Faults on demand, for tests of clients: a seam that only the owner of the state folder can reach.

A rule is a JSON object. ``do`` says what happens to a request that it fits:

=========== ==========================================================================================================
``latency`` it is answered ``seconds`` later
``drop``    the connection is closed without an answer
``status``  it is answered with ``status`` (403, 429, 500, 503) and, when ``retry_after`` is given, that header
``slow``    the answer's body comes at ``rate`` bytes per second
``expire``  a token that it asks for is good for ``seconds`` only
=========== ==========================================================================================================

``host``, ``path`` and ``method`` are regular expressions for the whole of each (all, when absent). ``skip`` requests
pass before the first fault, ``times`` of them are hit (0: all that follow). With ``after`` a ``drop`` or ``status``
comes once the request is done, so that only its answer is lost. The first rule that fits counts.
"""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from amlwidgets.sandbox.wire import Request, Response

STATUSES = (403, 429, 500, 503)
_NEEDS = {"latency": ("seconds",), "drop": (), "status": ("status",), "slow": ("rate",), "expire": ("seconds",)}
_CONTROL = "/sandbox/"
"""The control routes stay as they are, else nobody could end a fault."""
_PIECES_PER_SECOND = 20


class Dropped(ConnectionError):
    """A fault closes the connection."""


@dataclass(slots=True)
class Rule:
    """One rule; what it has done so far is counted in ``fitted`` and ``hits``."""

    do: str
    host: str = ".*"
    path: str = ".*"
    method: str = ".*"
    status: int = 0
    retry_after: int | None = None
    seconds: float = 0.0
    rate: float = 0.0
    skip: int = 0
    times: int = 1
    after: bool = False
    fitted: int = 0
    hits: int = 0

    def fits(self, request: Request) -> bool:
        """Whether the rule is about ``request``."""
        parts = ((self.host, request.host), (self.path, request.path), (self.method, request.method))
        return all(re.fullmatch(pattern, text, re.IGNORECASE) for pattern, text in parts)

    def take(self) -> bool:
        """Count one request that fits; says whether it is hit."""
        self.fitted += 1
        hit = self.fitted > self.skip and (self.times == 0 or self.hits < self.times)
        self.hits += hit
        return hit


class Faults:
    """The rules of a sandbox; none at its start."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def set(self, rules: Iterable[Any]) -> None:
        """Replace all rules; whoever waits because of an earlier one goes on.

        Raises:
            ApiError: A rule is not valid; the earlier ones stay.
        """
        made = [_rule(body) for body in rules]
        with self._lock:
            self._ended.set()
            self._rules, self._ended = made, threading.Event()

    def view(self) -> list[dict[str, Any]]:
        """Return the rules with their counts."""
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def around(self, request: Request, handle: Callable[[Request], Response]) -> Response:
        """Answer ``request``, disturbed as the rules say.

        Raises:
            Dropped: The connection has to be closed.
        """
        rule = self._take(request)
        if rule is None:
            return handle(request)
        if rule.do == "latency":
            self._ended.wait(rule.seconds)
        if rule.do in ("drop", "status") and not rule.after:
            return _refusal(rule)
        response = handle(request)
        if rule.do in ("drop", "status"):
            return _refusal(rule)
        return self._slowed(response, rule.rate) if rule.do == "slow" else response

    def token_seconds(self, request: Request, otherwise: int) -> int:
        """Return how long a token is good that ``request`` asks for."""
        rule = self._take(request, expire=True)
        return otherwise if rule is None else int(rule.seconds)

    def _take(self, request: Request, *, expire: bool = False) -> Rule | None:
        if not self._rules or request.path.startswith(_CONTROL):
            return None
        with self._lock:
            fitting = [rule for rule in self._rules if (rule.do == "expire") is expire and rule.fits(request)]
            return next((rule for rule in fitting if rule.take()), None)

    def _slowed(self, response: Response, rate: float) -> Response:
        whole = response.body
        if isinstance(whole, bytes):
            return replace(response, length=len(whole), body=self._pieces([whole], rate))
        return replace(response, body=self._pieces(whole, rate))

    def _pieces(self, parts: Iterable[bytes], rate: float) -> Iterator[bytes]:
        size = max(int(rate / _PIECES_PER_SECOND), 1)
        for part in parts:
            for start in range(0, len(part), size):
                piece = part[start : start + size]
                self._ended.wait(len(piece) / rate)
                yield piece


def _refusal(rule: Rule) -> Response:
    if rule.do == "drop":
        raise Dropped("a fault closes the connection")
    text = "A fault that was asked for. Repeat the request."
    response = ApiError(rule.status, HTTPStatus(rule.status).phrase.replace(" ", ""), text).response()
    if rule.retry_after is not None:
        response.headers.append(("Retry-After", str(rule.retry_after)))
    return response


def _rule(body: Any) -> Rule:
    if not isinstance(body, dict):
        raise _invalid("A rule has to be a JSON object.")
    known = set(Rule.__dataclass_fields__) - {"fitted", "hits"}
    if unknown := sorted(set(body) - known):
        raise _invalid(f"A rule has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}.")
    rule = Rule(**{"do": "", **body})
    if rule.do not in _NEEDS:
        raise _invalid(f"do is {rule.do!r}; it has to be one of {', '.join(_NEEDS)}.")
    _check_values(rule)
    return rule


def _check_values(rule: Rule) -> None:
    for name in ("host", "path", "method"):
        try:
            re.compile(getattr(rule, name))
        except (re.error, TypeError) as exc:
            raise _invalid(f"{name} is not a regular expression: {exc}.") from exc
    for name in ("seconds", "rate", "skip", "times"):
        value = getattr(rule, name)
        if not isinstance(value, int | float) or value < 0:
            raise _invalid(f"{name} is {value!r}; it has to be a number from 0.")
    for name in _NEEDS[rule.do]:
        if not getattr(rule, name):
            raise _invalid(f"do={rule.do} needs {name}.")
    if rule.do == "status" and rule.status not in STATUSES:
        raise _invalid(f"status is {rule.status!r}; it has to be one of {', '.join(map(str, STATUSES))}.")


def _invalid(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)
