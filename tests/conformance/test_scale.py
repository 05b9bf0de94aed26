"""A thousand models and two hundred services; fifty clients at once. Times are in ``benchmarks/scale.py``."""

from __future__ import annotations

import pytest
import sandbox_support as support
from crowd import MODELS, SERVICES, populate
from test_deploy import DEPLOY

pytestmark = [pytest.mark.sandbox, pytest.mark.network]


def test_a_thousand_models_and_two_hundred_services(tmp_path):
    (tmp_path / "myenv.yml").write_text("dependencies:\n- python=1.0\n- pip:\n  - azureml-defaults\n")
    (tmp_path / "score.py").write_text(support.GOOD_SCORE)
    (tmp_path / "m.txt").write_text("forty-two")
    sandbox = populate(tmp_path / "home", tmp_path)
    try:
        # A rule that never strikes counts.
        sandbox.faults(
            [{"do": "drop", "path": ".*/models", "skip": 10**9}, {"do": "drop", "path": ".*/services", "skip": 10**9}]
        )
        found = support.run_client(
            """
from azureml.core import Model
names, services = set(ws.models), set(ws.webservices)
pages = Model.list(ws)
result([sorted(names), sorted(services), len(pages), Model(ws, "model-777").version])
""",
            tmp_path,
            sandbox,
        )
        names, services, listed, version = found
        assert names == sorted(f"model-{number}" for number in range(MODELS))
        assert services == sorted(f"service-{number}" for number in range(SERVICES))
        assert (listed, version) == (MODELS, 1)
        asked = [rule["fitted"] for rule in sandbox.status()["faults"]]
        assert asked[0] <= 3 * (MODELS // 255 + 1), "pages, not one request for each model"
        assert asked[1] == 1
    finally:
        sandbox.stop()


def test_lists_ask_the_store_once_and_once_for_each_model_of_a_service(tmp_path):
    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.clock import Clock
    from amlwidgets.sandbox.identity import ensure_identity

    home = tmp_path / "home"
    home.mkdir()
    app = App(home, ensure_identity(home), Clock(), lambda: None)
    asked = []
    app.store._db.set_trace_callback(asked.append)
    counts = []
    for number in (10, 200):
        fill(app, number)
        for what in ("models", "services"):
            asked.clear()
            answer = listed(app, what)
            assert len(answer["value"]) == number
            counts.append(len(asked))
    app.close()
    # One for the list; the model of each service is read by its key.
    assert counts == [1, 1 + 10, 1, 1 + 200]


def fill(app, number):
    from amlwidgets.sandbox import services

    scope = "s/g/w"
    request = {"name": "", "computeType": "ACI", "environmentImageRequest": {"modelIds": ["m-0:1"], "environment": {}}}
    for index in range(number):
        app.store.put(
            "model", scope, f"m-{index}", {"id": f"m-{index}:1", "name": f"m-{index}", "version": 1, "kvTags": {}}, 1
        )
        app.store.put(services.KIND, scope, f"s-{index}", services.new_service(request | {"name": f"s-{index}"}, None))


def listed(app, what):
    import io
    import json

    from amlwidgets.sandbox import tokens
    from amlwidgets.sandbox.wire import Body, Headers, Request

    path = f"/modelmanagement/v1.0/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/{what}"
    token = tokens.issue(app.identity, "https://management.azure.com")
    request = Request("GET", path, Headers([("Authorization", f"Bearer {token}")]), Body(io.BytesIO(), 0))
    request.locate("https", "eastus.modelmanagement.azureml.net")
    return json.loads(app.handle(request).body)


def test_fifty_clients_at_once(run, sandbox):
    sandbox.reset()
    found = run(
        DEPLOY
        + """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from azureml.core import Workspace
models = [register(f"crowd-{number}") for number in range(10)]
service = deploy("crowd", [models[0]])
service.wait_for_deployment()
together = Barrier(50)
def client(number):
    own = Workspace.from_config()
    together.wait()
    seen = []
    for turn in range(4):
        answer = Webservice(own, "crowd").run(json.dumps({"client": number, "turn": turn}))
        seen.append([answer["echo"], Model(own, f"crowd-{number % 10}").id, len(own.models), list(own.webservices)])
    return seen
with ThreadPoolExecutor(50) as pool:
    result(list(pool.map(client, range(50))))
service.delete()
""",
        timeout=280,
    )
    assert len(found) == 50
    for number, seen in enumerate(found):
        for turn, answer in enumerate(seen):
            assert answer == [{"client": number, "turn": turn}, f"crowd-{number % 10}:1", 10, ["crowd"]]
