"""A bounded load on a scoring address, and what can be told from its answers.

First a few requests one after another: nothing queues, so that their times are the service's own. Then random arrivals
at a rate, sent whether or not earlier ones were answered, as real clients do. It ends by itself. A load tool (Locust,
wrk) is made for more load than is wanted here, and does not keep each answer with its moment; asyncio and aiohttp do.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from amlwidgets.capacity.traffic import draw, shape
from amlwidgets.errors import AmlWidgetsError, BadInput, ServiceFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_RATE, MOST_SECONDS, MOST_REQUESTS, MOST_CONCURRENT = 50.0, 120.0, 3_000, 64
PROBES = 12
ANSWER_SECONDS = 90.0
OK, REFUSED, LATE = 200, (503, 429), (504, 408)
NO_ANSWER = 0
_EDGE = 0.15


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What will be sent.

    Attributes:
        address: The scoring address.
        rate: Requests per second.
        seconds: How long.
        concurrent: Most requests under way at a time; further ones are not sent, and counted.
        body: One input of the entry script, JSON text.
        seed: Of the random arrivals.
    """

    address: str
    rate: float = 5.0
    seconds: float = 30.0
    concurrent: int = 32
    body: str = '{"data": []}'
    seed: int = 0

    def check(self) -> None:
        """Check every value.

        Raises:
            BadInput: One cannot be used, or is above what may be sent.
        """
        limits = {"rate": MOST_RATE, "seconds": MOST_SECONDS, "concurrent": MOST_CONCURRENT}
        for name, most in limits.items():
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and 0 < value <= most):
                raise BadInput(f"Measuring takes {name} above 0 and up to {most:g}, not {value}.", code="load-limit")
        if self.rate * self.seconds > MOST_REQUESTS:
            raise BadInput(
                f"That would be more than {MOST_REQUESTS:,} requests.", code="load-limit", todo="Measure less."
            )
        if not _is_address(self.address):
            raise BadInput(f"“{self.address}” is no scoring address.", code="address-invalid")
        try:
            json.loads(self.body)
        except ValueError as error:
            raise BadInput(f"The input is not JSON: {error}.", code="input-invalid") from error

    def words(self) -> str:
        """Return what will happen, to be confirmed."""
        place = urlsplit(self.address)
        named = place.netloc.rpartition("@")[2]
        return (
            f"This sends {PROBES} requests one after another and then about "
            f"{self.rate * self.seconds:,.0f} in {self.seconds:g} s "
            f"({self.rate:g} a second, {self.concurrent} at a time at most) to "
            f"{named}{place.path}. It ends by itself; "
            "Stop ends it at once. Clients of the service share its replicas with this load."
        )


def _is_address(text: str) -> bool:
    try:
        found = urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:  # a bracket without its partner, a port that is none
        return False


def is_here(address: str) -> bool:
    """Whether an address is on this machine."""
    return (urlsplit(address).hostname or "") in ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it was sent (seconds from the beginning of the load), how long it took, its status."""

    sent: float
    seconds: float
    status: int


@dataclass(frozen=True, slots=True)
class Told:
    """A value that was seen, or why it cannot be told."""

    value: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Attributes:
        plan: What was sent.
        samples: Seconds of the requests sent one after another.
        answers: All requests of the load, in the order in which they were sent.
        unsent: Requests that were not sent because too many were under way.
        stopped: Whether it was stopped.
    """

    plan: LoadPlan
    samples: tuple[float, ...]
    answers: tuple[Answer, ...] = field(repr=False)
    unsent: int = 0
    stopped: bool = False

    def share(self, *statuses: int) -> float:
        """Return the share of answers with one of the statuses."""
        return sum(a.status in statuses for a in self.answers) / len(self.answers) if self.answers else 0.0

    @property
    def seconds(self) -> Told:
        """Mean seconds of one request that does not wait."""
        if not self.samples:
            return Told(None, "no request was answered when it was alone")
        return Told(float(np.mean(self.samples)))

    @property
    def at_work(self) -> Told:
        """Requests that the service worked on at a time before it grew."""
        if not any(a.status in REFUSED for a in self.answers):
            return Told(None, "the load never filled the service")
        begin = min(a.sent for a in self.answers if a.status in REFUSED)
        counts = [n for t, n in self._working() if t <= begin + 1.0]
        return Told(float(max(counts)) if counts else None, "" if counts else "nothing was answered before it was full")

    @property
    def start_seconds(self) -> Told:
        """Seconds from the first overload until more was worked on at a time than before: a replica had started."""
        full = self.at_work
        if full.value is None:
            return Told(None, f"no replica was added: {full.why}")
        began = min(a.sent for a in self.answers if a.status in REFUSED)
        more = [t for t, n in self._working() if t > began and n > full.value]
        if not more:
            return Told(None, "no replica was added while it was measured")
        return Told(more[0] - began)

    def _working(self) -> list[tuple[float, int]]:
        """Return how many were at work after each begin; the begin is the end minus the service's own time.

        Times differ a little from request to request, so that the edges of each are left out.
        """
        own = float(np.median(self.samples)) if self.samples else 0.0
        spans = [(max(a.sent + a.seconds - own, a.sent), a.sent + a.seconds) for a in self.answers if a.status == OK]
        edges = sorted([(begin + _EDGE * own, 1) for begin, _ in spans] + [(end - _EDGE * own, -1) for _, end in spans])
        now, found = 0, []
        for moment, change in edges:
            now += change
            if change > 0:
                found.append((moment, now))
        return found


