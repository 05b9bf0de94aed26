"""What a client repeats is done once; what it wants again is done again."""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from amlwidgets.sandbox.api import ApiError, Call, json_response
from amlwidgets.sandbox.app import App
from amlwidgets.sandbox.clock import Clock
from amlwidgets.sandbox.identity import ensure_identity
from amlwidgets.sandbox.operations import Operation
from amlwidgets.sandbox.repeats import KEPT, once
from amlwidgets.sandbox.wire import Body, Headers, Request


@pytest.fixture
def app(tmp_path):
    made = App(tmp_path, ensure_identity(tmp_path), Clock(), lambda: None)
    yield made
    made.close()


class Route:
    """A route that counts how often its work is done, and begins an operation each time."""

    def __init__(self, app, method="POST", *, operation=True):
        self.app, self.method, self.operation = app, method, operation
        self.done: list[str] = []
        self.handler = once(self.work)

    def work(self, call):
        body = call.document()
        self.done.append(body["is"])
        if not self.operation:
            return json_response({"number": len(self.done)})
        made = Operation.create(self.app.store, call.scope, "Service", service=body.get("service", "web"))
        return json_response({"id": made.id}, status=202, headers=[("Operation-Location", f"https://x/{made.id}")])

    def ask(self, what, session="one", path="/services", **more):
        data = json.dumps({"is": what, **more}).encode()
        headers = Headers([("x-ms-client-session-id", session)] if session else [])
        request = Request(self.method, path, headers, Body(io.BufferedReader(io.BytesIO(data)), len(data)))
        request.locate("https", "eastus.modelmanagement.azureml.net")
        params = {"subscription": "s", "group": "g", "workspace": "w"}
        return json.loads(self.handler(Call(self.app, request, params)).body)


def test_a_repeated_request_gets_the_first_answer_until_its_operation_is_asked_for(app):
    route = Route(app)
    first, again = route.ask("a"), route.ask("a")
    assert first == again
    app.repeats.claimed(first["id"])
    assert route.ask("a") != first
    assert route.done == ["a", "a"]


def test_another_client_or_one_that_does_not_say_who_it_is_repeats_nothing(app):
    route = Route(app)
    for session in ("one", "two", "", ""):
        route.ask("a", session)
    assert len(route.done) == 4


def test_what_is_undone_and_wanted_again_is_done_again(app):
    route = Route(app, "PATCH")
    for what in ("a", "b", "b", "a"):
        route.ask(what)
    assert route.done == ["a", "b", "a"], "the second b is a repetition, the second a is not"
    app.lifecycle.remove_service("s/g/w", "web")
    route.ask("a")
    assert route.done == ["a", "b", "a", "a"], "after the service was deleted"


def test_services_that_are_deployed_side_by_side_do_not_disturb_each_other(app):
    route = Route(app)
    first = [route.ask("a", service=name) for name in ("web", "shop")]
    assert [route.ask("a", service=name) for name in ("web", "shop")] == first
    assert len(route.done) == 2


def test_a_change_at_once_is_done_each_time_and_a_creation_once(app):
    for method, times in (("PATCH", 2), ("POST", 1)):
        route = Route(app, method, operation=False)
        route.ask("a")
        route.ask("a")
        assert len(route.done) == times, method


def test_a_refused_request_is_tried_again(app):
    route, refusals = Route(app), [ApiError(409, "Conflict", "not now"), ValueError("broken")]

    def work(call):
        if refusals:
            raise refusals.pop(0)
        return Route.work(route, call)

    route.handler = once(work)
    for error in (ApiError, ValueError):
        with pytest.raises(error):
            route.ask("a")
    route.ask("a")
    assert route.done == ["a"]


def test_at_once_it_is_still_done_once(app):
    route, together = Route(app), threading.Barrier(8)

    def ask(_):
        together.wait()
        return route.ask("a")["id"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert route.done == ["a"]


def test_it_does_not_remember_without_end(app):
    route = Route(app)
    for number in range(3 * KEPT):
        route.ask("a", service=f"s{number}")
    assert {len(kept) for kept in (app.repeats._answers, app.repeats._operations, app.repeats._services)} == {KEPT}
