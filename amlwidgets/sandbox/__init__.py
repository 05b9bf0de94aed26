"""The sandbox: a loopback control plane that the unmodified azureml-core talks to.

``start()`` starts it (or finds it), ``workspace()`` opens a workspace in it, ``stop()`` ends it. Importing this
package costs nothing; what is used is loaded when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os

    from amlwidgets.sandbox import world as world
    from amlwidgets.sandbox.client import Sandbox as Sandbox
    from amlwidgets.sandbox.client import connect as connect
    from amlwidgets.sandbox.client import default_home as default_home
    from amlwidgets.sandbox.client import start as start

__all__ = ["Sandbox", "connect", "default_home", "reset", "start", "status", "stop", "workspace", "world"]

_LAZY = {"Sandbox": "client", "connect": "client", "default_home": "client", "start": "client"}


def __getattr__(name: str) -> Any:
    if name == "world":
        return importlib.import_module("amlwidgets.sandbox.world")
    if name in _LAZY:
        return getattr(importlib.import_module(f"amlwidgets.sandbox.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _running(home: str | os.PathLike[str] | None) -> Sandbox:
    from amlwidgets.sandbox import client

    return client.need(home)


def workspace(name: str = "sandbox", home: str | os.PathLike[str] | None = None) -> Any:
    """Return a real ``azureml.core.Workspace`` in the sandbox, which has to run and to be switched on.

    Raises:
        NotConnected: No sandbox runs.
        NotAllowed: This process is not switched to the sandbox.
    """
    return _running(home).workspace(name)


def status(home: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Return what runs in the sandbox.

    Raises:
        NotConnected: No sandbox runs.
    """
    return _running(home).status()


def stop(home: str | os.PathLike[str] | None = None) -> bool:
    """Stop the sandbox; False when none ran. Nothing that it holds is lost."""
    from amlwidgets.sandbox import client

    found = client.connect(home)
    if found is not None:
        found.stop()
    return found is not None


def reset(home: str | os.PathLike[str] | None = None, *, images: bool = False) -> None:
    """Forget models, services, environments and runs; with ``images`` what was built too.

    Raises:
        NotConnected: No sandbox runs.
    """
    _running(home).reset(images=images)
