"""The sandbox's own certificate authority.

Made at the first start and kept in the state folder; its key is readable by the owner alone. It signs one
short-lived certificate per Azure ML host, which a client trusts only while its environment says so.
"""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from amlwidgets.sandbox.identity import Damaged, write_private

if TYPE_CHECKING:
    from pathlib import Path

CERTIFICATE = "ca.pem"
KEY = "ca-key.pem"
_CONSEQUENCE = f"without {CERTIFICATE} and {KEY} a new authority is made, and kernels have to switch on anew"
_DAY = dt.timedelta(days=1)


class Authority:
    """Signs server certificates for the hosts that the sandbox answers for.

    Args:
        home: State folder; ``ca.pem`` and ``ca-key.pem`` lie in it.

    Raises:
        OSError: The folder cannot be written.
        Damaged: Key and certificate cannot be read, or do not belong together.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._key, self._certificate = self._load() or self._create()

    def context(self, host: str) -> ssl.SSLContext:
        """Return the TLS server context for ``host``; made once per host and process."""
        with self._lock:
            context = self._contexts.get(host)
            if context is None:
                context = self._contexts[host] = self._make_context(host)
            return context

    def _load(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None:
        path = self._home / CERTIFICATE
        if not path.exists():
            return None  # a key without a certificate has signed nothing
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            if certificate.not_valid_after_utc < _now() + 30 * _DAY:
                return None
            path = self._home / KEY
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError) as exc:
            raise Damaged(path, _CONSEQUENCE) from exc
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise Damaged(path, _CONSEQUENCE)
        return key, certificate

    def _create(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "amlwidgets sandbox (this machine only)")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_now() - _DAY)
            .not_valid_after(_now() + 3650 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(self._home / KEY, _pem(key))
        write_private(self._home / CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))
        return key, certificate

    def _make_context(self, host: str) -> ssl.SSLContext:
        folder = self._home / "certificates"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{host}.pem"
        if not self._still_good(path):
            write_private(path, self._issue(host))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(path)
        return context

    def _still_good(self, path: Path) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            certificate.verify_directly_issued_by(self._certificate)
        except Exception:  # noqa: BLE001 - whatever is wrong with a cached certificate, a new one is made
            return False
        return certificate.not_valid_after_utc > _now() + 30 * _DAY

    def _issue(self, host: str) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            # A common name holds 64 characters at most; clients read the alternative name.
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])]))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_now() - _DAY)
            .not_valid_after(_now() + 365 * _DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        chain = certificate.public_bytes(serialization.Encoding.PEM)
        return chain + self._certificate.public_bytes(serialization.Encoding.PEM) + _pem(key)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
