"""The proxy: who may use it, what it answers for, what it lets pass, and through whom."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import stat

import pytest
import sandbox_support as support

from amlwidgets.sandbox import client
from amlwidgets.sandbox.authority import Authority
from amlwidgets.sandbox.upstream import bypasses

pytestmark = pytest.mark.sandbox
ARM = "https://management.azure.com"


def direct(sandbox, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.identity.port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory):
    """A server certificate of another authority, with its CA file."""
    folder = tmp_path_factory.mktemp("other-authority")
    Authority(folder).context("files.example.org")
    return folder / "certificates" / "files.example.org.pem", folder / "ca.pem"


def test_a_second_start_finds_the_first(tmp_path):
    other = support.start_sandbox(tmp_path / "other")
    assert client.start(other.home).pid == other.pid
    other.stop()
    assert client.connect(other.home) is None


def test_secrets_belong_to_the_owner_alone(sandbox, token):
    support.ask(sandbox, "GET", ARM + "/subscriptions", token=token)
    for name in ("ca-key.pem", "identity.json", "daemon.json", "certificates"):
        assert stat.S_IMODE(os.stat(sandbox.home / name).st_mode) & 0o077 == 0, name
    assert stat.S_IMODE(os.stat(sandbox.home).st_mode) & 0o077 == 0


def test_wrong_credentials(sandbox):
    for headers in ({}, support.proxy_headers(sandbox, "wrong")):
        connection = http.client.HTTPSConnection("127.0.0.1", sandbox.identity.port, timeout=10)
        connection.set_tunnel("management.azure.com", 443, headers=headers)
        with pytest.raises(OSError, match="407"):
            connection.request("GET", "/subscriptions")
        status, text = direct(sandbox, "GET", "http://management.azure.com/subscriptions", **headers)
        assert status == 407
        assert "sandbox env" in text


@pytest.mark.parametrize("host", ["management.azure.com", "login.microsoftonline.com", "x.eastus.azurecontainer.io"])
def test_without_the_proxy_there_is_no_way_to_azures_names(sandbox, host):
    body = "grant_type=client_credentials&client_id=a&client_secret=b"
    status, _ = direct(sandbox, "POST", "/tenant/oauth2/v2.0/token", body, Host=host)
    assert status == 421


def test_control_and_tokens_want_the_secret(sandbox):
    assert direct(sandbox, "GET", "/sandbox/status")[0] == 403
    assert direct(sandbox, "POST", "/sandbox/stop", **{"x-amlwidgets-secret": "wrong"})[0] == 403
    assert direct(sandbox, "POST", "/msi/wrong/token", "resource=x")[0] == 403
    status, text = direct(sandbox, "POST", f"/msi/{sandbox.identity.secret}/token", f"resource={ARM}/")
    assert status == 200
    assert json.loads(text)["access_token"].count(".") == 2


def test_tokens_are_for_azures_management_and_azure_ml_only(sandbox):
    path = f"/msi/{sandbox.identity.secret}/token"
    for resource in ("https://management.core.windows.net/", "https://ml.azure.com", ARM):
        assert direct(sandbox, "POST", path, f"resource={resource}")[0] == 200
    for resource in ("https://vault.azure.net", "https://storage.azure.com/", "https://graph.microsoft.com"):
        status, text = direct(sandbox, "POST", path, f"resource={resource}")
        assert status == 400
        assert f"The sandbox has no token for {resource}, only" in json.loads(text)["message"]
    form = "grant_type=client_credentials&client_id=a&client_secret=b&scope="
    where = "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    for scope, expected in ((ARM + "/.default", 200), ("https://vault.azure.net/.default", 400)):
        assert support.ask(sandbox, "POST", where, body=(form + scope).encode())[0] == expected


def test_what_is_not_utf8_is_a_bad_request(sandbox, token):
    where = "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    assert support.ask(sandbox, "POST", where, body=b"client_id=\xff\xfe")[0] == 400
    link = f"https://{sandbox.identity.blob_host}/c/n?sig=%C3%BC&se=2999&sp=r"
    assert support.ask(sandbox, "GET", link)[0] == 403


def test_addresses_of_one_workspace_and_of_one_region(sandbox, token):
    for host in ("0a-b.workspace.eastus.api.azureml.ms", "westeurope.management.azure.com"):
        status, _, body = support.ask(sandbox, "GET", f"https://{host}/nothing", token=token)
        assert status == 501
        assert "does not implement" in json.loads(body)["message"]
    assert support.ask(sandbox, "GET", "https://westeurope.management.azure.com/subscriptions", token=token)[0] != 501


def test_only_its_own_tokens(sandbox, token):
    assert support.ask(sandbox, "GET", ARM + "/subscriptions", token=token)[0] == 200
    head, claims, _ = token.split(".")
    for bad in ("e30.e30.c2ln", f"{head}.{claims}.", token[:-2] + "AA", ""):
        status, _, body = support.ask(sandbox, "GET", ARM + "/subscriptions", token=bad)
        assert status == 401
        assert json.loads(body)["error"]["code"] in ("InvalidAuthenticationToken", "AuthenticationFailed")


def test_a_foreign_token_is_refused_in_words(sandbox):
    status, _, body = support.ask(sandbox, "GET", ARM + "/subscriptions", token="a.b.c")
    assert status == 401
    assert "was not issued by this sandbox" in json.loads(body)["error"]["message"]


def test_unknown_routes_are_named(sandbox, token):
    for method, url in (
        ("GET", ARM + "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/x"),
        ("DELETE", "https://eastus.modelmanagement.azureml.net/modelmanagement/v1.0/anything"),
        ("POST", "https://eastus.experiments.azureml.net/content/v1.0/x"),
    ):
        status, _, body = support.ask(sandbox, method, url, token=token, body=b"{}")
        answer = json.loads(body)
        assert status == answer["statusCode"] == 501
        assert answer["error"]["code"] == answer["code"] == "NotImplementedInSandbox"
        assert answer["message"] == f"The sandbox does not implement {method} {url}."


def test_bad_input_is_refused_in_words(sandbox, token):
    config = sandbox.workspace_config()
    mms = (
        "https://eastus.modelmanagement.azureml.net/modelmanagement/v1.0/subscriptions/{subscription_id}/resourceGroups/"
        "{resource_group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace_name}"
    ).format(**config)
    for method, path, body, words in (
        ("POST", "/models", b'{"name": "no spaces"}', "letters, digits, hyphens"),
        ("POST", "/models", b"not json", "not JSON"),
        ("POST", "/models", b"[1]", "JSON object"),
        ("POST", "/services", b'{"name": "X"}', "lower-case letters"),
        ("POST", "/services", b'{"name": "abc", "computeType": "AKSENDPOINT"}', "computeType AKSENDPOINT"),
        ("GET", "/models?count=lots", None, "whole number"),
        ("GET", "/services/none/logs", None, "not found"),
        ("GET", "/operations/none", None, "does not exist"),
    ):
        status, _, answer = support.ask(sandbox, method, mms + path, token=token, body=body)
        assert 400 <= status <= 501
        assert words in json.loads(answer)["message"]


def test_blobs_over_the_wire(sandbox, token):
    config = sandbox.workspace_config()
    scope = (
        "/subscriptions/{subscription_id}/resourceGroups/{resource_group}"
        "/providers/Microsoft.MachineLearningServices/workspaces/{workspace_name}"
    ).format(**config)
    base = "https://eastus.experiments.azureml.net/artifact/v2.0" + scope + "/artifacts"
    body = json.dumps({"paths": [{"path": "a b/ü.txt"}]}).encode()
    answer = json.loads(
        support.ask(sandbox, "POST", base + "/batch/metadata/LocalUpload/c1", token=token, body=body)[2]
    )
    link = answer["artifactContentInformation"]["a b/ü.txt"]["contentUri"]
    put = {"x_ms_blob_type": "BlockBlob", "If_None_Match": "*"}
    assert support.ask(sandbox, "PUT", link, body=b"0123456789", **put)[0] == 201
    assert support.ask(sandbox, "PUT", link, body=b"again", **put)[0] == 409
    status, headers, content = support.ask(sandbox, "GET", link, x_ms_range="bytes=2-4")
    assert (status, headers["Content-Range"], content) == (206, "bytes 2-4/10", b"234")
    status, headers, content = support.ask(sandbox, "GET", link, Range="bytes=10-")
    assert (status, headers["x-ms-error-code"]) == (416, "InvalidRange")
    status, headers, content = support.ask(sandbox, "HEAD", link)
    assert (status, headers["Content-Length"], content) == (200, "10", b"")
    assert support.ask(sandbox, "GET", link.replace("sig=", "sig=x"))[0] == 403
    for path in ("../x", "/etc/x", "a/../../x"):
        body = json.dumps({"paths": [{"path": path}]}).encode()
        assert support.ask(sandbox, "POST", base + "/batch/metadata/LocalUpload/c1", token=token, body=body)[0] == 400


def test_other_hosts_pass_untouched(sandbox, own_certificate):
    certificate, authority = own_certificate
    with support.web_server(certificate) as port:
        connection = socket.create_connection(("127.0.0.1", sandbox.identity.port), 10)
        credentials = support.proxy_headers(sandbox)["Proxy-Authorization"]
        connection.sendall(f"CONNECT localhost:{port} HTTP/1.1\r\nProxy-Authorization: {credentials}\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        # The other server's own certificate arrives: nobody has opened the connection in between.
        context = ssl.create_default_context(cafile=str(authority))
        with context.wrap_socket(connection, server_hostname="files.example.org") as secure:
            secure.sendall(b"GET /hello HTTP/1.1\r\nHost: files.example.org\r\nConnection: close\r\n\r\n")
            assert b"/hello" in secure.makefile("rb").read()


@pytest.mark.parametrize("chunked", [False, True])
def test_plain_http_passes_without_the_proxys_own_headers(sandbox, chunked):
    with support.web_server() as port:
        parts = [b"x" * 100_000] * 30
        body = iter(parts) if chunked else b"".join(parts)
        headers = support.proxy_headers(sandbox) | {"X-Mine": "1"}
        status, text = direct(sandbox, "POST", f"http://localhost:{port}/a?b=c", body, **headers)
    seen = json.loads(text)
    assert (status, seen["path"], seen["length"]) == (200, "/a?b=c", 3_000_000)
    assert seen["headers"]["X-Mine"] == "1"
    assert not [name for name in seen["headers"] if name.lower().startswith("proxy")]


def test_a_host_that_cannot_be_reached(sandbox):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
        status, text = direct(sandbox, "GET", url, **support.proxy_headers(sandbox))
    assert status == 502
    assert "cannot be reached" in text


def test_an_existing_proxy_is_chained_and_its_authorities_stay_trusted(tmp_path, own_certificate):
    certificate, authority = own_certificate
    with support.web_server(certificate) as secure_port, support.web_server() as plain_port:
        secure, plain = support.RecordingProxy(secure_port), support.RecordingProxy(plain_port)
        before = support.clean_environment(
            HTTPS_PROXY=f"http://me:s%40cret@127.0.0.1:{secure.port}",
            HTTP_PROXY=f"http://127.0.0.1:{plain.port}",
            NO_PROXY="direct.example.org,localhost",
            REQUESTS_CA_BUNDLE=str(authority),
            HOME=str(tmp_path),
        )
        sandbox = support.start_sandbox(tmp_path / "home", before)
        code = """
