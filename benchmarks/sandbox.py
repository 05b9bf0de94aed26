"""The sandbox's start, and what its router adds to a request, beside the same container asked directly."""

from __future__ import annotations

import os
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STARTS, REQUESTS = 5, 500


class _Echo(BaseHTTPRequestHandler):
    """Answers every POST at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_words: object) -> None:
        pass


def timed(call: Callable[[], object], times: int) -> list[float]:
    """Return the seconds of each call."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return found


def main() -> None:
    """Print milliseconds of a start, and of requests through the proxy and directly."""
    import requests

    from amlwidgets.sandbox import client

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        starts = []
        for _ in range(STARTS):
            starts += timed(lambda: client.start(home), 1)
            client.connect(home).stop()
        print(f"sandbox ready: first {1000 * starts[0]:.0f} ms, again {1000 * median(starts[1:]):.0f} ms (budget 1500)")
        sandbox = client.start(home)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
        Thread(target=server.serve_forever, daemon=True).start()
        session = requests.Session()
        session.trust_env = False
        address = f"http://localhost:{server.server_port}/"
        direct = timed(lambda: session.post(address, data=b"{}"), REQUESTS)
        session.proxies = {"http": sandbox.identity.proxy_url}
        through = timed(lambda: session.post(address, data=b"{}"), REQUESTS)
        for name, values in (("direct", direct), ("through the proxy", through)):
            mean, p99 = 1000 * sum(values) / len(values), 1000 * quantiles(values, n=100)[98]
            print(f"  {name:<18} mean {mean:5.2f} ms, p99 {p99:5.2f} ms")
        server.shutdown()
        sandbox.stop()


if __name__ == "__main__":
    os.environ.pop("HTTP_PROXY", None)
    main()
