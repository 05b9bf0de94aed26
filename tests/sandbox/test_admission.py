"""What may refuse a build is asked before anything of it begins, on every way that leads to one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from amlwidgets.sandbox.api import ApiError, Call
from amlwidgets.sandbox.app import App
from amlwidgets.sandbox.clock import Clock
from amlwidgets.sandbox.identity import ensure_identity
from amlwidgets.sandbox.routes import environments, images, packages, services

IMAGE = {"environment": {"name": "e", "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py"}}}
SERVICE = {"name": "web", "computeType": "ACI", "environmentImageRequest": IMAGE}


@pytest.fixture
def app(tmp_path):
    found = App(tmp_path, ensure_identity(tmp_path), Clock("quick"), lambda: None)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (images.create, {}),
        (packages.create, {}),
        (environments.build, {}),
        (services.create, SERVICE),
    ],
    ids=["image", "package", "environment", "service"],
)
def test_a_check_refuses_every_build(app, monkeypatch, route, body):
    asked, begun = [], []

    def refuse(scope):
        asked.append(scope)
        raise ApiError(500, "InternalServerError", "An internal server error occurred.")

    app.lifecycle.images.register("s/g/w", "e", "1", {"python": {}})
    app.lifecycle.images.checks.append(refuse)
    monkeypatch.setattr(app.lifecycle, "begin", lambda operation, _work: begun.append(operation))
    request = SimpleNamespace(authority="host", query={}, headers={}, json=lambda: dict(body))
    params = {"subscription": "s", "group": "g", "workspace": "w", "name": "e", "version": "1"}
    with pytest.raises(ApiError, match="An internal server error occurred"):
        route(Call(app, request, params))
    assert asked == ["s/g/w"]
    assert begun == []
    assert app.store.scoped("operation") == []
    assert app.store.scoped("service") == app.store.scoped("image") == []
