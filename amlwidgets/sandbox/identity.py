"""Who this sandbox is: its port, its invented names and its secrets, kept in one private file.

The file outlives a stop, so that a restarted sandbox goes on serving kernels that already run.
"""

from __future__ import annotations

import json
import os
import secrets
import uuid
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eastus"
SUBSCRIPTION = "5a4d0b0c-0000-4000-8000-5a4d0b0c0001"
RESOURCE_GROUP = "sandbox"
WORKSPACE = "sandbox"

FILE = "identity.json"


@dataclass(frozen=True, slots=True)
class Identity:
    """Names and secrets of one sandbox.

    Attributes:
        port: Loopback port; 0 until the first start has chosen one.
        user: User name for the proxy.
        password: Password for the proxy.
        secret: Opens the control routes and the token endpoint.
        token_key: Signs the tokens that this sandbox issues.
        sas_key: Signs blob addresses.
        account: The sandbox's own storage account.
        tenant: The invented directory.
    """

    port: int
    user: str
    password: str
    secret: str
    token_key: str
    sas_key: str
    account: str
    tenant: str

    @property
    def url(self) -> str:
        """Address of the sandbox, without credentials."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def proxy_url(self) -> str:
        """Address to put into HTTPS_PROXY, with credentials."""
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.port}"

    @property
    def blob_host(self) -> str:
        """Host name of the sandbox's own storage account."""
        return f"{self.account}.blob.core.windows.net"


def new_identity() -> Identity:
    """Return an identity with fresh random secrets and no port yet."""
    return Identity(
        port=0,
        user="sandbox",
        password=secrets.token_urlsafe(24),
        secret=secrets.token_urlsafe(24),
        token_key=secrets.token_hex(32),
        sas_key=secrets.token_hex(32),
        account="sandbox" + secrets.token_hex(6),
        tenant=str(uuid.uuid4()),
    )


def read_identity(home: Path) -> Identity | None:
    """Return the identity kept in ``home``; None when there is none that can be used."""
    try:
        data = json.loads((home / FILE).read_text(encoding="utf-8"))
        return Identity(**{f.name: data[f.name] for f in fields(Identity)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_private(path: Path, content: bytes) -> None:
    """Write ``content`` readable by the owner alone; all of it or nothing.

    Raises:
        OSError: The disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def forget_drafts(home: Path) -> None:
    """Remove what :func:`write_private` left in ``home`` when it was killed; the caller holds the lock."""
    for path in home.glob(".*.json." + "?" * 32):
        path.unlink(missing_ok=True)


def write_identity(home: Path, identity: Identity) -> None:
    """Keep ``identity`` in ``home``."""
    write_private(home / FILE, json.dumps(asdict(identity), indent=1).encode())


class Damaged(Exception):
    """A file of the state folder cannot be used. It is never replaced silently: others rely on what it held.

    Args:
        path: The file.
        consequence: What moving it away would mean.
    """

    def __init__(self, path: Path, consequence: str) -> None:
        super().__init__(
            f"{path} is damaged or missing. Put it back from a copy, or move what is left of it away and start again: "
            f"{consequence}."
        )


def ensure_identity(home: Path) -> Identity:
    """Return the identity of ``home``, made at the first call.

    Raises:
        Damaged: There is one that cannot be read.
    """
    identity = read_identity(home)
    if identity is None:
        if (home / FILE).exists():
            raise Damaged(home / FILE, "the sandbox gets new secrets, and kernels have to switch it on anew")
        identity = new_identity()
        write_identity(home, identity)
    return identity


def with_port(home: Path, identity: Identity, port: int) -> Identity:
    """Return ``identity`` with ``port``, and keep it."""
    if identity.port == port:
        return identity
    changed = replace(identity, port=port)
    write_identity(home, changed)
    return changed
