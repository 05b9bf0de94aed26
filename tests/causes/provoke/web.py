"""Failures between client and server: real requests, OpenSSL, nginx, kubectl and a browser."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from provoke.base import free_port, listening, provokes, python_says, running, said, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POST = "import requests\n\nanswer = requests.post('{url}', {body}, timeout=20)\nanswer.raise_for_status()\nprint(answer.text)\n"
PATH = "/api/v1/service/mysvc/score"


@contextlib.contextmanager
def nginx(folder: Path, location: str, http: str = "") -> Iterator[int]:
    """The real nginx with one location."""
    port = free_port()
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {places} {http} server {{ listen 127.0.0.1:{port}; {location} }} }}\n"
    )
    with running(_nginx(), "-p", folder, "-c", folder / "nginx.conf", cwd=folder, log=folder / "nginx.log"):
        wait_until(lambda: listening(port))
        yield port


def _nginx() -> str:
    import shutil

    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx"


def posted(folder: Path, location: str, http: str = "", body: str = "b'{}'", times: int = 1) -> str:
    with nginx(folder, location, http) as port:
        url = f"http://127.0.0.1:{port}{PATH}"
        return [python_says(POST.format(url=url, body=body), folder) for _ in range(times)][-1]


@provokes("bad-gateway-502", "requests.post to nginx whose service behind it is gone", needs=("nginx",))
def nginx_502(folder: Path) -> str:
    return posted(folder, f"location / {{ proxy_pass http://127.0.0.1:{free_port()}; }}")


@provokes("autoscale-503", "requests.post to nginx with limit_req, two requests at once", needs=("nginx",))
def nginx_503(folder: Path) -> str:
    limits = "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;"
    return posted(folder, "location / { limit_req zone=one; root /nosuch; }", limits, times=2)


@provokes("scoring-timeout", "requests.post to nginx whose service does not answer in time", needs=("nginx",))
def nginx_504(folder: Path) -> str:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        return posted(folder, f"location / {{ proxy_pass http://127.0.0.1:{port}; proxy_read_timeout 1s; }}")


@provokes("payload-too-large", "requests.post of 2 MB to nginx, which takes 1 MB", needs=("nginx",))
def nginx_413(folder: Path) -> str:
    return posted(folder, f"location / {{ proxy_pass http://127.0.0.1:{free_port()}; }}", body="b'x' * 2_000_000")


@provokes("scoring-auth-failed", "requests.post without key to nginx that wants one", needs=("nginx",))
def nginx_401(folder: Path) -> str:
    (folder / "keys").write_text("")
    return posted(folder, f"location / {{ auth_basic key; auth_basic_user_file {folder}/keys; }}")


@provokes(
    "tls-certificate-invalid",
    "requests.get of openssl s_server with a certificate that nobody has signed",
    needs=("openssl",),
)
def tls_self_signed(folder: Path) -> str:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-days", "1", "-subj", "/CN=localhost"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    with running(
        "openssl",
        "s_server",
        "-accept",
        str(port),
        "-key",
        "k.pem",
        "-cert",
        "c.pem",
        "-www",
        cwd=folder,
        log=folder / "s.log",
    ):
        wait_until(lambda: listening(port))
        code = f"import requests\n\nrequests.get('https://127.0.0.1:{port}/score', timeout=10)\n"
        return python_says(code, folder)


@provokes("network-blocked", "requests.get of a management address that no name server knows")
def name_unknown(folder: Path) -> str:
    return python_says(
        "import requests\n\nrequests.get('https://westeurope.experiments.azureml.invalid/discovery', timeout=10)\n",
        folder,
    )


@provokes("cluster-unreachable", "kubectl get pods with a cluster that does not answer", needs=("kubectl",))
def kubectl_refused(folder: Path) -> str:
    (folder / "config").write_text(
        f"clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{free_port()}'}}}}]\n"
        "users: [{name: u, user: {token: none}}]\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
    )
    return said("kubectl", "get", "pods", "-n", "azureml-ws", cwd=folder, KUBECONFIG=str(folder / "config"))


@provokes(
    "cors-blocked",
    "Chromium: a page of one server fetches from another that says nothing about origins",
    needs=("chromium", "python:playwright"),
    mark="browser",
)
def browser_cors(folder: Path) -> str:
    (folder / "index.html").write_text("<title>page</title>")
    pages, api = free_port(), free_port()
    with (
        running(
            sys.executable, "-m", "http.server", str(pages), "--bind", "127.0.0.1", cwd=folder, log=folder / "a.log"
        ),
        running(sys.executable, "-m", "http.server", str(api), "--bind", "127.0.0.1", cwd=folder, log=folder / "b.log"),
    ):
        wait_until(lambda: listening(pages) and listening(api))
        code = (
            "import shutil\nfrom playwright.sync_api import sync_playwright\n\n"
            "with sync_playwright() as play:\n"
            "    browser = play.chromium.launch(executable_path=shutil.which('chromium'), args=['--no-sandbox'])\n"
            "    page = browser.new_page()\n    page.on('console', lambda m: print(m.text))\n"
            f"    page.goto('http://127.0.0.1:{pages}/')\n"
            f"    page.evaluate(\"fetch('http://127.0.0.1:{api}/score', {{method: 'POST', body: '{{}}'}}).catch(e => 0)\")\n"
            "    browser.close()\n"
        )
        return python_says(code, folder)
