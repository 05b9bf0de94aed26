"""Which world this process is in: Azure as it is, or the sandbox. Never both."""

from __future__ import annotations

import gc
import os
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import NotAllowed, NotInstalled, ServiceFailed
from amlwidgets.sandbox.environ import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.sandbox.client import Sandbox

_before: dict[str, str | None] | None = None
# Workspace objects that were made in the sandbox: they do not keep a process in the real world.
_sandbox_objects: weakref.WeakSet[Any] = weakref.WeakSet()


def state() -> str:
    """Return ``"sandbox"`` when this process's environment leads to a sandbox, else ``"off"``."""
    return "sandbox" if os.environ.get(MARK) else "off"


def switch_on(sandbox: Sandbox | None = None) -> Sandbox:
    """Lead this process to the sandbox, which is started when it does not run.

    Args:
        sandbox: Which one; None takes the default.

    Raises:
        NotAllowed: The process holds a workspace of the real world; nothing has changed then.
    """
    global _before  # noqa: PLW0603 - the state of the process is one, by nature
    if sandbox is None:
        from amlwidgets.sandbox.client import start

        sandbox = start(os.environ.get(MARK) or None)
    if state() == "sandbox":
        if os.environ[MARK] == str(sandbox.home):
            return sandbox
        raise NotAllowed(
            f"This process already uses the sandbox of {os.environ[MARK]}.",
            code="other-sandbox",
            todo="Switch it off first.",
        )
    real = [workspace for workspace in _workspaces() if workspace not in _sandbox_objects]
    if real:
        name = getattr(real[0], "_workspace_name", "?")
        raise NotAllowed(
            f"This kernel holds the workspace '{name}', which is not in the sandbox. A kernel is in one world at a "
            "time, so that nothing reaches the wrong one.",
            code="two-worlds",
            todo="Restart the kernel and switch the sandbox on before you open a workspace.",
        )
    changes: dict[str, str | None] = {**sandbox.environment(), **dict.fromkeys(sandbox.unset)}
    _before = {name: os.environ.get(name) for name in changes}
    _apply(changes)
    return sandbox


def switch_off() -> None:
    """Lead this process back to the world as it was; objects of the sandbox simply stop working.

    Raises:
        NotAllowed: The process was started in the sandbox (``amlwidgets sandbox run``), so there is no way back.
    """
    global _before  # noqa: PLW0603
    if state() == "off":
        return
    if _before is None:
        raise NotAllowed(
            "This process was started in the sandbox.",
            code="started-in-sandbox",
            todo="Start it without `amlwidgets sandbox run` to leave the sandbox.",
        )
    from amlwidgets.sandbox.sdk_cache import forget

    _sandbox_objects.update(_workspaces())
    forget(Path(os.environ[MARK]))
    _apply(_before)
    _before = None


def open_workspace(config: dict[str, str]) -> Any:
    """Return the azureml Workspace that ``config`` names.

    Raises:
        NotInstalled: azureml-core is absent.
        ServiceFailed: It cannot be opened.
    """
    try:
        from azureml.core import Workspace
    except ImportError as exc:
        raise NotInstalled(
            "azureml-core is not installed.", code="no-azureml-core", todo="Run `pip install azureml-core`."
        ) from exc
    try:
        return Workspace(**config)
    except Exception as exc:
        raise ServiceFailed(f"The workspace cannot be opened: {exc}", code="workspace") from exc


def _apply(changes: dict[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _workspaces() -> Iterator[Any]:
    """Find the live Workspace objects of this process, without importing the SDK."""
    module = sys.modules.get("azureml.core.workspace")
    kind = getattr(module, "Workspace", None)
    if isinstance(kind, type):
        # type() rather than isinstance(): some proxies compute an attribute when they are asked for their class.
        yield from [thing for thing in gc.get_objects() if issubclass(type(thing), kind)]
