"""The router between real clients and real servers on loopback ports."""

from __future__ import annotations

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from amlwidgets.sandbox.router.autoscaler import Rule
from amlwidgets.sandbox.router.front import Settings
from amlwidgets.sandbox.router.server import Router

ADDRESS, NAME = "203.0.113.7", "svc"


class Replica:
    """A server that answers when it is told to."""

    def __init__(self):
        self.arrived, self.go = threading.Semaphore(0), threading.Event()
        self.seen, self.peak, self.now = [], 0, 0
        replica, guard = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with guard:
                    replica.seen.append((self.path, body, {k.lower(): v for k, v in self.headers.items()}))
                    replica.now += 1
                    replica.peak = max(replica.peak, replica.now)
                replica.arrived.release()
                replica.go.wait(30)
                with guard:
                    replica.now -= 1
                if body == b"break":
                    self.connection.close()
                    return
                failed = body == b"raise"
                self.send_response(500 if failed else 200)
                if failed:
                    self.send_header("x-ms-run-function-failed", "True")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def replica():
    made = Replica()
    yield made
    made.stop()


@pytest.fixture
def router():
    made = Router()
    yield made
    made.close()


def settings(**changes):
    return Settings(**{"name": NAME, "max_wait_seconds": 0.05, "timeout_seconds": 30.0} | changes)


def serve(router, ports, **changes):
    wishes = []
    router.add(ADDRESS, settings(**changes), wishes.append)
    router.set_replicas(ADDRESS, NAME, {f"r{i}": port for i, port in enumerate(ports)}, 0)
    return wishes


def post(router, body=b"{}", path="score?x=1", name=NAME, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", router.port, timeout=30)
    connection.request("POST", f"/api/v1/service/{name}/{path}", body, {"Host": f"{ADDRESS}:80", **headers})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, answer


def test_a_request_reaches_the_replica_and_its_answer_comes_back(router, replica):
    replica.go.set()
    serve(router, [replica.port])
    status, text, _ = post(router, b'{"a": 1}', **{"x-request-id": "abc", "Authorization": "Bearer key"})
    assert (status, text) == (200, "ok")
    path, body, headers = replica.seen[0]
    assert (path, body, headers["x-request-id"]) == ("/score?x=1", b'{"a": 1}', "abc")
    assert "authorization" not in headers  # the script must not see the key
    assert router.snapshot(ADDRESS, NAME)["answers"] == {"200": 1}


def test_a_replica_takes_one_request_at_a_time(router, replica):
    serve(router, [replica.port], max_wait_seconds=20.0)
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(post, router) for _ in range(3)]
        replica.arrived.acquire()
        while (seen := router.snapshot(ADDRESS, NAME))["waiting"] < 2:
            pass
        assert (seen["busy"], seen["waiting"]) == (1, 2)
        replica.go.set()
        assert [answer.result()[0] for answer in answers] == [200] * 3
    assert replica.peak == 1


def test_more_at_a_time_where_the_service_says_so(router, replica):
    serve(router, [replica.port], concurrent=2, max_wait_seconds=20.0)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(post, router) for _ in range(2)]
        replica.arrived.acquire()
        replica.arrived.acquire()
        replica.go.set()
        assert [answer.result()[0] for answer in answers] == [200] * 2
    assert replica.peak == 2


def test_who_waits_too_long_is_refused_with_the_routers_words(router, replica):
    serve(router, [replica.port])
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, router)
        replica.arrived.acquire()
        assert post(router)[:2] == (503, f"Too many requests for service {NAME} (overloaded)")
        replica.go.set()
        assert first.result()[0] == 200


def test_no_replica(router):
    serve(router, [])
    assert post(router)[:2] == (503, f"No ready replicas for service {NAME}")


def test_a_late_answer_is_504_and_the_replica_stays_busy_with_it(router, replica):
    serve(router, [replica.port], timeout_seconds=0.2)
    status, text, _ = post(router)
    assert (status, text) == (504, f"Request to service {NAME} timed out after 200 ms")
    assert router.snapshot(ADDRESS, NAME)["busy"] == 1
    replica.go.set()
    while router.snapshot(ADDRESS, NAME)["busy"]:
        pass


