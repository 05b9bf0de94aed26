"""This machine's package index and certificates, as far as a build in a container can use them."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from amlwidgets.sandbox.build.index import pip_settings, uv_environment
from amlwidgets.sandbox.environ import certificates_in

if TYPE_CHECKING:
    from collections.abc import Mapping

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_PIP = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "trusted-host": "PIP_TRUSTED_HOST",
    "default-timeout": "PIP_DEFAULT_TIMEOUT",
}
_UV = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT", "UV_INDEX_STRATEGY", "UV_PRERELEASE")
_USERINFO = re.compile(r"://[^/@\s]+@")


def arguments(environment: Mapping[str, str] | None = None) -> tuple[dict[str, str], list[str]]:
    """Return the variables for pip and uv inside a build, and a sentence for each setting that is left out.

    An address with a password is left out because layers keep what they are told; folders of this machine and servers
    on its loopback address cannot be seen from a container.
    """
    settings = pip_settings(environment)
    usable: dict[str, str] = {}
    left_out: list[str] = []
    for name, value in settings.items():
        if name not in (*_PIP, "find-links", "no-index"):
            continue
        words = [word for word in value.split() if _why_not(word) is None]
        left_out += [f"{name}: {why}" for word in value.split() if (why := _why_not(word))]
        if words:
            usable[name] = " ".join(words)
    variables = {variable: usable[name] for name, variable in _PIP.items() if name in usable}
    of_uv = uv_environment(usable, {})
    variables |= {name: of_uv[name] for name in _UV if name in of_uv}
    return dict(sorted(variables.items())), sorted(set(left_out))


def _why_not(word: str) -> str | None:
    if _USERINFO.search(word):
        return "an address with a password is not written into an image"
    if word.startswith(("/", "file:", "~")):
        return "a folder of this machine cannot be seen from a container"
    if "://" in word and (urlsplit(word).hostname or "") in ("localhost", "127.0.0.1", "::1"):
        return "this machine's loopback address cannot be reached from a container"
    return None


def certificates(home: Path | None = None) -> bytes:
    """Return all certificates that this machine trusts, without the sandbox's own."""
    own = set(_in_file(home / "ca.pem")) if home is not None else set()
    names = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    paths = [Path(os.environ[name]) for name in names if os.environ.get(name)]
    if system := ssl.get_default_verify_paths().openssl_cafile:
        paths.append(Path(system))
    import certifi

    paths.append(Path(certifi.where()))
    found = {certificate: None for path in paths for certificate in _in_file(path) if certificate not in own}
    return ("\n".join(sorted(found)) + "\n").encode()


def _in_file(path: Path) -> list[str]:
    try:
        return list(certificates_in(path.read_text("utf-8", "ignore")))
    except OSError:
        return []
