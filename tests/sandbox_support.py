"""What the tests of the sandbox share: a sandbox of their own, clients in processes of their own, small servers."""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from amlwidgets.sandbox import client
from amlwidgets.sandbox.client import Sandbox

CONDA = "name: x\ndependencies:\n- python=3.11\n- pip:\n  - azureml-defaults\n"
GOOD_SCORE = """
import json, os
from pathlib import Path
def init():
    global folder
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    print("models:", sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()))
def run(data):
    return {"echo": json.loads(data), "model": (folder / "m.txt").read_text()}
"""
PROLOGUE = """
import json, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
def result(value):
    print("RESULT " + json.dumps(value))
def failure(function, *arguments, **named):
    try:
        function(*arguments, **named)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("it should have failed")
"""


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without proxies."""
    names = {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}
    return {k: v for k, v in os.environ.items() if k.lower() not in names} | more


def run_python(code: str, folder: Path, environment: dict[str, str], timeout: float = 200) -> Any:
    """Run a client script in a process of its own; returns what it passed to ``result``."""
    script = folder / "client_script.py"
    script.write_text(PROLOGUE + code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(results[-1][7:]) if results else done.stdout


def client_environment(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """The environment of a client that is led to ``sandbox``; its home is ``folder``."""
    environment = clean_environment(HOME=str(folder))
    for name in sandbox.unset:
        environment.pop(name, None)
    return environment | sandbox.environment()


def run_client(code: str, folder: Path, sandbox: Sandbox, timeout: float = 200) -> Any:
    """Run a script of azureml-core against ``sandbox``; ``ws`` is opened for it."""
    config = folder / ".azureml"
    config.mkdir(exist_ok=True)
    (config / "config.json").write_text(json.dumps(sandbox.workspace_config()))
    opening = "from azureml.core import Workspace\nws = Workspace.from_config()\n"
    return run_python(opening + code, folder, client_environment(sandbox, folder), timeout)


def ask(
    sandbox: Sandbox, method: str, url: str, *, token: str | None = None, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Send one https request through the sandbox's proxy, trusting its authority."""
    host = url.removeprefix("https://").split("/", 1)[0]
    context = ssl.create_default_context(cafile=str(sandbox.home / "ca.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", sandbox.identity.port, context=context, timeout=60)
    connection.set_tunnel(host, 443, headers=proxy_headers(sandbox))
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    with contextlib.closing(connection):
        connection.request(method, "/" + url.removeprefix("https://").partition("/")[2], body, sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def proxy_headers(sandbox: Sandbox, password: str | None = None) -> dict[str, str]:
    """The credentials that the proxy wants."""
    pair = f"{sandbox.identity.user}:{password or sandbox.identity.password}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def until(condition: Any, seconds: float = 30, what: str = "the condition") -> Any:
    """Wait until ``condition()`` is true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def start_sandbox(home: Path, environment: dict[str, str] | None = None, **options: Any) -> Sandbox:
    """Start a sandbox on ``home`` as from a process with ``environment``."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(environment or clean_environment())
        return client.start(home, **options)
    finally:
        os.environ.clear()
        os.environ.update(before)


class _Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        seen = {"path": self.path, "method": self.command, "headers": dict(self.headers), "length": len(body)}
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextlib.contextmanager
def web_server(certificate: Path | None = None) -> Any:
    """A server that answers with what it was asked; https when ``certificate`` is given. Yields its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class RecordingProxy:
    """A forward proxy that notes what it is asked and leads every host to one local port."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.seen: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        from amlwidgets.sandbox.upstream import tunnel

        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        self.seen.append(head.decode())
        with connection, socket.create_connection(("127.0.0.1", self.target)) as other:
            if head.startswith(b"CONNECT"):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                other.sendall(head)
            tunnel(connection, other)

    def close(self) -> None:
        self._listener.close()
