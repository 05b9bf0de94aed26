"""Faults on demand: each kind over the wire, what a rule has to say, and who may ask for one."""

from __future__ import annotations

import json
import time

import pytest
import sandbox_support as support

from amlwidgets.errors import ServiceFailed
from amlwidgets.sandbox import tokens

pytestmark = pytest.mark.sandbox
URL = "https://management.azure.com/subscriptions"


@pytest.fixture
def faults(sandbox):
    yield sandbox.faults
    sandbox.faults([])


def asked(sandbox, token):
    return support.ask(sandbox, "GET", URL, token=token)


def test_statuses_come_with_retry_after_as_often_as_said(sandbox, token, faults):
    for status in (403, 429, 500, 503):
        faults([{"do": "status", "status": status, "retry_after": 7, "host": "management.*", "skip": 1, "times": 2}])
        answers = [asked(sandbox, token) for _ in range(4)]
        assert [found for found, _, _ in answers] == [200, status, status, 200]
        assert answers[1][1]["Retry-After"] == "7"
        assert json.loads(answers[1][2])["statusCode"] == status
        assert [(rule["fitted"], rule["hits"]) for rule in sandbox.status()["faults"]] == [(4, 2)]


def test_a_connection_is_dropped_before_or_after_the_work(sandbox, token, faults):
    scope = (
        "/subscriptions/{subscription_id}/resourceGroups/{resource_group}"
        "/providers/Microsoft.MachineLearningServices/workspaces/{workspace_name}"
    ).format(**sandbox.workspace_config())
    base = f"https://eastus.experiments.azureml.net/artifact/v2.0{scope}/artifacts/batch/metadata/LocalUpload/c"
    for after, found in ((False, 404), (True, 200)):
        body = json.dumps({"paths": [{"path": f"{after}.txt"}]}).encode()
        answer = json.loads(support.ask(sandbox, "POST", base, token=token, body=body)[2])
        link = answer["artifactContentInformation"][f"{after}.txt"]["contentUri"]
        faults([{"do": "drop", "method": "PUT", "after": after}])
        with pytest.raises(OSError, match=r"closed|reset|EOF"):
            support.ask(sandbox, "PUT", link, body=b"content", x_ms_blob_type="BlockBlob")
        assert support.ask(sandbox, "GET", link)[0] == found


def test_latency_ends_with_the_rule(sandbox, token, faults):
    from concurrent.futures import ThreadPoolExecutor

    faults([{"do": "latency", "seconds": 3600}])
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(asked, sandbox, token)
        support.until(lambda: sandbox.status()["faults"][0]["hits"] == 1, what="the request's arrival")
        assert not late.done()
        faults([])
        assert late.result(30)[0] == 200


def test_an_answer_that_trickles_is_whole(sandbox, token, faults):
    fast = asked(sandbox, token)[2]
    faults([{"do": "slow", "rate": 20 * len(fast)}])
    assert asked(sandbox, token)[2] == fast
    assert sandbox.status()["faults"][0]["hits"] == 1


def test_short_lived_tokens_expire(sandbox, faults):
    faults([{"do": "expire", "seconds": 1}])
    form = b"grant_type=client_credentials&client_id=a&client_secret=b&scope=https://management.azure.com/.default"
    where = "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    answers = [json.loads(support.ask(sandbox, "POST", where, body=form)[2]) for _ in range(2)]
    assert [answer["expires_in"] for answer in answers] == [1, tokens.LIFETIME]
    short, lasting = (answer["access_token"] for answer in answers)
    support.until(lambda: tokens.claims(short)["exp"] <= time.time(), what="the token's end")
    assert asked(sandbox, short)[0] == 401
    assert asked(sandbox, lasting)[0] == 200


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"do": "explode"}, "do is 'explode'"),
        ({}, "do is ''"),
        ({"do": "drop", "often": 3}, "no field often"),
        ({"do": "status", "status": 404}, "one of 403, 429, 500, 503"),
        ({"do": "slow"}, "needs rate"),
        ({"do": "latency", "seconds": -1}, "from 0"),
        ({"do": "latency", "seconds": "1"}, "from 0"),
        ({"do": "drop", "path": "("}, "regular expression"),
        ({"do": "drop", "path": 1}, "regular expression"),
        (["drop"], "JSON object"),
    ],
)
def test_a_rule_that_says_nonsense_is_refused(sandbox, faults, rule, words):
    faults([{"do": "drop", "path": "/never"}])
    with pytest.raises(ServiceFailed) as refused:
        faults([rule])
    assert words in str(refused.value)
    assert sandbox.status()["faults"][0]["path"] == "/never"


def test_off_by_default_and_after_a_reset(tmp_path):
    own = support.start_sandbox(tmp_path / "home")
    assert own.status()["faults"] == []
    own.faults([{"do": "drop", "times": 0}])
    own.reset()
    assert own.status()["faults"] == []
    own.faults([{"do": "drop", "times": 0}])
    own.stop()
    again = support.start_sandbox(tmp_path / "home")
    assert again.status()["faults"] == []
    again.stop()
