"""Blob files: written whole or not at all, addressed by signed links as Azure Storage does."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import hmac
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from amlwidgets.sandbox.wire import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amlwidgets.sandbox.identity import Identity
    from amlwidgets.sandbox.store import Store

KIND = "blob"
SAS_SECONDS = 8 * 3600
STALE_SECONDS = 3600
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors that say that nothing more can be stored."""
_SAS_VERSION = "2019-07-07"


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob.

    Attributes:
        path: File with the content.
        length: Bytes now.
        etag: Changes with the content.
        modified: When it was last written.
        content_type: As the client sent it.
        kind: ``BlockBlob``, or ``AppendBlob`` for a log that still grows.
    """

    path: Path
    length: int
    etag: str
    modified: datetime
    content_type: str
    kind: str = "BlockBlob"

    @property
    def last_modified(self) -> str:
        """Value of the Last-Modified header."""
        return format_datetime(self.modified, usegmt=True)

    def read(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the content from ``start``, in pieces, at most ``length`` bytes."""
        left = self.length - start if length is None else length
        with self.path.open("rb") as file:
            file.seek(start)
            while left > 0 and (data := file.read(min(CHUNK, left))):
                left -= len(data)
                yield data


class Blobs:
    """The sandbox's storage account.

    Args:
        home: State folder; the files lie in ``home/blobs``.
        store: Knows which blob is which file.
        identity: Gives the account's name and the key that signs links.
    """

    def __init__(self, home: Path, store: Store, identity: Identity) -> None:
        self._files = home / "blobs"
        self._staged = home / "blobs-staged"
        self._store = store
        self._identity = identity
        # Blocks that were never committed belong to uploads of an earlier life.
        shutil.rmtree(self._staged, ignore_errors=True)
        for folder in (self._files, self._staged):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    # -- links

    def link(self, container: str, name: str, permissions: str = "r") -> str:
        """Return a signed link to a blob; it is good for eight hours."""
        expiry = datetime.fromtimestamp(datetime.now(UTC).timestamp() + SAS_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        signature = quote(self._sign(container, name, expiry, permissions), safe="")
        return (
            f"https://{self._identity.blob_host}/{quote(container)}/{quote(name)}"
            f"?sv={_SAS_VERSION}&sr=b&sig={signature}&se={quote(expiry, safe='')}&sp={permissions}"
        )

    def allows(self, container: str, name: str, query: Mapping[str, str], permission: str) -> bool:
        """Whether the link's query gives ``permission`` (``"r"`` or ``"w"``) now."""
        expiry, permissions = query.get("se", ""), query.get("sp", "")
        signature = self._sign(container, name, expiry, permissions)
        if (
            not hmac.compare_digest(signature.encode(), query.get("sig", "").encode("utf-8", "replace"))
            or permission not in permissions
        ):
            return False
        return expiry > datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def named(self, container: str, name: str, query: Mapping[str, str], permission: str) -> str | None:
        """Return the blob that a link with this name in its path means; None when the link does not allow it.

        The SDK's uploader takes the name out of a link without decoding it and encodes it again; the signature,
        which holds for one name, tells whether that has happened.
        """
        for candidate in (name, unquote(name)):
            if self.allows(container, candidate, query, permission):
                return candidate
        return None

    def _sign(self, container: str, name: str, expiry: str, permissions: str) -> str:
        text = f"{container}\n{name}\n{expiry}\n{permissions}".encode()
        return base64.b64encode(hmac.new(self._identity.sas_key.encode(), text, hashlib.sha256).digest()).decode()

    # -- content

    def get(self, container: str, name: str) -> Blob | None:
        """Return a blob, or None."""
        row = self._store.get(KIND, container, name)
        if row is None:
            return None
        path = Path(row["path"]) if row.get("live") else self._files / row["file"]
        try:
            status = path.stat()
        except OSError:
            return None
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        if row.get("live"):
            etag = f'"0x{status.st_size:X}"'
            return Blob(path, status.st_size, etag, modified, row["content_type"], "AppendBlob")
        return Blob(path, status.st_size, row["etag"], modified, row["content_type"])

    def put(self, container: str, name: str, parts: Iterable[bytes], content_type: str = "") -> Blob:
        """Store a blob, replacing an earlier one.

        Raises:
            OSError: The disk is full; nothing has changed then.
        """
        file = uuid.uuid4().hex
        temporary = self._staged / file
        try:
            write_parts(temporary, parts)
            (temporary).replace(self._files / file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        earlier = self._store.get(KIND, container, name)
        try:
            self._store.put(
                KIND,
                container,
                name,
                {
                    "file": file,
                    "etag": f'"0x{file[:15].upper()}"',
                    "content_type": content_type or "application/octet-stream",
                },
            )
        except BaseException:
            (self._files / file).unlink(missing_ok=True)
            raise
        if earlier is not None and not earlier.get("live"):
            (self._files / earlier["file"]).unlink(missing_ok=True)
        blob = self.get(container, name)
        if blob is None:
            raise OSError(f"the blob {container}/{name} is gone")
        return blob

    def publish(self, container: str, name: str, path: Path) -> None:
        """Make a growing file, such as a build log, readable as a blob."""
        self._store.put(
            KIND, container, name, {"live": True, "path": str(path), "content_type": "text/plain; charset=utf-8"}
        )

    def stage(self, container: str, name: str, block: str, parts: Iterable[bytes]) -> None:
        """Keep one block of a blob until it is committed, or for an hour after its last block.

        Raises:
            OSError: The disk is full; the blob's earlier blocks are gone too then.
        """
        folder = self._stage_folder(container, name)
        self._sweep_staged()
        with _emptied_when_full(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
            path = folder / _hash(block)
            temporary = path.with_suffix(f".{uuid.uuid4().hex}")
            try:
                write_parts(temporary, parts, sync=False)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def commit(self, container: str, name: str, blocks: list[str], content_type: str = "") -> Blob | None:
        """Make a blob of staged blocks, in that order; None when one of them was never staged.

        Raises:
            OSError: The disk is full; the blocks are gone then.
        """
        folder = self._stage_folder(container, name)
        paths = [folder / _hash(block) for block in blocks]
        if not all(path.is_file() for path in paths):
            return None
        with _emptied_when_full(folder):
            blob = self.put(container, name, (data for path in paths for data in _read(path)), content_type)
        shutil.rmtree(folder, ignore_errors=True)
        return blob

    def names(self, container: str, prefix: str) -> list[str]:
        """Return the names of a container's blobs that start with ``prefix``."""
        return [name for name in self._store.names(KIND, container) if name.startswith(prefix)]

    def clear(self) -> None:
        """Remove every file."""
        for folder in (self._files, self._staged):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def sweep(self) -> None:
        """Remove files that no blob refers to: a killed sandbox had written them, but not yet said so."""
        known = {row["file"] for row in self._store.all(KIND) if not row.get("live")}
        for path in self._files.iterdir():
            if path.name not in known:
                path.unlink(missing_ok=True)

    def _sweep_staged(self) -> None:
        """Remove what uploads left that were given up."""
        oldest = time.time() - STALE_SECONDS
        for path in self._staged.iterdir():
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _stage_folder(self, container: str, name: str) -> Path:
        return self._staged / _hash(f"{container}/{name}")


@contextlib.contextmanager
def _emptied_when_full(folder: Path) -> Iterator[None]:
    """Remove a blob's blocks when the disk is full: they are what fills it, and the upload has failed."""
    try:
        yield
    except OSError as exc:
        if exc.errno in DISK_FULL:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def write_parts(path: Path, parts: Iterable[bytes], *, sync: bool = True) -> None:
    """Write ``parts`` to a file and, with ``sync``, wait until they are on the disk.

    Raises:
        OSError: The disk is full.
    """
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            yield data


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
