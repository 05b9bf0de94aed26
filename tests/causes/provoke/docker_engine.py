"""Failures of the real Docker client, engine and registry. Images are imported from a tarball, none is pulled."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import uuid
from typing import TYPE_CHECKING

from provoke.base import free_port, listening, provokes, running, said, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENGINE = ("docker",)
BOX = ("docker", "busybox")
REGISTRY = ("docker", "docker-registry")


@contextlib.contextmanager
def image() -> Iterator[str]:
    """A tiny image with a shell (Debian's static busybox)."""
    name = f"amlw-provoke-{uuid.uuid4().hex[:8]}:1"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(shutil.which("busybox") or "busybox", "bin/busybox")
        for tool in ("sh", "sleep", "kill", "dd"):
            link = tarfile.TarInfo(f"bin/{tool}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    subprocess.run(["docker", "import", "-", name], input=packed.getvalue(), check=True, capture_output=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "rmi", "-f", name], check=False, capture_output=True)


@contextlib.contextmanager
def container(name: str, *arguments: str) -> Iterator[None]:
    subprocess.run(["docker", "run", "-d", "--name", name, *arguments], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["docker", "rm", "-f", name], check=False, capture_output=True)


@contextlib.contextmanager
def registry(folder: Path, *, password: str = "") -> Iterator[str]:
    """Debian's own registry; with a password it asks for it."""
    port = free_port()
    auth = ""
    if password:
        hashed = said("htpasswd", "-Bbn", "me", password).strip()
        (folder / "htpasswd").write_text(hashed + "\n")
        auth = f"auth:\n  htpasswd:\n    realm: registry\n    path: {folder}/htpasswd\n"
    (folder / "registry.yml").write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/registry\nhttp:\n  addr: 127.0.0.1:{port}\n{auth}"
    )
    with running("docker-registry", "serve", "registry.yml", cwd=folder, log=folder / "registry.log"):
        wait_until(lambda: listening(port))
        yield f"127.0.0.1:{port}"


def built(folder: Path, dockerfile: str, *arguments: str) -> str:
    (folder / "Dockerfile").write_text(dockerfile)
    return said("docker", "build", *arguments, ".", cwd=folder, DOCKER_BUILDKIT="0")


@provokes(
    "docker-daemon-down", "docker ps with DOCKER_HOST of an engine that does not run", needs=("docker",), mark="docker"
)
def docker_down(folder: Path) -> str:
    return said("docker", "ps", DOCKER_HOST=f"unix://{folder}/docker.sock")


@provokes(
    "docker-permission-denied",
    "docker ps as a user outside of the group docker",
    needs=("docker", "root", "setpriv"),
)
def docker_denied(folder: Path) -> str:
    return said("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "docker", "ps", HOME=str(folder))


@provokes("container-name-conflict", "docker run --name twice", needs=BOX)
def docker_name_twice(folder: Path) -> str:
    name = f"mysvc-{uuid.uuid4().hex[:6]}"
    with image() as box, container(name, box, "sleep", "60"):
        return said("docker", "run", "--name", name, box, "sleep", "1")


@provokes("port-in-use", "docker run -p of a port that another container has", needs=BOX)
def docker_port_twice(folder: Path) -> str:
    name, port = f"amlw-{uuid.uuid4().hex[:6]}", free_port()
    with image() as box, container(name, "-p", f"127.0.0.1:{port}:5001", box, "sleep", "60"):
        try:
            return said(
                "docker", "run", "--rm", "--name", f"{name}-2", "-p", f"127.0.0.1:{port}:5001", box, "sleep", "1"
            )
        finally:
            subprocess.run(["docker", "rm", "-f", f"{name}-2"], check=False, capture_output=True)


@provokes("local-container-not-found", "docker logs of a removed container", needs=ENGINE, mark="docker")
def docker_no_container(folder: Path) -> str:
    return said("docker", "logs", f"mysvc{uuid.uuid4().hex[:6]}")


@provokes("image-build-failed-unspecified", "docker build with a RUN that fails without a word", needs=BOX)
def docker_run_fails(folder: Path) -> str:
    with image() as box:
        return built(folder, f"FROM {box}\nRUN sh -c 'exit 3'\n")


@provokes("image-build-out-of-memory", "docker build --memory 20m with a RUN that needs more", needs=BOX)
def docker_build_memory(folder: Path) -> str:
    with image() as box:
        greedy = "BEGIN { s = 12345678; while (1) s = s s }"
        return built(
            folder, f"FROM {box}\nRUN exec busybox awk '{greedy}'\n", "--memory", "20m", "--memory-swap", "20m"
        )


@provokes("base-image-pull-failed", "docker build FROM a tag that the registry does not have", needs=REGISTRY)
def docker_no_tag(folder: Path) -> str:
    with registry(folder) as address:
        return built(folder, f"FROM {address}/azureml/base:nosuchtag\n")


@provokes("image-not-found", "docker run of a tag that the registry does not have", needs=REGISTRY)
def docker_run_no_tag(folder: Path) -> str:
    with registry(folder) as address:
        return said("docker", "run", "--rm", f"{address}/azureml/score:nosuchtag")


@provokes(
    "acr-auth-failed",
    "docker login with a wrong password, at a real registry",
    needs=(*REGISTRY, "htpasswd"),
)
def docker_login(folder: Path) -> str:
    with registry(folder, password="right") as address:
        return said("docker", "login", address, "-u", "me", "--password-stdin", text="wrong", DOCKER_CONFIG=str(folder))


@provokes(
    "image-pull-unauthorized",
    "docker pull from a registry that asks for a login",
    needs=(*REGISTRY, "htpasswd"),
)
def docker_pull_unauthorized(folder: Path) -> str:
    with registry(folder, password="right") as address:
        return said(
            "docker", "pull", f"{address}/azureml/svc:1", DOCKER_CONFIG=str(folder), LANG=os.environ.get("LANG", "C")
        )


@provokes("volume-mount-failed", "docker run --mount of a folder that does not exist", needs=BOX)
def docker_mount(folder: Path) -> str:
    with image() as box:
        return said("docker", "run", "--rm", "--mount", f"type=bind,src={folder}/nosuch,dst=/mnt", box, "sleep", "1")


@provokes(
    "registry-rate-limited",
    "docker pull from a registry behind nginx that allows one request a minute",
    needs=(*REGISTRY, "nginx"),
)
def docker_rate_limited(folder: Path) -> str:
    from provoke.web import nginx

    with registry(folder) as address:
        limits = "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m; limit_req_status 429;"
        with nginx(folder, f"location / {{ limit_req zone=one; proxy_pass http://{address}; }}", limits) as port:
            said("docker", "pull", f"127.0.0.1:{port}/azureml/base:1")
            return said("docker", "pull", f"127.0.0.1:{port}/azureml/base:1")
