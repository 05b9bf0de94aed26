"""Two clients that make the same service at the same moment: one of them is told that it exists."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from amlwidgets.sandbox.api import ApiError, Call
from amlwidgets.sandbox.app import App
from amlwidgets.sandbox.clock import Clock
from amlwidgets.sandbox.identity import ensure_identity
from amlwidgets.sandbox.routes import services as routes


@pytest.fixture
def app(tmp_path):
    found = App(tmp_path, ensure_identity(tmp_path), Clock("quick"), lambda: None)
    yield found
    found.close()


def test_only_one_of_two_gets_the_name(app, monkeypatch):
    both, make = threading.Barrier(2), routes.services.new_service
    image = {"environment": {"name": "e", "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py"}}}
    resources = {"cpu": 1, "memoryInGB": 1}
    body = {"name": "web", "computeType": "ACI", "environmentImageRequest": image}
    body["containerResourceRequirements"] = resources

    def new_service(*arguments):
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        return make(*arguments)

    def create(_number):
        request = SimpleNamespace(authority="host", query={}, headers={}, json=lambda: dict(body))
        params = {"subscription": "s", "group": "g", "workspace": "w"}
        try:
            return routes.create(Call(app, request, params)).status
        except ApiError as exc:
            return exc.status

    begun = []
    monkeypatch.setattr(routes.services, "new_service", new_service)
    monkeypatch.setattr(app.lifecycle, "begin", lambda operation, _work: begun.append(operation))
    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(create, range(2))) == [202, 409]
    assert len(begun) == 1
