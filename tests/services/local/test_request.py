"""Requests against the real inference server."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from amlwidgets import diagnose
from amlwidgets.errors import BadInput, NotConnected, ServiceFailed
from amlwidgets.services.local.request import exported, sample_of, schema, send, send_files

pytestmark = pytest.mark.sandbox

SCRIPT = """
import json, os, time
def init():
    pass
def run(data):
    data = json.loads(data)
    if data == "raise":
        raise ValueError("AccountKey=abcdefghijklmnop0123456789== is wrong")
    if data == "die":
        os._exit(1)
    if data == "sleep":
        time.sleep(3)
    return {"echo": data}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "score.py").write_text(SCRIPT)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [Path(sys.executable).with_name("azmlinfsrv"), "--entry_script", "score.py", "--port", str(port)]
    with (folder / "log").open("w") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as server:
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                with contextlib.suppress(requests.RequestException):
                    if requests.get(f"http://127.0.0.1:{port}/", timeout=2).ok:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/score"
        finally:
            server.terminate()


def test_an_answer_with_its_headers(address):
    exchange = send(address, "[1, 2]")
    assert exchange.ok
    assert json.loads(exchange.answer) == {"echo": [1, 2]}
    names = {name.lower(): meaning for name, _, meaning in exchange.explained()}
    assert names["x-ms-run-fn-exec-ms"] == "milliseconds that run() took"
    assert exchange.seconds > 0


def test_a_failure_is_explained_kept_and_diagnosed(address, tmp_path):
    exchange = send(address, '"raise"', keep=tmp_path)
    assert exchange.status == 500
    assert Path(exchange.kept).read_text() == '"raise"'
    assert diagnose(exchange.as_text()).top.cause == "run-exception"
    again = send(address, Path(exchange.kept).read_text(), keep=tmp_path)
    assert again.kept == exchange.kept, "equal payloads are kept once"


def test_a_payload_that_crashes_the_worker_is_kept(address, tmp_path):
    with pytest.raises(NotConnected, match="broke off"):
        send(address, '"die"', keep=tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ['"die"']


def test_too_slow(address):
    with pytest.raises(ServiceFailed, match=r"No answer within 0\.5 s"):
        send(address, '"sleep"', seconds=0.5)


@pytest.mark.parametrize(
    ("address_", "body", "said"),
    [("nonsense", "1", "is no address"), ("http://127.0.0.1:1/score", "{", "no JSON .line 1, column 2")],
)
def test_bad_input(address_, body, said):
    with pytest.raises(BadInput, match=said):
        send(address_, body)


def test_nobody_there():
    with pytest.raises(NotConnected, match=r"Nobody answers at http://127\.0\.0\.1:1/score"):
        send("http://127.0.0.1:1/score", "1")


def test_files(address, tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_bytes(b"\xff\xfe")
    found = dict(send_files(address, [*sorted(tmp_path.iterdir()), tmp_path / "absent.json"]))
    assert found[tmp_path / "a.json"].ok
    assert "no JSON" in found[tmp_path / "b.json"]
    assert "cannot be read" in found[tmp_path / "c.json"]
    assert "cannot be read" in found[tmp_path / "absent.json"]


def test_the_schema_gives_a_sample(address):
    document = schema(address)
    assert document is not None
    assert json.loads(sample_of(document) or "null") is not None
    assert sample_of(None) == ""
    wanted = {"definitions": {"ServiceInput": {"type": "object", "properties": {"data": {"$ref": "#/definitions/Rows"}}},
                              "Rows": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}}}  # fmt: skip
    assert json.loads(sample_of(wanted)) == {"data": [[0.0]]}


def test_the_code_is_what_was_sent(address):
    code = exported(address, '{"it\'s": [1]}', service="diabetes")
    assert json.loads(
        subprocess.run(["sh", "-c", code["curl"]], capture_output=True, text=True, check=True).stdout
    ) == {"echo": {"it's": [1]}}
    done = subprocess.run([sys.executable, "-c", code["requests"]], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("200 ")
    assert "diabetes" in code["az"]
    assert "$KEY" in exported(address, "1", needs_key=True)["curl"]