class Measurement:
    """A load that runs on a thread of its own.

    Args:
        plan: What is sent.
        headers: Such as the key of the service; never kept with the answers.
        told: Called with progress from 0 to 1, on the thread of the load.
    """

    def __init__(
        self, plan: LoadPlan, headers: Mapping[str, str], told: Callable[[float], None] = lambda _: None
    ) -> None:
        plan.check()
        self._plan, self._headers, self._told = plan, dict(headers), told
        self._stop = threading.Event()
        self._answers: list[Answer] = []
        self._samples: list[float] = []
        self._unsent = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="amlwidgets-measure", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more, and wait for nothing more."""
        self._stop.set()

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def result(self, timeout: float | None = None) -> Measured:
        """Wait for the end.

        Raises:
            ServiceFailed: The service did not answer as a service does.
            TimeoutError: It took longer.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"Still measuring after {timeout} s.")
        if self._error is not None:
            raise self._error
        answers = tuple(sorted(self._answers, key=lambda a: a.sent))
        return Measured(self._plan, tuple(self._samples), answers, self._unsent, self._stop.is_set())

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except AmlWidgetsError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - told where the result is asked for
            self._error = ServiceFailed(f"Measuring ended: {type(error).__name__}: {error}", code="measure-failed")

    async def _run(self) -> None:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        # The kernel's proxy leads to the sandbox.
        async with aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=True) as client:
            work = asyncio.create_task(self._all(client))
            while not work.done():
                await asyncio.wait({work}, timeout=0.1)
                if self._stop.is_set():
                    work.cancel()  # at once, whatever the service makes us wait for
            if not work.cancelled():
                work.result()

    async def _all(self, client: Any) -> None:
        await self._probe(client)
        await self._load(client)

    async def _probe(self, client: Any) -> None:
        for _ in range(PROBES):
            answer = await self._ask(client, 0.0)
            if answer.status == OK:
                self._samples.append(answer.seconds)
            elif answer.status not in (*REFUSED, *LATE):
                what = f"answered {answer.status}" if answer.status else "did not answer"
                raise ServiceFailed(
                    f"The service {what}, so that there is nothing to measure.", code="measure-failed",
                    todo="Give an input that run() takes; the service's log says more.",
                )  # fmt: skip

    async def _load(self, client: Any) -> None:
        plan = self._plan
        moments = draw(shape("steady", plan.rate, 1, plan.seconds), plan.seed, MOST_REQUESTS).tolist()
        begin, under_way = time.monotonic(), set[asyncio.Task[None]]()
        try:
            for moment in moments:
                while (left := begin + moment - time.monotonic()) > 0:
                    await asyncio.sleep(min(left, 0.1))
                    self._told(min((time.monotonic() - begin) / plan.seconds, 1.0))
                if len(under_way) >= plan.concurrent:
                    self._unsent += 1
                    continue
                task = asyncio.create_task(self._one(client, begin))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            while under_way:
                await asyncio.wait(under_way)
        finally:
            for task in under_way:
                task.cancel()

    async def _one(self, client: Any, begin: float) -> None:
        self._answers.append(await self._ask(client, begin))

    async def _ask(self, client: Any, begin: float) -> Answer:
        import aiohttp

        sent = time.monotonic()
        try:
            # What was confirmed is this address: no answer leads the load elsewhere.
            async with client.post(
                self._plan.address, data=self._plan.body, headers=self._headers, allow_redirects=False
            ) as reply:
                await reply.read()
                status = int(reply.status)
        except (aiohttp.ClientError, OSError, TimeoutError):
            status = NO_ANSWER
        return Answer(sent - begin, time.monotonic() - sent, status)
