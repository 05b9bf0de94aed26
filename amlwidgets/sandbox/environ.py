"""The environment with which a process reaches the sandbox instead of Azure."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.sandbox.identity import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, write_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from amlwidgets.sandbox.identity import Identity

MARK = "AMLWIDGETS_SANDBOX"
"""Set in an environment that leads to a sandbox, to the sandbox's state folder."""

WORKSPACE_MARK = "AMLWIDGETS_SANDBOX_WORKSPACE"
"""Names the sandbox's own workspace: ``subscription/resource group/workspace``."""

UNSET = ("HOSTNAME", "APPSETTING_WEBSITE_SITE_NAME", "MSI_SECRET")
"""HOSTNAME makes the SDK look for a container of that name (Local web services); the others change how it asks for
a token."""

BEFORE = "AMLWIDGETS_SANDBOX_BEFORE"
"""Keeps the proxies that were set before (JSON), for a sandbox that is started from within one."""

_PROXY_VARIABLES = {
    "http": ("HTTP_PROXY", "http_proxy"),
    "https": ("HTTPS_PROXY", "https_proxy"),
    "no": ("NO_PROXY", "no_proxy"),
}
_LOCAL = "127.0.0.1,localhost,::1"
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def sandbox_environment(home: Path, identity: Identity, before: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that lead a process to the sandbox.

    Args:
        home: The sandbox's state folder; the bundle of certificates is written there.
        identity: The sandbox's port and secrets.
        before: The environment as it is; None takes this process's own.

    Raises:
        OSError: The bundle cannot be written.
    """
    from amlwidgets.sandbox.upstream import before_sandbox

    before = os.environ if before is None else before
    bundle = str(write_bundle(home, before))
    proxy = identity.proxy_url
    private = home / "azureml"
    private.mkdir(mode=0o700, exist_ok=True)
    return {
        MARK: str(home),
        WORKSPACE_MARK: f"{SUBSCRIPTION}/{RESOURCE_GROUP}/{WORKSPACE}",
        BEFORE: json.dumps(before_sandbox(before)),
        "HTTPS_PROXY": proxy,
        "HTTP_PROXY": proxy,
        "NO_PROXY": _LOCAL,
        # Python's urllib prefers the lower-case names.
        "https_proxy": proxy,
        "http_proxy": proxy,
        "no_proxy": _LOCAL,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "MSI_ENDPOINT": f"{identity.url}/msi/{identity.secret}/token",
        "AZUREML_CURRENT_CLOUD": "AzureCloud",
        "AZUREML_AUTH_CONFIG_DIR": str(private),
        # Answers of the sandbox are final: pauses between repetitions would only cost time.
        "AZUREML_DEFAULT_BACKOFF": "0",
        "AZUREML_DEFAULT_500_BACKOFF": "0",
        "AZUREML_DEFAULT_503_BACKOFF": "0",
        "AZUREML_LOG_DEPRECATION_WARNING_ENABLED": "False",
    }


def leave_sandbox(environment: MutableMapping[str, str]) -> None:
    """Undo :func:`sandbox_environment` in the environment of a sandbox that was started from within one."""
    from amlwidgets.sandbox.upstream import before_sandbox

    if not environment.get(MARK):
        return
    proxies = before_sandbox(environment)
    # The bundle of certificates stays: it holds everything that was trusted before.
    for name in (MARK, WORKSPACE_MARK, BEFORE, "MSI_ENDPOINT", "AZUREML_AUTH_CONFIG_DIR"):
        environment.pop(name, None)
    for scheme, names in _PROXY_VARIABLES.items():
        for name in names:
            environment.pop(name, None)
            if scheme in proxies:
                environment[name] = proxies[scheme]


def write_bundle(home: Path, before: Mapping[str, str]) -> Path:
    """Write the certificates that ``before`` trusts and the sandbox's own into one file.

    The name of the file is made from its content, so that environments with different certificates do not disturb
    each other.
    """
    seen: dict[str, None] = {}
    for path in _sources(home, before):
        try:
            seen |= dict.fromkeys(certificates_in(path.read_text(encoding="utf-8", errors="ignore")))
        except OSError:
            continue  # a variable that names a missing file did not help the client before, either
    content = ("\n".join(seen) + "\n").encode()
    folder = home / "certificates"
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"bundle-{hashlib.sha256(content).hexdigest()[:12]}.pem"
    if not target.exists():
        write_private(target, content)
    return target


def _sources(home: Path, before: Mapping[str, str]) -> Iterator[Path]:
    yield home / "ca.pem"
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if before.get(variable):
            yield Path(before[variable])
    # What the system trusts, in case none of the variables was set: the new variables would hide it.
    system = ssl.get_default_verify_paths().openssl_cafile
    if system:
        yield Path(system)
    import certifi

    yield Path(certifi.where())


def certificates_in(text: str) -> Iterator[str]:
    """Return the certificates of a PEM file's text, one by one."""
    for part in text.split(_BEGIN)[1:]:
        body, end, _ = part.partition(_END)
        if end:
            yield f"{_BEGIN}\n{body.strip()}\n{_END}"
