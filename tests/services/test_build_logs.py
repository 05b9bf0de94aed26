"""A build log's address leads to storage accounts only, and never past TLS."""

import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets import diagnose
from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.errors import AmlWidgetsError, NotAllowed
from amlwidgets.services import azureml, build_logs, measure
from amlwidgets.services.local import request
from amlwidgets.services.log_sources import BuildLogSource

GOOD = [
    "https://acc.blob.core.windows.net/logs/run?sig=AbCd%2B0123456789&se=2030",
    "https://acc.blob.core.windows.net:443/x",
    "https://acc-secondary.blob.core.windows.net/x",
    "https://acc.z12.blob.storage.azure.net/x",
    "https://acc.blob.core.chinacloudapi.cn/x",
]
BAD = [
    "http://acc.blob.core.windows.net/x", "https://169.254.169.254/metadata/instance", "http://169.254.169.254/",
    "https://127.0.0.1/x", "https://localhost:8888/api/contents", "https://[::1]/", "https://2130706433/", "file:///etc/passwd",
    "https://acc.blob.core.windows.net@evil.example/x", "https://evil.example/acc.blob.core.windows.net",
    "https://acc.blob.core.windows.net.evil.example/x", "https://evil.example#acc.blob.core.windows.net",
    "https://evil.example\\.blob.core.windows.net/x", "https://a.b.blob.core.windows.net/x", "https://x.y/?blob.core.windows.net",
    "https://acc.blob.core.windows.net:8443/x", "https://user:pw@acc.blob.core.windows.net/x", "https://acc.blob.core.windows.net./x",
    "ftp://acc.blob.core.windows.net/x", "//acc.blob.core.windows.net/x", "https://[bad", "https://acc.blob.core.windows.net:x/", "",
    "gopher://127.0.0.1:6379/_SET", "https://acc.blob.core.windows.net\r\nHost: evil.example/x",
]  # fmt: skip


@pytest.mark.parametrize("address", GOOD)
def test_storage_accounts_are_asked(address):
    assert build_logs.check(address) == address


@pytest.mark.parametrize("address", BAD)
def test_other_places_are_not(address):
    with pytest.raises(NotAllowed) as refused:
        build_logs.check(address)
    assert "sig=" not in str(refused.value)
    assert "pw@" not in str(refused.value)


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(text):
    try:
        allowed = build_logs.check(text)
    except NotAllowed:
        return
    # What is asked is what was checked: the client reads the same host out of it.
    prepared = requests.Request("GET", allowed).prepare()
    assert requests.utils.urlparse(prepared.url).hostname.endswith((".windows.net", ".azure.net", ".cn", ".de"))


class Counting(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "/secret")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *arguments):
        pass


@pytest.fixture
def port():
    """A server on this machine that must not be asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_no_reader_of_build_logs_asks_a_port_of_this_machine(port):
    address = f"http://127.0.0.1:{port.server_port}/internal"

    class Image:
        name, creation_state, image_build_log_uri = "img", "Failed", address

    diagnose(Image())
    assert "no storage account" in azureml._text_at(address)
    assert "no storage account" in BuildLogSource(address).run(LogBuffer("x"), threading.Event())
    assert port.asked == []
    requests.get(address, timeout=10)
    assert port.asked == ["/internal"], "the port does answer whoever asks"


def test_a_redirect_is_not_followed(port, monkeypatch):
    monkeypatch.setattr(build_logs, "check", lambda address: address)
    answer = build_logs.get(f"http://127.0.0.1:{port.server_port}/away")
    assert answer.status_code == 302
    assert port.asked == ["/away"]


@pytest.fixture
def untrusted(port, tmp_path):
    """The same server behind TLS, with a certificate that nobody has signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]),
    )
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    file = tmp_path / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    port.socket = context.wrap_socket(port.socket, server_side=True)
    port.address = f"https://127.0.0.1:{port.server_port}/score"
    port.trusted = file
    return port


def test_a_certificate_that_nobody_signed_is_refused_everywhere(untrusted, monkeypatch):
    with pytest.raises(AmlWidgetsError):
        request.send(untrusted.address, "{}", seconds=10)
    assert request.schema(untrusted.address) is None
    load = measure.Measurement(measure.LoadPlan(untrusted.address, seconds=2), {"Authorization": "Bearer key"})
    load.start()
    with pytest.raises(AmlWidgetsError, match="did not answer"):
        load.result(60)
    monkeypatch.setattr(build_logs, "check", lambda address: address)
    with pytest.raises(requests.exceptions.SSLError):
        build_logs.get(untrusted.address, seconds=10)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(untrusted.address, timeout=10)
    assert untrusted.asked == [], "nothing was said over a channel that is not trusted"
    assert requests.get(untrusted.address, timeout=10, verify=str(untrusted.trusted)).ok, "it works for who trusts it"
    assert untrusted.asked == ["/score"]
