"""The base image: an operating system with Python and uv, on which environments are built.

It stands in for Azure's base images, which cannot be had without a network of their own and hold gigabytes. It is made
once per machine and shared by all sandboxes. ``AMLWIDGETS_BASE_IMAGE`` names a public image to build on instead: Debian
or Ubuntu with a ``python3`` that has venv (``python:3.11-slim-bookworm``, say).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import NotInstalled, ServiceFailed
from amlwidgets.sandbox.engine import building, cleaning, rootfs, settings
from amlwidgets.sandbox.engine.client import BASE_LABEL, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Say = Callable[[str], None]

VARIABLE = "AMLWIDGETS_BASE_IMAGE"
_SCRIPTS = ("install.sh", "serve.sh")
_HERE = Path(__file__).parent


def configured() -> str:
    """Return the public image that is to be built upon; empty when the image is made here."""
    return os.environ.get(VARIABLE, "").strip()


def name(home: Path | None = None) -> str:
    """Return the image's name; what it is made of decides its tag."""
    parts = [_steps(configured(), {}), *((_HERE / script).read_text() for script in _SCRIPTS)]
    recipe = "\n".join([*parts, *rootfs.PACKAGES]).encode() + settings.certificates(home)
    return f"{REPOSITORY}/base:{hashlib.sha256(recipe).hexdigest()[:12]}"


def words(client: Any, home: Path | None = None) -> str:
    """Return which base image is built upon, what it takes of the disk, and how another one is chosen."""
    found, public = find(client, home), configured()
    size = f", {found.attrs['Size'] / 1e6:.0f} MB, which all images share" if found is not None else ", not made yet"
    made = f"from {public}, which {VARIABLE} names" if public else f"made on this machine; {VARIABLE} names another one"
    return f"Base image {name(home)}{size} ({made})."


def find(client: Any, home: Path | None = None) -> Any | None:
    """Return the engine's image when it is there."""
    from docker.errors import ImageNotFound

    try:
        return client.images.get(name(home))
    except ImageNotFound:
        return None


def ensure(client: Any, home: Path, say: Say) -> str:
    """Make the base image unless it is there, and return its name.

    Args:
        client: A docker-py client with a long timeout.
        home: State folder of the sandbox, for the lock.
        say: Receives what is being done, a line at a time.

    Raises:
        NotInstalled: The machine cannot make one, and none is configured; the message names the ways out.
        ServiceFailed: Making or pulling it failed.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    cleaning.remember(home)
    with _lock(home):
        if find(client, home) is None:
            _make(client, home, say)
            _remove_others(client, name(home))
    return name(home)


def remove(client: Any) -> list[str]:
    """Remove every base image of this machine; return their names."""
    from docker.errors import APIError

    removed: list[str] = []
    for image in client.api.images(filters={"label": BASE_LABEL}):
        names = image["RepoTags"] or [image["Id"]]
        if not any(name.startswith(f"{REPOSITORY}/base:") for name in names):
            continue  # built upon a base image, whose label it has inherited
        for name in names:
            with contextlib.suppress(APIError):
                client.images.remove(name, force=True)
                removed.append(name)
    return removed


def _make(client: Any, home: Path, say: Say) -> None:
    public = configured()
    variables, left_out = settings.arguments()
    for sentence in left_out:
        say(f"sandbox: base image: the pip setting {sentence}")
    with tempfile.TemporaryDirectory(prefix="amlwidgets-base-") as folder:
        files: dict[str, bytes | Path] = {script: (_HERE / script).read_bytes() for script in _SCRIPTS}
        files |= {"ca.crt": settings.certificates(home), "Dockerfile": _steps(public, variables).encode()}
        if public:
            _pull(client, public, say)
        else:
            archive = Path(folder) / "rootfs.tar"
            say("sandbox: making the base image, once on this machine (about a minute)")
            _make_rootfs(archive, say)
            files["rootfs.tar"] = archive
        error = building.build(client, files, name(home), lambda text: say(text.rstrip("\n")) if text.strip() else None)
    if error:
        raise ServiceFailed(f"The base image could not be made: {error}", code="base-build")


def _make_rootfs(archive: Path, say: Say) -> None:
    try:
        rootfs.make(archive, say)
    except NotInstalled as missing:
        todo = f"{missing.todo}; or name an image that can be pulled: export {VARIABLE}=python:3.11-slim-bookworm"
        raise NotInstalled(missing.message, code=missing.code, todo=todo) from missing


def _pull(client: Any, public: str, say: Say) -> None:
    from docker.errors import DockerException

    say(f"sandbox: pulling the base image {public}, which {VARIABLE} names")
    repository, colon, tag = public.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = public, "latest"
    try:
        client.images.pull(repository, tag=tag)
    except (DockerException, OSError) as error:
        raise ServiceFailed(
            f"The base image {public} cannot be pulled: {building.plain(str(error))}",
            code="base-pull",
            todo=f"Name another one, or unset {VARIABLE} to have one made here.",
        ) from error


def _steps(public: str, variables: dict[str, str]) -> str:
    bundle = settings.CERTIFICATES
    begin = [f"FROM {public}"] if public else ["FROM scratch", "ADD rootfs.tar /"]
    steps = [
        *begin,
        f"LABEL {BASE_LABEL}=1",
        f"COPY ca.crt {bundle}",
        f"ENV SSL_CERT_FILE={bundle} REQUESTS_CA_BUNDLE={bundle} PIP_CERT={bundle} LANG=C.UTF-8 PATH={_PATH}",
        "ENV UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_LINK_MODE=copy",
        *(f'ARG {key}="{value}"' for key, value in variables.items()),
        "RUN python3 -m venv /opt/uv",
        "RUN /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check uv",
        "RUN ln -s /opt/uv/bin/uv /usr/local/bin/uv",
        "COPY install.sh /usr/local/bin/install-environment",
        "COPY serve.sh /usr/local/bin/serve",
        'CMD ["/bin/bash"]',
    ]
    return "\n".join(steps) + "\n"


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _remove_others(client: Any, keep: str) -> None:
    """Remove base images that an earlier version, or earlier certificates, led to; one in use stays."""
    from docker.errors import APIError

    for image in client.api.images(filters={"label": BASE_LABEL}):
        for tag in image["RepoTags"] or []:
            if tag.startswith(f"{REPOSITORY}/base:") and tag != keep:
                with contextlib.suppress(APIError):
                    client.images.remove(tag)


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    with (home / "base.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
