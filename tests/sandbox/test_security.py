"""Who is not the owner gets nothing: every route of every table, signed links, other users of the machine."""

from __future__ import annotations

import importlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import sandbox_support as support

from amlwidgets.sandbox import app
from amlwidgets.sandbox.blobs import Blobs

pytestmark = pytest.mark.sandbox
EXAMPLES = (
    "management.azure.com",
    "login.microsoftonline.com",
    "eastus.modelmanagement.azureml.net",
    "{account}.blob.core.windows.net",
    "label.eastus.azurecontainer.io",
    "203.0.113.10",
    "127.0.0.1",
)
"""A host for each kind of the tables."""

SCORING = ("scoring", "cluster_scoring")
"""Modules whose routes ask for the service's own keys; tests of deployments try those."""


GREETERS = ("directory", "discovery")
"""Where a token comes from, and where the addresses of the others stand; Azure asks for no token there either."""


def every_route():
    """Return (module, host, method, path, open) of every route that the sandbox has."""
    found = []
    for pattern, modules in app._HOSTS:
        host = next(example for example in EXAMPLES if pattern.fullmatch(example.format(account="a")))
        for module in modules:
            table = importlib.import_module(f"amlwidgets.sandbox.routes.{module}").ROUTES.table
            found += [(module, host, route.method, example_of(route.pattern), route.open) for route in table]
    return found


def example_of(pattern):
    path = re.sub(r"\(\?P<\w+>[^)]*\)", "x1", pattern.pattern).removesuffix("/?")
    path = re.sub(r"\\(.)", r"\1", path)
    assert pattern.fullmatch(path), path
    return path


ROUTES = every_route()


def named(route):
    return f"{route[0]} {route[2]} {route[3][-60:]}"


def direct(sandbox, method, target, *headers):
    """Send a request by hand, so that nothing corrects it; returns the status."""
    with socket.create_connection(("127.0.0.1", sandbox.identity.port), 30) as connection:
        lines = [f"{method} {target} HTTP/1.1", *headers, "Content-Length: 0", "Connection: close"]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = connection.makefile("rb").read()
    return int(answer.split(b" ", 2)[1])


def test_the_tables_are_read():
    assert len({route[0] for route in ROUTES}) == len({name for _, modules in app._HOSTS for name in modules})
    assert len(ROUTES) > 80


@pytest.mark.parametrize("route", [route for route in ROUTES if route[1] != "127.0.0.1"], ids=named)
def test_azures_routes_want_the_proxys_credentials_and_a_token_of_ours(sandbox, route):
    module, host, method, path, open_ = route
    host = host.format(account=sandbox.identity.account)
    assert direct(sandbox, method, path, f"Host: {host}") == 421
    assert direct(sandbox, method, f"http://{host}{path}", f"Host: {host}") == 407
    wrong = support.proxy_headers(sandbox, "wrong")["Proxy-Authorization"]
    assert direct(sandbox, method, f"http://{host}{path}", f"Host: {host}", f"Proxy-Authorization: {wrong}") == 407
    if module in (*SCORING, *GREETERS):
        return
    status, _, body = support.ask(sandbox, method, f"https://{host}{path}", body=b"")
    assert status == (403 if module == "storage" else 401), body[:300]
    assert not open_ or module == "storage", "an open route has to check by itself"


@pytest.mark.parametrize("route", [route for route in ROUTES if route[1] == "127.0.0.1"], ids=named)
def test_the_sandboxs_own_routes_want_its_secret(sandbox, route):
    _, _, method, path, _ = route
    host = f"Host: 127.0.0.1:{sandbox.identity.port}"
    for more in ((), ("x-amlwidgets-secret: wrong",), ("x-amlwidgets-secret: ",), ("Authorization: Basic eDp4",)):
        assert direct(sandbox, method, path, host, *more) in (401, 403)
    # A page of a browser may send requests here; it can neither set that header nor name the host otherwise.
    assert direct(sandbox, method, path, "Host: rebound.example.org", "Origin: http://example.org") == 421


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/subscriptions", ["Host: management.azure.com"]),
        ("/subscriptions", ["Host: 127.0.0.1@management.azure.com"]),
        ("/subscriptions", ["Host: management.azure.com:80", "Host: 127.0.0.1"]),
        ("/subscriptions", ["Host: 127.0.0.1", "Host: management.azure.com"]),
        ("/subscriptions", ["Host: 127.0.0.1", "X-Forwarded-Host: management.azure.com"]),
        ("//management.azure.com/subscriptions", ["Host: 127.0.0.1"]),
        ("/subscriptions", ["Host: MANAGEMENT.AZURE.COM."]),
        ("/subscriptions", []),
        ("/subscriptions", ["Host: [::1]"]),
        ("http://127.0.0.1@management.azure.com/subscriptions", ["Host: 127.0.0.1"]),
        ("http://management.azure.com/subscriptions", ["Host: 127.0.0.1"]),
    ],
)
def test_no_host_header_leads_around_the_credentials(sandbox, token, target, headers):
    # Even with a token: 421 (not here), 407 (credentials), or 501 of the loopback address, which has no such route.
    assert direct(sandbox, "GET", target, *headers, f"Authorization: Bearer {token}") in (407, 421, 501)


