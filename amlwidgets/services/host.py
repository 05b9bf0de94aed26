"""The host's tools: a Docker engine that can run something, and the Azure CLI with its extension."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import struct
import tarfile
from pathlib import Path
from typing import Any

from amlwidgets.core.checks import Check, CheckState
from amlwidgets.errors import AmlWidgetsError

# Machine code of exit(0), for the two processors that people have.
_EXIT_0 = {
    "x86_64": (62, b"\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05"),  # mov eax,60; xor edi,edi; syscall
    "aarch64": (183, b"\xa8\x0b\x80\xd2\x00\x00\x80\xd2\x01\x00\x00\xd4"),  # mov x8,93; mov x0,0; svc 0
}


def tiny_program(machine: str) -> bytes:
    """Return an ELF program that ends at once with exit code 0.

    So that ``docker run`` can be tried without pulling an image.

    Raises:
        KeyError: ``machine`` is neither x86_64 nor aarch64.
    """
    number, code = _EXIT_0[machine]
    base, header = 0x400000, 64 + 56
    entry, size = base + header, header + len(code)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    elf = ident + struct.pack("<HHIQQQIHHHHHH", 2, number, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return elf + segment + code


def _tiny_image(machine: str) -> bytes:
    """Return a tar archive whose only file is the tiny program."""
    program, archive = tiny_program(machine), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("ok")
        entry.size, entry.mode = len(program), 0o755
        tar.addfile(entry, io.BytesIO(program))
    return archive.getvalue()


def run_tiny_container(client: Any) -> None:
    """Run a container that does nothing, in an image made on the spot; removes both.

    Args:
        client: A docker-py client.

    Raises:
        docker.errors.DockerException: the engine cannot run it.
    """
    from amlwidgets.services.local.ours import LABEL, owner

    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(str(client.version()["Arch"]), platform.machine())
    # Without a name, so that two who try at the same time do not remove each other's.
    said = client.api.import_image_from_data(_tiny_image(machine), changes=[f"LABEL {LABEL}={owner()}"])
    image = json.loads(said.splitlines()[-1])["status"]
    try:
        client.containers.run(image, ["/ok"], remove=True, network_disabled=True, labels={LABEL: owner()})
    finally:
        client.images.remove(image, force=True)


def check_docker(*, needed: bool) -> Check:
    """Check that an engine answers and runs a container; only a Local target needs it."""
    looked = os.environ.get("DOCKER_HOST", "the engine's default socket")

    def result(state: CheckState, detail: str, todo: str = "") -> Check:
        return Check("docker", "Docker", state, looked, detail, todo)

    if not needed:
        return result(CheckState.SKIP, "Only a Local deployment needs it.")
    from docker.errors import DockerException

    from amlwidgets.docker_engine import engine

    try:
        with engine(timeout=20) as client:
            version = client.version()["Version"]
            run_tiny_container(client)
    except AmlWidgetsError as error:
        return result(CheckState.FAIL, error.message, error.todo)
    except (DockerException, OSError, KeyError) as error:
        todo = "Run  docker run hello-world  in a terminal; it shows the same error with more words."
        return result(CheckState.FAIL, f"No container could be run: {error}.", todo)
    return result(CheckState.OK, f"Engine {version} ran a tiny container.")


def check_azure_cli(*, needed: bool) -> Check:
    """Check that the Azure CLI has exactly one machine learning extension; only a real workspace may need it."""
    if not needed:
        return Check("azure-cli", "Azure CLI", CheckState.SKIP, "", "The sandbox does not need it.")
    path = shutil.which("az")
    folder = Path(os.environ.get("AZURE_EXTENSION_DIR") or Path.home() / ".azure" / "cliextensions")
    looked = f"{path or 'PATH'}, {folder}"

    def result(state: CheckState, detail: str, todo: str = "") -> Check:
        return Check("azure-cli", "Azure CLI", state, looked, detail, todo)

    if path is None:
        return result(
            CheckState.WARN, "The command az is not installed.", "The SDK works without it; guides and repairs use it."
        )
    present = [name for name in ("ml", "azure-cli-ml") if _extension_version(folder / name) is not None]
    if len(present) > 1:
        return result(
            CheckState.FAIL,
            "The extensions ml and azure-cli-ml are both installed, and they conflict.",
            "Run: az extension remove -n azure-cli-ml",
        )
    if not present:
        return result(CheckState.WARN, "az has no machine learning extension.", "Run: az extension add -n ml")
    return result(CheckState.OK, f"az is there, with the extension {present[0]}.")


def _extension_version(folder: Path) -> str | None:
    """Return the version of an installed az extension, or None."""
    for metadata in folder.glob("*.dist-info/METADATA"):
        for line in metadata.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Version:"):
                return line.split(":", 1)[1].strip()
    for metadata in folder.glob("*.dist-info/metadata.json"):
        return str(json.loads(metadata.read_text(encoding="utf-8")).get("version", ""))
    return None
