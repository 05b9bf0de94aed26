"""Running an item of the gallery: its script in the sandbox, in a folder of its own, and what that leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amlwidgets.errors import NotInstalled
from amlwidgets.sandbox.configuration import ensure_config
from amlwidgets.sandbox.gallery import BUILD, CONTAINER, ERROR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlwidgets.sandbox.client import Sandbox
    from amlwidgets.sandbox.gallery import Item

VAULT = "vault.txt"


@dataclass(frozen=True, slots=True)
class Provoked:
    """A failure that happened.

    Attributes:
        item: What was run.
        folder: Where its files are.
        failed: Whether it failed, as it should.
        sources: Files that a person would have: error, container log, build log, what was seen of the vault.
    """

    item: Item
    folder: Path
    failed: bool
    sources: list[Path]


def missing(item: Item) -> str:
    """Return what an item needs that is not here, as a sentence; empty when all is there."""
    import importlib.util

    if "docker" in item.needs and not _engine_answers():
        return "It needs a Docker engine, and none answers."
    packages = [name for name in item.needs if name != "docker" and importlib.util.find_spec(name) is None]
    return f"It needs {', '.join(packages)} in this environment." if packages else ""


def _engine_answers() -> bool:
    import shutil

    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def run(item: Item, sandbox: Sandbox, folder: Path, write: Callable[[str], None] = print) -> Provoked:
    """Run an item and clean up after it.

    Args:
        item: What to run.
        sandbox: Where.
        folder: An empty folder for its files.
        write: Gets each line of its output as it appears.

    Raises:
        NotInstalled: Something that the item needs is not here.
        OSError: The folder cannot be written.
    """
    if lacks := missing(item):
        raise NotInstalled(f"“{item.name}” cannot be provoked here. {lacks}", code="gallery-needs")
    script = item.write(folder)
    ensure_config(sandbox, folder)
    variables = {key: value for key, value in os.environ.items() if key not in sandbox.unset}
    before = _services(sandbox)
    try:
        code = _follow([sys.executable, "-m", "amlwidgets.sandbox.gallery.provoke", str(script)], folder,
                       variables | sandbox.environment() | {"PYTHONWARNINGS": "ignore"}, write)  # fmt: skip
    finally:
        for name in _services(sandbox) - before:
            sandbox.delete_service(name)
    found = [folder / name for name in (ERROR, CONTAINER, BUILD, VAULT)]
    return Provoked(item, folder, code == 0, [path for path in found if path.exists()])


def _services(sandbox: Sandbox) -> set[str]:
    return {str(service["name"]) for service in sandbox.status()["services"]}


def _follow(command: list[str], folder: Path, variables: dict[str, str], write: Callable[[str], None]) -> int:
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                write(line.rstrip("\n"))
        except BaseException:
            process.terminate()
            raise
        return process.wait()
