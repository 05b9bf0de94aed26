"""A read-only registry: it serves images of this sandbox, and base images, from the engine that holds them.

azureml-core builds with ``pull=True``, so that the engine asks a registry even for what it has. An engine that has the
image already reads the manifest and nothing else; another one gets the layers, streamed from ``docker save``.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import tarfile
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from amlwidgets.sandbox.engine.client import BASE_LABEL, LABEL, REPOSITORY, STORE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amlwidgets.sandbox.identity import Identity

USER = "sandboxregistry"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_CHUNK = 1 << 20


def password(identity: Identity) -> str:
    """Return the password of the registry; it opens nothing else."""
    return hmac.new(identity.secret.encode(), b"registry", hashlib.sha256).hexdigest()[:40]


def address(identity: Identity) -> str:
    """Return the registry's name for the engine, which takes plain http on loopback addresses."""
    return f"127.0.0.1:{identity.port}"


def open_repository(identity: Identity) -> str:
    """Return the name under which the base image alone is served without a password; it cannot be guessed.

    For the older image configuration the client never logs in, since it takes base images for public.
    """
    token = hmac.new(identity.secret.encode(), b"open", hashlib.sha256).hexdigest()[:32]
    return f"open-{token}/base"


def open_address(identity: Identity) -> str:
    """Return the base image's name for who does not log in; engines ask for logins per host name, so it has its own."""
    return f"localhost:{identity.port}/{open_repository(identity)}"


def stored(home: Path, repository: str) -> str:
    """Return the engine's own name of a repository, which no other sandbox uses."""
    if repository.startswith(f"{REPOSITORY}/"):
        return repository
    return f"{STORE}/{hashlib.sha256(str(home).encode()).hexdigest()[:12]}/{repository}"


def put(client: Any, identity: Identity, home: Path, image: str, name: str) -> str:
    """Offer an image of the engine in the registry.

    Args:
        client: A docker-py client.
        identity: Of the sandbox.
        home: State folder of the sandbox.
        image: Name or id of the image.
        name: ``repository:tag`` in the registry.

    Returns:
        The name to pull it by; the engine has it under that name already.
    """
    repository, _, tag = name.rpartition(":")
    found = client.images.get(image)
    if stored(home, repository) != repository:
        found.tag(stored(home, repository), tag)
    found.tag(f"{address(identity)}/{repository}", tag)
    return f"{address(identity)}/{name}"


@dataclass(frozen=True, slots=True)
class Served:
    """An image as the registry serves it.

    Attributes:
        image: The engine's id.
        manifest: The manifest, schema 2.
        config: The image's configuration.
        layers: Digest → (size in bytes, member of the ``docker save`` archive).
    """

    image: str
    manifest: bytes
    config: bytes
    layers: dict[str, tuple[int, str]]

    @property
    def digest(self) -> str:
        """Digest of the manifest."""
        return digest(self.manifest)


class Registry:
    """Finds and describes images.

    Args:
        home: State folder of the sandbox: only its own images are served, and base images.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: dict[str, Served] = {}
        self._guard = threading.Lock()

    def find(self, client: Any, repository: str, reference: str) -> Served | None:
        """Return the image ``repository:tag`` or ``repository@digest``; None when there is none."""
        from docker.errors import ImageNotFound

        if reference.startswith("sha256:"):
            with self._guard:
                return next((known for known in self._known.values() if known.digest == reference), None)
        try:
            image = client.images.get(f"{stored(self._home, repository)}:{reference}")
        except ImageNotFound:
            return None
        labels = image.labels or {}
        if labels.get(LABEL) != str(self._home) and BASE_LABEL not in labels:
            return None
        with self._guard:
            if image.id not in self._known:
                self._known[image.id] = describe(client, image.id)
            return self._known[image.id]

    def blob(self, client: Any, wanted: str) -> tuple[int, Iterator[bytes]] | None:
        """Return size and content of a configuration or a layer; None when no described image has it."""
        with self._guard:
            known = list(self._known.values())
        for served in known:
            if digest(served.config) == wanted:
                return len(served.config), iter([served.config])
            if wanted in served.layers:
                size, member = served.layers[wanted]
                return size, _layer(client, served.image, member)
        return None


def digest(content: bytes) -> str:
    """Return the digest of ``content`` as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def describe(client: Any, image: str) -> Served:
    """Read an image's configuration, and size and digest of its layers, from one pass over ``docker save``."""
    documents: dict[str, bytes] = {}
    layers: dict[str, tuple[str, int]] = {}
    links: dict[str, str] = {}
    with _Stream(client, image) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            if member.issym():
                links[member.name] = _beside(member.name, member.linkname)
            content = tar.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            head, hashed = _hash(content)
            layers[member.name] = (f"sha256:{hashed}", member.size)
            if len(head) == member.size:
                documents[member.name] = head
    index = json.loads(documents["manifest.json"])[0]
    config = documents[index["Config"]]
    rows = [(*layers[links.get(name, name)], links.get(name, name)) for name in index["Layers"]]
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "size": len(config), "digest": digest(config)},
        "layers": [{"mediaType": _LAYER, "size": size, "digest": sum_} for sum_, size, _ in rows],
    }
    return Served(
        image, json.dumps(manifest, indent=3).encode(), config, {sum_: (size, name) for sum_, size, name in rows}
    )


def _hash(content: IO[bytes]) -> tuple[bytes, str]:
    """Return the first bytes and the SHA-256 of a file."""
    sha, head = hashlib.sha256(), b""
    while chunk := content.read(_CHUNK):
        head = head or chunk
        sha.update(chunk)
    return head, sha.hexdigest()


def _beside(name: str, link: str) -> str:
    import posixpath

    return posixpath.normpath(posixpath.join(posixpath.dirname(name), link))


def _layer(client: Any, image: str, wanted: str) -> Iterator[bytes]:
    with _Stream(client, image) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.name == wanted else None
            if content is not None:
                while chunk := content.read(_CHUNK):
                    yield chunk
                return


class _Stream(io.RawIOBase):
    """The archive of ``docker save`` as a file to be read once."""

    def __init__(self, client: Any, image: str) -> None:
        self._chunks = iter(client.images.get(image).save(chunk_size=_CHUNK))
        self._rest = b""

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return ``size`` bytes, fewer at the end."""
        parts, wanted = [], size if size >= 0 else 1 << 62
        while wanted > 0:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                if not self._rest:
                    break
            part, self._rest = self._rest[:wanted], self._rest[wanted:]
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Let the engine stop."""
        closing = getattr(self._chunks, "close", None)
        if closing is not None:
            closing()
        super().close()
