"""Attaching a debugger to the entry script in a local container; undone afterwards, and never on a remote service.

A second container is made of the first one's files, with debugpy in it and an ``init()`` that waits; VS Code
(or any client of the debug adapter protocol) attaches to a port on loopback.
"""

from __future__ import annotations

import contextlib
import io
import json
import posixpath
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput, NotInstalled
from amlwidgets.services.local.container import APP_ROOT, LocalContainer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PORT = 5678
_PLACE = "/var/azureml-debugger"
_BEGIN = "# >>> amlwidgets: waits for a debugger"
# At the end, so that every line of the script keeps its number and breakpoints hit what they show.
_WAIT = f"""
{_BEGIN}
_init_of_yours = init


def init():
    import sys

    sys.path.append({_PLACE!r})
    import debugpy

    debugpy.listen(("0.0.0.0", {PORT}))
    print("Waiting for a debugger on port {PORT}.", flush=True)
    debugpy.wait_for_client()
    return _init_of_yours()
"""
_NAME = "Azure ML: attach to {name}"


def with_wait(source: str) -> str:
    """Return the script with an ``init()`` that waits for a debugger before it does what yours does.

    Raises:
        BadInput: The script has a mistake in its syntax, or no ``init()``.
    """
    import ast

    if _BEGIN in source:
        return source
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise BadInput(
            f"The script has a mistake in line {error.lineno}: {error.msg}.", code="script-syntax"
        ) from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == "init" for node in body):
        raise BadInput("The script defines no function init().", code="no-init")
    return source + _WAIT


def without_wait(source: str) -> str:
    """Return the script as it was before."""
    return source.partition("\n" + _BEGIN)[0] if _BEGIN in source else source


@dataclass
class Debugging:
    """A container that waits for a debugger.

    Attributes:
        container: It; its scoring address answers once somebody has attached and let it go on.
        port: On loopback, for the debugger.
        script: The entry script in the container.
        launch: The VS Code configuration.
        file: Where the configuration was written, None when it was not.
        note: One sentence on what was written, or why not.
    """

    container: LocalContainer
    port: int
    script: str
    launch: dict[str, Any]
    file: Path | None
    note: str

    def close(self) -> None:
        """Remove the container, its image and the configuration: all is as it was."""
        self.container.close()
        if self.file is not None:
            _forget(self.file, self.launch["name"])


def attach(local: LocalContainer, *, script: str = "score.py", folder: Path | None = None, port: int = 0) -> Debugging:
    """Start a copy of a local container that waits for a debugger.

    Args:
        local: The container; it is left as it is.
        script: Entry script, relative to the scripts' folder.
        folder: Folder of the user's own script, in which ``.vscode/launch.json`` is written; None writes nothing.
        port: For the debugger, on loopback; 0 takes a free one.

    Raises:
        BadInput: There is no such script, or the port is taken.
        NotInstalled: debugpy is absent here; it is copied into the container from this environment.
        ServiceFailed: The container does not start.
    """
    source = with_wait(local.read(script))
    copy = local.copy(ports={PORT: port}, variables={"WORKER_TIMEOUT": "0", "AML_DEBUG": "1"})
    try:
        copy.container.put_archive("/", _debugpy())
        copy.write(script, source)
        copy.container.start()
    except BaseException:
        copy.close()
        raise
    debug_port = copy.ports[PORT]
    launch = configuration(local.name, debug_port)
    file, note = (None, "No folder was given; copy the configuration.") if folder is None else _remember(folder, launch)
    return Debugging(copy, debug_port, posixpath.join(APP_ROOT, script), launch, file, note)


def configuration(name: str, port: int) -> dict[str, Any]:
    """Return the configuration with which VS Code attaches."""
    return {
        "name": _NAME.format(name=name),
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": "127.0.0.1", "port": port},
        "pathMappings": [{"localRoot": "${workspaceFolder}", "remoteRoot": APP_ROOT}],
        "justMyCode": False,
    }


def _debugpy() -> bytes:
    """Pack this environment's debugpy; on another Python than this one it runs without its compiled parts."""
    import importlib.util

    found = importlib.util.find_spec("debugpy")
    if found is None or not found.submodule_search_locations:
        raise NotInstalled("debugpy is not installed here.", code="no-debugpy", todo="Run: pip install debugpy")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(found.submodule_search_locations[0], f"{_PLACE[1:]}/debugpy", filter=_plain)
    return packed.getvalue()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return None if "__pycache__" in entry.name else entry


def _remember(folder: Path, launch: Mapping[str, Any]) -> tuple[Path | None, str]:
    """Add the configuration to ``.vscode/launch.json``; comments there are not ours to lose."""
    file = folder / ".vscode" / "launch.json"
    try:
        content = json.loads(file.read_text("utf-8")) if file.exists() else {"version": "0.2.0", "configurations": []}
        others = [c for c in content["configurations"] if c.get("name") != launch["name"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, f"{file} has comments or another form; copy the configuration into it by hand."
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content | {"configurations": [*others, launch]}, indent=2) + "\n", "utf-8")
    return file, f"{file}: choose “{launch['name']}” in Run and Debug."


def _forget(file: Path, name: str) -> None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        content = json.loads(file.read_text("utf-8"))
        content["configurations"] = [c for c in content["configurations"] if c.get("name") != name]
        if content == {"version": "0.2.0", "configurations": []}:
            file.unlink()
            with contextlib.suppress(OSError):
                file.parent.rmdir()
        else:
            file.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
