"""HTTP/1.1 by hand: bodies in every framing, and what is not HTTP."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.sandbox.wire import Headers, Request, Response, WireError, read_request, split_authority, write_response


def reader(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def request(data: bytes, sent: list[bytes] | None = None) -> Request:
    found = read_request(reader(data), (sent if sent is not None else []).append)
    assert found is not None
    return found


def answer(response: Response, method: str = "GET") -> bytes:
    sent: list[bytes] = []
    asked = request(f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    write_response(sent.append, asked, response, close=False)
    return b"".join(sent)


@given(st.binary(max_size=5000), st.integers(1, 700))
def test_a_chunked_body_arrives_whole(body, size):
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (body[i : i + size] for i in range(0, len(body), size)))
    head = b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    stream = reader(head + chunks + b"0\r\n\r\nGET /next HTTP/1.1\r\n\r\n")
    first = read_request(stream, print)
    assert first.body.read_all() == body
    assert read_request(stream, print).target == "/next"


def test_requests_follow_each_other_when_the_body_is_drained():
    stream = reader(b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345GET /b HTTP/1.1\r\n\r\n")
    first = read_request(stream, print)
    assert first.body.drain()
    assert read_request(stream, print).target == "/b"
    assert read_request(stream, print) is None


def test_continue_is_sent_when_the_body_is_wanted():
    sent: list[bytes] = []
    found = request(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok", sent)
    assert sent == []
    assert found.body.read_all() == b"ok"
    assert sent == [b"HTTP/1.1 100 Continue\r\n\r\n"]


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n",
    ],
)
def test_what_is_not_http_is_refused(data):
    with pytest.raises(WireError):
        request(data)


@pytest.mark.parametrize("body", [b"zz\r\n", b"-1\r\n", b"5\r\nab"])
def test_a_broken_body_is_refused(body):
    found = request(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    with pytest.raises(WireError):
        found.body.read_all()


def test_a_body_that_ends_early_is_refused():
    with pytest.raises(WireError):
        request(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort").body.read_all()


def test_answers():
    assert answer(Response(200, b"abc")).endswith(b"Content-Length: 3\r\nConnection: keep-alive\r\n\r\nabc")
    assert answer(Response(200, iter([b"ab", b"", b"c"]))).endswith(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert answer(Response(200, iter([b"abc"]), [], 3)).endswith(b"\r\n\r\nabc")
    assert answer(Response(200, b"", [("Content-Length", "70")]), "HEAD").count(b"Content-Length") == 1
    assert b"Content-Length" not in answer(Response(204))


def test_a_value_cannot_start_a_header_of_its_own():
    assert b"\r\nSet-Cookie" not in answer(Response(200, b"", [("X", "a\r\nSet-Cookie: b")]))


def test_targets():
    absolute = request(b"GET http://h.example:81/a%20b?c=d&e HTTP/1.1\r\nHost: other\r\n\r\n")
    absolute.locate("http", "other")
    assert (absolute.host, absolute.path, absolute.raw_path) == ("h.example", "/a b", "/a%20b")
    assert absolute.query == {"c": "d", "e": ""}
    assert split_authority("[::1]:443", 0) == ("::1", 443)
    assert split_authority("Host.Example", 80) == ("host.example", 80)
    with pytest.raises(WireError):
        split_authority("a:b", 0)


def test_header_names_compare_without_case():
    headers = Headers([("Connection", "Keep-Alive, Upgrade"), ("A", "1")])
    assert headers.has("connection", "keep-alive")
    assert headers.get("a") == "1"
    assert headers.without("CONNECTION").pairs == [("A", "1")]


def test_the_reason_cannot_end_the_status_line():
    sent = answer(Response(501, b"", reason="no\r\nSet-Cookie: x"))
    assert sent.startswith(b"HTTP/1.1 501 no  Set-Cookie: x\r\n")


@pytest.mark.parametrize("length", ["\u00b2", "\u00b9\u00b3", "-1", "+1", "1.0", "1 2"])
def test_a_length_is_written_in_plain_digits(length):
    with pytest.raises(WireError, match="Content-Length"):
        request(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode("latin-1"))
