"""What a client repeats because the answer got lost is done once.

azureml-core sends a request up to four times, word for word, when its connection breaks or the answer is a 5xx. The
first of them may have been done all the same: a second one must neither make another version nor deploy again.
"""

from __future__ import annotations

import functools
import hashlib
import io
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.operations import KIND
from amlwidgets.sandbox.wire import Body, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.sandbox.api import Call

KEPT = 256
"""Answers that are remembered."""
_REFUSED = 300
# One process of azureml-core has one of these; whoever sends neither is not known to repeat.
_CLIENT = ("x-ms-client-session-id", "x-ms-client-request-id")


class Repeats:
    """Answers of requests that create something, until the client shows that it got them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, Future[Response]] = {}
        self._operations: dict[str, str] = {}
        self._services: dict[tuple[str, str], str] = {}

    def answer(self, call: Call, handler: Callable[[Call], Response]) -> Response:
        """Return the handler's answer, or that of the same request before."""
        key = _key(call)
        if key is None:
            return handler(call)
        with self._lock:
            earlier = self._answers.get(key)
            mine: Future[Response] = Future()
            if earlier is None:
                self._answers[key] = mine
        return earlier.result() if earlier is not None else self._first(call, handler, key, mine)

    def _first(self, call: Call, handler: Callable[[Call], Response], key: str, mine: Future[Response]) -> Response:
        try:
            response = handler(call)
        except BaseException as exc:
            self._drop(key)
            mine.set_exception(exc)
            raise
        mine.set_result(response)
        self._keep(call, key, response)
        return response

    def _keep(self, call: Call, key: str, response: Response) -> None:
        where = next((value for name, value in response.headers if name == "Operation-Location"), "")
        # A change that needs no operation is done at once, and may be undone and wanted again.
        if response.status >= _REFUSED or (call.request.method == "PATCH" and not where):
            self._drop(key)
        if where:
            identifier = where.rpartition("/")[2]
            document = call.app.store.get(KIND, call.scope, identifier) or {}
            self._keep_operation(key, identifier, (call.scope, str(document.get("service") or "")))
        with self._lock:
            _trim(self._answers)
            _trim(self._operations)
            _trim(self._services)

    def _keep_operation(self, key: str, identifier: str, service: tuple[str, str]) -> None:
        if service[1]:
            self.forget(*service)
        with self._lock:
            self._operations[identifier] = key
            self._services[service] = key

    def claimed(self, operation: str) -> None:
        """Note that a client knows an operation: the same request would be meant as a new one from now on."""
        if operation in self._operations:
            with self._lock:
                key = self._operations.pop(operation, "")
            self._drop(key)

    def forget(self, scope: str, service: str) -> None:
        """Forget what was answered last about a service: something else has been done with it since."""
        with self._lock:
            key = self._services.pop((scope, service), "")
        self._drop(key)

    def clear(self) -> None:
        """Forget every answer."""
        with self._lock:
            for kept in (self._answers, self._operations, self._services):
                kept.clear()

    def _drop(self, key: str) -> None:
        with self._lock:
            self._answers.pop(key, None)


def _trim(kept: dict[Any, Any]) -> None:
    while len(kept) > KEPT:
        del kept[next(iter(kept))]


def once(handler: Callable[[Call], Response]) -> Callable[[Call], Response]:
    """Make a handler's answer the same for a request that is repeated."""

    @functools.wraps(handler)
    def answer(call: Call) -> Response:
        return call.app.repeats.answer(call, handler)

    return answer


def _key(call: Call) -> str | None:
    request = call.request
    client = next((value for name in _CLIENT if (value := request.headers.get(name))), "")
    if not client:
        return None
    body = request.body.read_all()
    # The handler reads it once more.
    request.body = Body(io.BufferedReader(io.BytesIO(body)), len(body))
    text = f"{client}\n{request.method}\n{request.authority}\n{request.target}\n".encode()
    return hashlib.sha256(text + body).hexdigest()
