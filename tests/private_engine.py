"""A Docker engine of the test's own: its disk can be small, and it can be killed at any moment."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

DOCKERD = shutil.which("dockerd")
_SECONDS = 60


def missing() -> str:
    """Why no such engine can be started here; empty when one can."""
    if DOCKERD is None:
        return "dockerd is not installed"
    return "" if os.geteuid() == 0 else "a second engine needs root"


def files_of(program: str) -> list[str]:
    """Return a program of this machine and the libraries that it needs."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [program, *re.findall(r"(/\S+) \(", said)]


class PrivateEngine:
    """A second engine in a folder of its own, with a bridge of its own; it changes no rules of the firewall.

    Args:
        disk_mb: Size of its disk, which lies in memory; 0 takes the folder's.
    """

    def __init__(self, disk_mb: int = 0) -> None:
        # Short: the address of a socket has 107 characters at most.
        self.folder = Path(tempfile.mkdtemp(prefix="aml-engine-"))
        self.host = f"unix://{self.folder}/d.sock"
        self.data = self.folder / "data"
        self.data.mkdir()
        self.disk_mb = disk_mb
        # A bridge of its own: an engine that is told to have none removes docker0, which the machine's own engine needs.
        self.bridge = f"aml{self.folder.name[-8:]}"
        self._ip("link", "add", "name", self.bridge, "type", "bridge")
        self._ip("addr", "add", f"198.18.{secrets.randbelow(256)}.1/24", "dev", self.bridge)
        self._ip("link", "set", self.bridge, "up")
        if disk_mb:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_mb}m", "aml-test", self.data], check=True)
        self.start()

    def start(self) -> None:
        """Start it, also again after :meth:`kill`."""
        (self.folder / "pid").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "exec", ignore_errors=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(DOCKERD), "--data-root", self.data, "--exec-root", self.folder / "exec", "--pidfile", self.folder / "pid",
                 "-H", self.host, "--bridge", self.bridge, "--iptables=false", "--ip-masq=false", "--ip-forward=false",
                 "--storage-driver=vfs"],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + _SECONDS
        while self.docker("version").returncode:
            said = (self.folder / "log").read_text()[-2000:]
            assert self.process.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.05)

    def docker(self, *arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run the docker program against it."""
        return subprocess.run(
            ["docker", "-H", self.host, *arguments], input=data, capture_output=True, timeout=_SECONDS, check=False
        )

    def client(self) -> Any:
        """Return a docker-py client of it."""
        import docker

        return docker.DockerClient(base_url=self.host, timeout=_SECONDS)

    def load(self, program: str, name: str) -> None:
        """Give it an image with one program of this machine and the libraries of that."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
            for path in files_of(program):
                tar.add(path, path.lstrip("/"))
        self.docker("import", "-", name, data=packed.getvalue())

    def kill(self) -> None:
        """End it without warning."""
        self.process.kill()
        self.process.wait(_SECONDS)

    def close(self) -> None:
        """Remove its containers and all of its files."""
        if self.process.poll() is not None:
            self.start()
        if names := self.docker("ps", "-aq").stdout.decode().split():
            self.docker("rm", "-f", *names)
        self.process.terminate()
        self.process.wait(_SECONDS)
        self._end_shims()
        # The engine binds its folder to itself, and leaves that when it was killed before.
        while subprocess.run(["umount", self.data], capture_output=True, check=False).returncode == 0:
            pass
        self._ip("link", "delete", self.bridge)
        shutil.rmtree(self.folder)

    def _end_shims(self) -> None:
        """End what held the containers of an engine that was killed: nobody else would."""
        held = [p for p in psutil.process_iter(["cmdline"]) if f"{self.folder}/" in " ".join(p.info["cmdline"] or [])]
        for process in held:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(held, timeout=_SECONDS)

    @staticmethod
    def _ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True)