def test_connect_to_itself_or_to_others_wants_credentials(sandbox):
    for target in (f"127.0.0.1:{sandbox.identity.port}", "management.azure.com:443", "example.org:443", "localhost:22"):
        assert direct(sandbox, "CONNECT", target, f"Host: {target}") == 407


def test_signed_links_hold_for_one_blob_one_right_and_a_while(sandbox):
    blobs = Blobs.__new__(Blobs)
    blobs._identity = sandbox.identity

    def link(hours, name="n", signed="n", rights="r", asked="r"):
        expiry = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        signature = quote(blobs._sign("c", signed, expiry, rights), safe="")
        return f"https://{sandbox.identity.blob_host}/c/{name}?sr=b&sig={signature}&se={quote(expiry)}&sp={asked}"

    def status(method, url):
        return support.ask(sandbox, method, url, body=b"" if method == "PUT" else None)[0]

    assert status("GET", link(1)) == 404, "the link is good; the blob is not there"
    assert status("GET", link(-0.001)) == 403
    assert status("PUT", link(-0.001, rights="w", asked="w")) == 403
    assert status("GET", re.sub(r"se=[^&]*", "se=2999-01-01T00%3A00%3A00Z", link(-1))) == 403
    assert status("GET", re.sub(r"&se=[^&]*", "", link(1))) == 403
    assert status("PUT", link(1)) == 403, "a link to read does not write"
    assert status("PUT", link(1, asked="w")) == 403
    assert status("GET", link(1, name="other")) == 403


@pytest.fixture
def shared_folder():
    """A folder that every user of the machine can enter, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="amlwidgets-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


TRY = """
import os, sys
read = []
for line in sys.stdin:
    path = line.rstrip("\\n")
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").close()
    except OSError:
        continue
    read.append(path)
print(read)
"""


def test_what_it_keeps_is_for_the_owner_alone(shared_folder, tmp_path):
    (tmp_path / "m.txt").write_text("secret model")
    before = os.umask(0o000)  # a careless user's
    try:
        (shared_folder / "home").mkdir()
        assert (shared_folder / "home").stat().st_mode & 0o777 == 0o777
        sandbox = support.start_sandbox(shared_folder / "home")
        code = 'from azureml.core import Model\nModel.register(ws, model_path="m.txt", model_name="m")\n'
        support.run_client(code, tmp_path, sandbox)
    finally:
        os.umask(before)
    try:
        paths = [sandbox.home, *sandbox.home.rglob("*")]
        assert len([path for path in paths if path.parent.name == "blobs"]) == 1
        open_ = [str(path) for path in paths if not path.is_symlink() and path.stat().st_mode & 0o077]
        assert open_ == []
        if os.geteuid() == 0:
            assert read_as_nobody([shared_folder, *paths]) == [str(shared_folder)]
    finally:
        sandbox.stop()


def read_as_nobody(paths):
    nobody = pwd.getpwnam("nobody")
    listing = "\n".join(map(str, paths))
    command = ["/usr/bin/env", "python3", "-I", "-S", "-c", TRY]
    done = subprocess.run(
        command, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], input=listing, capture_output=True,
        text=True, check=False, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return eval(done.stdout)  # noqa: S307 - the list that the program above prints


def test_an_existing_open_folder_is_closed(shared_folder):
    home = shared_folder / "home"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    sandbox = support.start_sandbox(home)
    assert home.stat().st_mode & 0o077 == 0
    sandbox.stop()


def test_no_command_line_shows_a_secret(sandbox):
    import psutil

    identity = sandbox.identity
    secrets = (identity.password, identity.secret, identity.token_key, identity.sas_key)
    family = [psutil.Process(sandbox.pid), *psutil.Process(sandbox.pid).children(recursive=True)]
    lines = [" ".join(process.cmdline()) for process in family]
    assert str(sandbox.home) in lines[0]
    assert not [line for line in lines if any(secret in line for secret in secrets)]
