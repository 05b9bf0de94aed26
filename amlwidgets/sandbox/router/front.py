"""What stands in front of one service: its replicas, the queue, the counts. Lives on the router's event loop."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.router.autoscaler import Autoscaler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlwidgets.sandbox.router.autoscaler import Rule

HISTORY = 3600
"""Looks that are kept: an hour at one a second."""

SHUN_SECONDS = 1.0
"""How long a replica that refused a connection gets no requests: longer than it takes to notice that it crashed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a service is served.

    Attributes:
        name: The service.
        concurrent: Requests that one replica takes at a time (``replica_max_concurrent_requests``).
        max_wait_seconds: How long a request may wait for a replica (``max_request_wait_time``).
        timeout_seconds: How long a request may take in all (``scoring_timeout_ms``).
        may_enter: Says of an ``Authorization`` header whether it opens the service.
        rule: The autoscaler's; None for a fixed number of replicas.
    """

    name: str
    concurrent: int = 1
    max_wait_seconds: float = 0.5
    timeout_seconds: float = 60.0
    may_enter: Callable[[str], bool] = lambda _header: True
    rule: Rule | None = None


@dataclass(slots=True, eq=False)
class Backend:
    """One replica as the router sees it.

    Attributes:
        name: The replica.
        port: Its loopback port.
        busy: Requests at work in it.
        idle: Set while there are none.
        turn: Grows with each request, so that replicas take turns.
        shunned: Whether it has just refused a connection.
    """

    name: str
    port: int
    busy: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    turn: int = 0
    shunned: bool = False


class Front:
    """The replicas of one service and who waits for them. All methods belong to the event loop.

    Args:
        settings: How it is served.
        scale: Called with the number of replicas that the autoscaler wants.
    """

    def __init__(self, settings: Settings, scale: Callable[[int], None]) -> None:
        self.settings = settings
        self._scale = scale
        self._backends: dict[str, Backend] = {}
        self._leaving: dict[str, Backend] = {}
        self._queue: deque[asyncio.Future[Backend | None]] = deque()
        self._starting = self._turns = 0
        self._autoscaler = self._new_autoscaler()
        self.counts: Counter[int] = Counter()
        self.history: deque[dict[str, Any]] = deque(maxlen=HISTORY)

    # -- replicas

    def set_replicas(self, ports: Mapping[str, int], starting: int) -> None:
        """Take the replicas that answer now, by name with their ports, and the number of those on their way."""
        self._starting = starting
        for name in [name for name in self._backends if name not in ports]:
            gone = self._backends.pop(name)
            if gone.busy:
                self._leaving[name] = gone
        for name, port in ports.items():
            known = self._leaving.pop(name, None) or self._backends.get(name)
            if known is None or known.port != port:
                known = Backend(name, port)
                known.idle.set()
            self._backends[name] = known
        self._dispatch()

    async def drained(self, name: str) -> None:
        """Wait until a replica that left has answered its last request."""
        backend = self._leaving.get(name)
        if backend is not None:
            await backend.idle.wait()

    def change(self, settings: Settings) -> None:
        """Go on with other settings."""
        old, self.settings = self.settings, settings
        if (old.rule, old.concurrent) != (settings.rule, settings.concurrent):
            self._autoscaler = self._new_autoscaler()
        self._dispatch()

    def scaled_by(self, scale: Callable[[int], None]) -> None:
        """Send the autoscaler's wishes elsewhere from now on."""
        self._scale = scale

    def close(self) -> None:
        """Turn away everybody who waits, and wait for no replica that leaves."""
        for backend in self._leaving.values():
            backend.idle.set()
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.done():
                waiting.set_result(None)

    # -- requests

    async def acquire(self, max_wait: float) -> Backend | None:
        """Return a replica with a free place, after waiting in line if need be; None after ``max_wait`` seconds."""
        loop = asyncio.get_running_loop()
        place: asyncio.Future[Backend | None] = loop.create_future()
        self._queue.append(place)
        self._dispatch()
        if not place.done():
            # One thread decides: a place is given or expires, never both.
            timer = loop.call_later(max(max_wait, 0.0), self._expire, place)
            place.add_done_callback(lambda _: timer.cancel())
        return await place

    def release(self, backend: Backend) -> None:
        """Say that a request has left a replica."""
        backend.busy -= 1
        if backend.busy == 0:
            backend.idle.set()
            if self._leaving.get(backend.name) is backend:
                del self._leaving[backend.name]
        self._dispatch()

    def shun(self, backend: Backend) -> None:
        """Send a replica nothing for a moment: it refused a connection, so it is about to be missed."""
        backend.shunned = True
        asyncio.get_running_loop().call_later(SHUN_SECONDS, self._forgive, backend)

    def _forgive(self, backend: Backend) -> None:
        backend.shunned = False
        self._dispatch()

    def _expire(self, place: asyncio.Future[Backend | None]) -> None:
        if not place.done():
            self._queue.remove(place)
            place.set_result(None)

    def _dispatch(self) -> None:
        while self._queue:
            if self._queue[0].done():  # its client is gone
                self._queue.popleft()
                continue
            free = self._freest()
            if free is None:
                return
            self._turns += 1
            free.busy, free.turn = free.busy + 1, self._turns
            free.idle.clear()
            self._queue.popleft().set_result(free)

    def _freest(self) -> Backend | None:
        takers = [b for b in self._backends.values() if not b.shunned and b.busy < self.settings.concurrent]
        return min(takers, key=lambda backend: (backend.busy, backend.turn), default=None)

    # -- looking and scaling

    @property
    def ready(self) -> int:
        """Replicas that answer."""
        return sum(not backend.shunned for backend in self._backends.values())

    def snapshot(self) -> dict[str, Any]:
        """Return what can be seen now: replicas, requests at work and waiting, answers by status."""
        return {
            "ready": self.ready,
            "starting": self._starting,
            "busy": self._busy(),
            "waiting": self._waiting(),
            "answers": {str(status): count for status, count in sorted(self.counts.items())},
        }

    def look(self, now: float) -> None:
        """Note what is seen, and let the autoscaler decide."""
        self.history.append({"time": now, **self.snapshot()})
        if self._autoscaler is None:
            return
        present = self.ready + self._starting
        want = self._autoscaler.look(
            now, busy=self._busy(), waiting=self._waiting(), ready=self.ready, starting=self._starting
        )
        if want != present:
            self._scale(want)

    def _busy(self) -> int:
        return sum(backend.busy for backend in self._backends.values())

    def _waiting(self) -> int:
        return sum(not place.done() for place in self._queue)

    def _new_autoscaler(self) -> Autoscaler | None:
        rule = self.settings.rule
        return None if rule is None else Autoscaler(rule, self.settings.concurrent)