from amlwidgets import sandbox
from amlwidgets.sandbox import world
import requests
world.switch_on(sandbox.connect(HOME))
ws = sandbox.connect(HOME).workspace()
secure = requests.get("https://files.example.org/secure").json()["path"]
plain = requests.get("http://files.example.org/plain").json()["path"]
local = requests.get(LOCAL).status_code
result([ws.name, secure, plain, local])
"""
        code = f"HOME = {str(sandbox.home)!r}\nLOCAL = 'http://localhost:{plain_port}/'\n" + code
        try:
            found = support.run_python(code, tmp_path, before)
        finally:
            sandbox.stop()
            secure.close()
            plain.close()
    assert found == ["sandbox", "/secure", "http://files.example.org/plain", 200]
    assert len(secure.seen) == 1, "Azure's own hosts never reach it"
    assert secure.seen[0].startswith("CONNECT files.example.org:443")
    assert "Proxy-Authorization: Basic bWU6c0BjcmV0" in secure.seen[0]
    assert [line.split()[1] for line in plain.seen] == ["http://files.example.org/plain"]


def test_a_sandbox_started_from_within_one_is_not_its_own_upstream(sandbox):
    from amlwidgets.sandbox.environ import leave_sandbox, sandbox_environment
    from amlwidgets.sandbox.upstream import before_sandbox

    outside = {"HTTPS_PROXY": "http://old.example.org:3128", "no_proxy": "intern", "OTHER": "1"}
    inside = outside | sandbox_environment(sandbox.home, sandbox.identity, outside)
    assert str(sandbox.identity.port) in inside["HTTPS_PROXY"]
    twice = inside | sandbox_environment(sandbox.home, sandbox.identity, inside)
    assert before_sandbox(inside) == before_sandbox(twice) == before_sandbox(outside)
    leave_sandbox(twice)
    assert before_sandbox(twice) == before_sandbox(outside)
    assert "MSI_ENDPOINT" not in twice
    assert not [value for value in twice.values() if str(sandbox.identity.port) in value]


@pytest.mark.parametrize(
    ("host", "no_proxy", "expected"),
    [
        ("a.example.org", "example.org", True),
        ("a.example.org", ".example.org", True),
        ("a.example.org", "*.example.org", True),
        ("example.org", "example.org:443", True),
        ("example.org", "example.org:80", False),
        ("badexample.org", "example.org", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("anything", "x, *", True),
        ("anything", "", False),
    ],
)
def test_no_proxy(host, no_proxy, expected):
    assert bypasses(host, 443, no_proxy) is expected
