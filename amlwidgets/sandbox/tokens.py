"""Tokens of the sandbox: signed with its own key, so that a real one is told apart at once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlwidgets.sandbox.identity import Identity

LIFETIME = 24 * 3600
AUDIENCES = (
    "https://management.core.windows.net",
    "https://management.azure.com",
    "https://ml.azure.com",
    "18a66f5f-dbdf-4c17-9dd7-1634712a9cbe",
)
"""Azure Resource Manager and Azure Machine Learning (address, and number of the application)."""
USER_OBJECT = "5a4d0b0c-0000-4000-8000-000000000001"


def issue(
    identity: Identity,
    audience: str,
    client: str = USER_OBJECT,
    *,
    now: float | None = None,
    seconds: int = LIFETIME,
) -> str:
    """Return a JSON web token for ``audience`` that is good for ``seconds``."""
    issued = int(time.time() if now is None else now)
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{identity.tenant}/",
        "iat": issued,
        "nbf": issued,
        "exp": issued + seconds,
        "tid": identity.tenant,
        "oid": client,
        "appid": client,
        "name": "amlwidgets sandbox",
        "ver": "1.0",
    }
    head = _encode({"typ": "JWT", "alg": "HS256", "kid": "amlwidgets-sandbox"}) + "." + _encode(claims)
    return head + "." + _signature(identity, head)


def knows(audience: str) -> bool:
    """Whether the sandbox has tokens for ``audience``: nobody else could do anything with one but refuse it."""
    return audience.rstrip("/").lower() in AUDIENCES


def is_ours(identity: Identity, token: str) -> bool:
    """Whether this sandbox issued ``token`` and it has not expired."""
    head, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_signature(identity, head).encode(), signature.encode()):
        return False
    return bool(claims(token).get("exp", 0) > time.time())


def claims(token: str) -> dict[str, Any]:
    """Return what a token says, unchecked; empty when it cannot be read."""
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _signature(identity: Identity, head: str) -> str:
    digest = hmac.new(identity.token_key.encode(), head.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _encode(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).decode().rstrip("=")
