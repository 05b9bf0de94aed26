"""The unmodified azureml-core on a bad day: what it repeats is done once, and what can pass passes."""

from __future__ import annotations

import json

import pytest
import sandbox_support as support
from test_deploy import DEPLOY

pytestmark = [pytest.mark.sandbox, pytest.mark.network]
POST_SERVICES = {"method": "POST", "path": ".*/services"}
SCORE = {"host": ".*azurecontainer.io"}


@pytest.fixture
def disturbed(run, sandbox):
    sandbox.reset()
    yield lambda rules, code, **options: run(
        f"from amlwidgets.sandbox import client\nfaults = client.connect({str(sandbox.home)!r}).faults\n"
        f"faults(json.loads({json.dumps(rules)!r}))\n" + code,
        **options,
    )
    sandbox.faults([])


def operations(sandbox):
    import sqlite3

    with sqlite3.connect(f"file:{sandbox.home / 'sandbox.sqlite'}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT body FROM documents WHERE kind='operation' ORDER BY id").fetchall()
    return [json.loads(body) for (body,) in rows]


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "status", "status": 503, "retry_after": 1},
        {"do": "status", "status": 503, "retry_after": 1, "after": True},
        {"do": "status", "status": 500},
        {"do": "drop"},
        {"do": "drop", "after": True},
    ],
    ids=["503", "503 after the work", "500", "dropped", "dropped after the work"],
)
def test_a_deployment_survives_and_is_done_once(disturbed, sandbox, fault):
    found = disturbed(
        [fault | POST_SERVICES, fault | SCORE | {"times": 2}, {"do": "drop", "path": ".*/operations/.*"}],
        DEPLOY
        + """
service = deploy("tough", [register()])
service.wait_for_deployment()
result([service.state, service.run('{"x": 1}')])
""",
    )
    assert found == ["Healthy", {"echo": {"x": 1}, "model": "forty-two"}]
    assert [rule["hits"] for rule in sandbox.status()["faults"]] == [1, 2, 1]
    done = [(o["service"], o["state"]) for o in operations(sandbox) if o["operationType"] == "Service"]
    assert done == [("tough", "Succeeded")]


def test_an_update_whose_answer_is_lost_is_done_once_and_a_wanted_second_one_again(disturbed, sandbox):
    found = disturbed(
        [],
        DEPLOY
        + """
service = deploy("twice", [register()])
service.wait_for_deployment()
faults([{"do": "drop", "method": "PATCH", "after": True}])
inference = InferenceConfig(entry_script="score.py", environment=env)
service.update(models=[register("other")], inference_config=inference)
service.wait_for_deployment()
faults([])
first = Webservice(ws, "twice").run('{"x": 1}')
for tag in ("a", "b", "a"):
    service.update(tags={"tag": tag})
result([first["model"], Webservice(ws, "twice").tags])
""",
    )
    assert found == ["forty-two", {"tag": "a"}]
    assert len([o for o in operations(sandbox) if o["operationType"] == "Service"]) == 2


def test_models_whose_answers_are_lost_have_one_version(disturbed, sandbox):
    found = disturbed(
        [
            {"do": "drop", "method": "POST", "path": ".*/models", "after": True},
            {"do": "status", "status": 429, "retry_after": 1, "method": "GET", "path": ".*/models"},
        ],
        DEPLOY
        + """
model = register("single")
again = register("single")
result([model.version, again.version, [m.id for m in Model.list(ws)]])
""",
    )
    assert found == [1, 2, ["single:2", "single:1"]]
    assert [rule["hits"] for rule in sandbox.status()["faults"]] == [1, 1]


def test_a_slow_blob_and_one_that_breaks_off(disturbed, sandbox):
    blobs = {"host": ".*blob.core.windows.net", "method": "GET"}
    found = disturbed(
        [{"do": "drop"} | blobs, {"do": "slow", "rate": 200_000} | blobs],
        """
from azureml.core import Model
Path("big.bin").write_bytes(bytes(range(256)) * 1000)
model = Model.register(ws, model_path="big.bin", model_name="big")
result(Path(model.download("out")).read_bytes() == Path("big.bin").read_bytes())
""",
    )
    assert found is True
    assert [rule["hits"] for rule in sandbox.status()["faults"]] == [1, 1]


def test_an_expired_token_leads_to_a_new_one(disturbed, sandbox):
    found = disturbed(
        [{"do": "expire", "seconds": 2, "host": "login.*"}],
        """
from azureml.core import Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from amlwidgets.sandbox import tokens
def used():
    return who.get_authentication_header()["Authorization"].split()[1]
who = ServicePrincipalAuthentication("any-tenant", "any-client", "any-password")
first = used()
while tokens.claims(first)["exp"] > time.time():
    pass
own = Workspace.get(ws.name, auth=who, subscription_id=ws.subscription_id, resource_group=ws.resource_group)
names = list(own.models)
result([first, used(), used(), names])
""",
    )
    first, second, third, names = found
    assert first != second == third
    assert names == []
    assert support.ask(sandbox, "GET", "https://management.azure.com/subscriptions", token=first)[0] == 401
