"""Read a build log behind its signed link; only from where Azure keeps build logs.

The address comes from a service's answer. A hostile or mistaken one must not make this process ask other hosts, such
as the machine's metadata service or a port of this machine: so it is HTTPS, the host is a storage account's (in the
sandbox too, which answers for that name), and a redirect is not followed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from amlwidgets.core.redact import mask
from amlwidgets.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Mapping

# Azure's clouds, and zones of partitioned DNS (learn.microsoft.com/azure/storage/common/storage-account-overview).
_STORAGE = re.compile(
    r"[a-z0-9]{3,24}(?:-secondary)?\."
    r"(?:blob\.core\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn|cloudapi\.de)"
    r"|z\d\d?\.blob\.storage\.azure\.net)"
)
_HTTPS = 443


def check(address: str) -> str:
    """Return the address of a build log.

    Raises:
        NotAllowed: It is not HTTPS to a storage account.
    """
    try:
        parts = urlsplit(address)
        good = (
            parts.scheme == "https"
            and "@" not in parts.netloc
            and parts.port in (None, _HTTPS)
            and bool(_STORAGE.fullmatch(parts.hostname or ""))
        )
    except ValueError:
        good = False
    if not good:
        shown = mask(address.split("?", maxsplit=1)[0])[:200]
        raise NotAllowed(
            f"The service names {shown} as the place of the build log, which is no storage account of Azure's.",
            code="log-address-refused",
            todo="It was not asked. If you trust the address, download the log and open the file.",
        )
    return address


def get(address: str, *, headers: Mapping[str, str] | None = None, seconds: float = 60, stream: bool = False) -> Any:
    """Return the answer (``requests.Response``) of a build log's storage.

    Raises:
        NotAllowed: The address is none of a storage account.
        requests.RequestException: The storage cannot be reached.
    """
    import requests

    sent = dict(headers or {})
    return requests.get(check(address), headers=sent, timeout=seconds, stream=stream, allow_redirects=False)
