"""The router itself: an asyncio reverse proxy on a loopback port, on a thread of its own.

A request names the cluster by its ``Host`` and the service by its path, as on AKS:
``http://ADDRESS:80/api/v1/service/NAME/score``.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from amlwidgets.sandbox.router import answers
from amlwidgets.sandbox.router.front import Front

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from amlwidgets.sandbox.router.front import Backend, Settings

MAX_BODY = 100 * 1024 * 1024
"""Limit of a request body at azureml-fe (deployment.md, section 4)."""

_HOPS = frozenset(
    ("connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding")
)
_NOT_FORWARDED = _HOPS | {"host", "authorization", "content-length", "expect"}
_NOT_RETURNED = _HOPS | {"content-length", "date"}
_RUN_FAILED = "x-ms-run-function-failed"
_SERVER_ERROR, _BAD_GATEWAY = 500, 502
_Key = tuple[str, str]
_T = TypeVar("_T")


class Router:
    """Routes requests to the replicas of services. Its methods may be called from any thread.

    Raises:
        OSError: There is no free loopback port.
    """

    def __init__(self) -> None:
        self._fronts: dict[_Key, Front] = {}
        self._looks: dict[_Key, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="router", daemon=True)
        self._thread.start()
        self.port = self._await(self._serve())

    # -- services

    def add(self, address: str, settings: Settings, scale: Callable[[int], None]) -> None:
        """Put a service behind the router, or change how it is served.

        Args:
            address: The cluster's.
            settings: How the service is served.
            scale: Called on the router's thread with the number of replicas that the autoscaler wants.
        """
        self._await(self._add((address, settings.name), settings, scale))

    def remove(self, address: str, name: str) -> None:
        """Forget a service; whoever waits for it is turned away."""
        self._await(self._remove((address, name)))

    def set_replicas(self, address: str, name: str, ports: Mapping[str, int], starting: int) -> None:
        """Say which replicas of a service answer now, and how many are on their way."""
        self._await(self._set_replicas((address, name), dict(ports), starting))

    def drain(self, address: str, name: str, replica: str, seconds: float) -> None:
        """Wait until a replica that was taken out has answered its last request, at most ``seconds``."""
        waiting = asyncio.run_coroutine_threadsafe(self._drain((address, name), replica, seconds), self._loop)
        with contextlib.suppress(TimeoutError):  # a router that has been closed meanwhile never answers
            waiting.result(seconds + 1)

    def snapshot(self, address: str, name: str) -> dict[str, Any] | None:
        """Return what can be seen of a service now, with its history; None when it is unknown."""
        return self._await(self._snapshot((address, name)))

    def close(self) -> None:
        """Stop listening and end the thread."""
        self._await(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _await(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # -- on the event loop

    async def _serve(self) -> int:
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_route("*", "/api/v1/service/{name}/{rest:.*}", self._handle)
        # A replica is a synchronous server that ends every connection after its answer.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        self._client = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _shut(self) -> None:
        for key in list(self._fronts):
            await self._remove(key)
        await self._runner.cleanup()
        await self._client.close()

    async def _add(self, key: _Key, settings: Settings, scale: Callable[[int], None]) -> None:
        if key in self._fronts:
            await self._remove(key, keep=True)
            self._fronts[key].change(settings)
            self._fronts[key].scaled_by(scale)
        else:
            self._fronts[key] = Front(settings, scale)
        self._looks[key] = asyncio.create_task(self._look(self._fronts[key]))

    async def _remove(self, key: _Key, *, keep: bool = False) -> None:
        if look := self._looks.pop(key, None):
            look.cancel()
        if not keep and (front := self._fronts.pop(key, None)):
            front.close()

    async def _set_replicas(self, key: _Key, ports: dict[str, int], starting: int) -> None:
        if front := self._fronts.get(key):
            front.set_replicas(ports, starting)

    async def _drain(self, key: _Key, replica: str, seconds: float) -> None:
        if front := self._fronts.get(key):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(front.drained(replica), seconds)

    async def _snapshot(self, key: _Key) -> dict[str, Any] | None:
        front = self._fronts.get(key)
        return None if front is None else front.snapshot() | {"history": list(front.history)}

    async def _look(self, front: Front) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            # Counted from the last due time, so that looks do not drift.
            due += front.settings.rule.refresh_seconds if front.settings.rule else 1.0
            await asyncio.sleep(max(due - loop.time(), 0.0))
            front.look(time.time())

    # -- requests

    async def _handle(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        front = self._fronts.get((request.host.partition(":")[0], name))
        if front is None:
            return answers.unknown(name)
        if not front.settings.may_enter(request.headers.get("Authorization", "")):
            return answers.denied()
        body = await request.read()
        answer = await self._route(front, request, body)
        front.counts[answer.status] += 1
        return answer

    async def _route(self, front: Front, request: web.Request, body: bytes) -> web.Response:
        settings, clock = front.settings, asyncio.get_running_loop().time
        began = clock()
        while (backend := await front.acquire(settings.max_wait_seconds - (clock() - began))) is not None:
            # The replica goes on with a request that is late, and stays busy with it.
            exchange = asyncio.ensure_future(self._exchange(front, backend, request, body))
            left = settings.timeout_seconds - (clock() - began)
            done, _ = await asyncio.wait([exchange], timeout=max(left, 0.0))
            if not done:
                return answers.timed_out(settings.name, settings.timeout_seconds)
            if (answer := exchange.result()) is not None:
                return answer
        return answers.overloaded(settings.name) if front.ready else answers.none_ready(settings.name)

    async def _exchange(self, front: Front, backend: Backend, request: web.Request, body: bytes) -> web.Response | None:
        """Return the replica's answer; None when it took no connection, so that another one may get the request."""
        url = f"http://127.0.0.1:{backend.port}/{request.match_info['rest']}"
        if request.query_string:
            url += f"?{request.query_string}"
        headers = [(key, value) for key, value in request.headers.items() if key.lower() not in _NOT_FORWARDED]
        try:
            async with self._client.request(request.method, url, data=body, headers=headers) as reply:
                return _passed_on(reply, await reply.read())
        except aiohttp.ClientConnectorError:
            front.shun(backend)
            return None
        except (aiohttp.ClientError, OSError):
            return answers.closed()
        finally:
            front.release(backend)


def _passed_on(reply: aiohttp.ClientResponse, body: bytes) -> web.Response:
    # What run() raised reads 502 here; the server itself says 500.
    failed = reply.status == _SERVER_ERROR and reply.headers.get(_RUN_FAILED, "").lower() == "true"
    headers = [(key, value) for key, value in reply.headers.items() if key.lower() not in _NOT_RETURNED]
    return web.Response(status=_BAD_GATEWAY if failed else reply.status, body=body, headers=CIMultiDict(headers))
