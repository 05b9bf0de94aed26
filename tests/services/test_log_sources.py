"""Sources of logs: polled, read by ranges, followed; nothing twice and nothing lost."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.services.log_follow import LogFollower
from amlwidgets.services.log_pick import source_of
from amlwidgets.services.log_sources import BuildLogSource

LINES = [f"2026-11-21 10:{n // 60:02d}:{n % 60:02d} line {n}\n" for n in range(200)]


@given(st.lists(st.integers(0, 8), max_size=25))
def test_a_service_that_gives_only_its_newest_lines_is_read_without_gaps(steps):
    got = []
    follower = LogFollower(got.append)
    end = 0
    for step in steps:
        end = min(end + step, len(LINES))
        # As get_logs(num_lines=10) does: the newest ten.
        follower.update("".join(LINES[max(0, end - 10) : end]))
    assert "".join(got) == "".join(LINES[:end])


def test_lines_that_were_missed_are_said():
    got = []
    follower = LogFollower(got.append)
    follower.update("".join(LINES[:10]))
    follower.update("".join(LINES[30:40]))
    assert "".join(got) == "".join(LINES[:10]) + "(lines may be missing here)\n" + "".join(LINES[30:40])


class Storage(BaseHTTPRequestHandler):
    """A blob that grows, behind ranges, as a storage account answers."""

    blob = b""
    refusal = None
    ranges: ClassVar[list] = []

    def do_GET(self):
        if self.refusal:
            status, body = self.refusal
        else:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            self.ranges.append(start)
            body = self.blob[start:]
            status = 206 if body else 416
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture
def storage():
    class Own(Storage):
        ranges: ClassVar[list] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Own.address = f"http://127.0.0.1:{server.server_port}/log?sig=AbCdEf0123456789"
    yield Own
    server.shutdown()
    server.server_close()


def follow(source):
    log, stop, ended = LogBuffer(source.name), threading.Event(), []
    thread = threading.Thread(target=lambda: ended.append(source.run(log, stop)), daemon=True)
    thread.start()
    return log, stop, thread, ended


def until(condition):
    waiting = threading.Event()
    for _ in range(1000):
        if condition():
            return
        waiting.wait(0.02)
    pytest.fail("it did not come")


def test_a_build_log_is_read_by_ranges_as_it_grows(storage):
    storage.blob = b"Step 1\nStep 2\n"
    log, stop, thread, ended = follow(BuildLogSource(storage.address, get=requests.get))
    until(lambda: len(log) == 2)
    storage.blob += b"Step 3\n"
    until(lambda: len(log) == 3)
    until(lambda: storage.ranges.count(21) > 1)
    storage.refusal = (403, b"<Code>AuthenticationFailed</Code>Signature not valid in the specified time frame")
    thread.join(30)
    assert "has expired" in ended[0]
    assert log.text() == "Step 1\nStep 2\nStep 3\n"
    assert storage.ranges[0] == 0
    assert set(storage.ranges[1:]) == {14, 21}
    stop.set()


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((403, b"<Code>AuthorizationFailure</Code>"), "firewall"),
        ((404, b"<Code>BlobNotFound</Code>"), "no build log"),
        ((500, b""), "HTTP 500"),
    ],
)
def test_a_storage_that_refuses_says_why(storage, refusal, words):
    storage.refusal = refusal
    _, _, thread, ended = follow(BuildLogSource(storage.address, get=requests.get))
    thread.join(30)
    assert words in ended[0]


def test_an_image_gives_its_build_log():
    class Image:
        name = "img"
        image_build_log_uri = "https://a.blob.core.windows.net/x?sig=1"

    assert source_of(Image()).name == "build log of img"
