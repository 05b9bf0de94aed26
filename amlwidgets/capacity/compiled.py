"""Whether the compiled kernel of the simulator is there, and the way to it. Nothing is imported before it is asked for.

Compiling takes some seconds, so that it runs on a thread of its own; until then the plain simulator answers.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import NotInstalled

if TYPE_CHECKING:
    from amlwidgets.capacity.results import Result
    from amlwidgets.capacity.scenario import Scenario

_warm = threading.Event()
_once = threading.Lock()


def is_warm() -> bool:
    """Whether the kernel is compiled in this process."""
    return _warm.is_set()


@cache
def is_there() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def warm() -> None:
    """Compile the kernel, or load it from its cache; some seconds.

    Raises:
        NotInstalled: numba is not there.
    """
    if not is_there():
        raise NotInstalled("numba is not installed.", code="numba-missing", todo='pip install "amlwidgets[fast]"')
    with _once:
        if not _warm.is_set():
            _kernel().warm()
            _warm.set()


def warm_later() -> threading.Thread | None:
    """Compile in the background, where numba is there; returns the thread."""
    if _warm.is_set() or not is_there():
        return None
    thread = threading.Thread(target=_warm_beside, name="amlwidgets-compile", daemon=True)
    thread.start()
    return thread


def _warm_beside() -> None:
    """Compile in a process of its own where that was never done: compiling would hold up this one for seconds."""
    cached = list((Path(__file__).parent / "__pycache__").glob("kernel._loop-*.nbi"))
    if not cached:
        code = "from amlwidgets.capacity import compiled; compiled.warm()"
        subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    warm()


def run(scenario: Scenario) -> Result:
    """Simulate with the kernel.

    Raises:
        NotInstalled: numba is not there.
    """
    warm()
    found: Result = _kernel().run(scenario)
    return found


def _kernel() -> Any:
    return importlib.import_module("amlwidgets.capacity.kernel")