def test_a_broken_connection_is_502(router, replica):
    replica.go.set()
    serve(router, [replica.port])
    status, text, answer = post(router, b"break")
    assert (status, text) == (502, "Replica closed connection before replying")
    assert answer.headers["Server"] == "Cowboy"
    assert post(router)[0] == 200


def test_what_run_raised_reads_502(router, replica):
    replica.go.set()
    serve(router, [replica.port])
    status, text, answer = post(router, b"raise")
    assert (status, text, answer.headers["x-ms-run-function-failed"]) == (502, "ok", "True")


def test_the_key_is_asked_for(router, replica):
    replica.go.set()
    serve(router, [replica.port], may_enter=lambda header: header == "Bearer right")
    assert post(router)[0] == 401
    assert post(router, Authorization="Bearer wrong")[0] == 401
    assert post(router, Authorization="Bearer right")[0] == 200
    assert len(replica.seen) == 1


def test_a_service_is_reached_at_its_own_cluster_only(router, replica):
    replica.go.set()
    serve(router, [replica.port])
    assert post(router, name="other")[0] == 404
    assert post(router, Host="203.0.113.8")[0] == 404
    router.remove(ADDRESS, NAME)
    assert post(router)[0] == 404


def test_a_replica_that_leaves_answers_its_last_request(router, replica):
    serve(router, [replica.port])
    with ThreadPoolExecutor(2) as pool:
        last = pool.submit(post, router)
        replica.arrived.acquire()
        router.set_replicas(ADDRESS, NAME, {}, 0)
        drained = pool.submit(router.drain, ADDRESS, NAME, "r0", 20.0)
        assert post(router)[0] == 503
        assert not drained.done()
        replica.go.set()
        drained.result()
        assert last.result()[0] == 200


def test_load_makes_the_autoscaler_ask_for_replicas(router, replica):
    asked = threading.Event()
    wishes = []

    def scale(count):
        wishes.append(count)
        asked.set()

    rule = Rule(minimum=1, maximum=5, refresh_seconds=0.05)
    router.add(ADDRESS, settings(rule=rule, max_wait_seconds=20.0), scale)
    router.set_replicas(ADDRESS, NAME, {"r0": replica.port}, 0)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, router)
        assert asked.wait(20)
        replica.go.set()
        assert answer.result()[0] == 200
    assert wishes[0] == 2
    history = router.snapshot(ADDRESS, NAME)["history"]
    assert {"time", "ready", "starting", "busy", "waiting", "answers"} == set(history[0])
    assert any(look["busy"] == 1 for look in history)


def test_replicas_take_turns(router):
    replicas = [Replica(), Replica()]
    for replica in replicas:
        replica.go.set()
    serve(router, [replica.port for replica in replicas])
    assert [post(router)[0] for _ in range(4)] == [200] * 4
    assert [len(replica.seen) for replica in replicas] == [2, 2]
    for replica in replicas:
        replica.stop()


def test_a_request_that_nobody_took_goes_to_another_replica(router, replica):
    gone = Replica()
    gone.stop()  # it crashed, and that was not noticed yet
    replica.go.set()
    serve(router, [gone.port, replica.port])
    assert [post(router)[0] for _ in range(4)] == [200] * 4
    assert len(replica.seen) == 4
    assert router.snapshot(ADDRESS, NAME)["answers"] == {"200": 4}


def test_nobody_waits_for_a_replica_of_a_service_that_is_gone(router, replica):
    serve(router, [replica.port])
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(post, router)
        replica.arrived.acquire(timeout=30)
        router.set_replicas(ADDRESS, NAME, {}, 0)
        drained = pool.submit(router.drain, ADDRESS, NAME, "r0", 3600)
        router.snapshot(ADDRESS, NAME)  # the drain has been told to the loop before this answers
        router.remove(ADDRESS, NAME)
        drained.result(30)
        replica.go.set()
        assert asked.result(30)[0] == 200
