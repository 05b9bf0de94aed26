"""amlwidgets: find out, inside the notebook, why an Azure ML deployment failed, and fix it.

Every public name is loaded when it is first used: ``%load_ext amlwidgets`` costs nearly nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from amlwidgets._version import __version__

if TYPE_CHECKING:
    from amlwidgets.core.findings import Finding, Report
    from amlwidgets.services.diagnose import diagnose
    from amlwidgets.services.explain import explain
    from amlwidgets.widgets.calculator import ReplicaCalculator
    from amlwidgets.widgets.chart import Chart
    from amlwidgets.widgets.log_viewer import LogViewer
    from amlwidgets.widgets.vault_checklist import VaultChecklist
    from amlwidgets.widgets.wizard import DeployWizard

_PUBLIC = {
    "Chart": "amlwidgets.widgets.chart",
    "DeployWizard": "amlwidgets.widgets.wizard",
    "Finding": "amlwidgets.core.findings",
    "LogViewer": "amlwidgets.widgets.log_viewer",
    "ReplicaCalculator": "amlwidgets.widgets.calculator",
    "Report": "amlwidgets.core.findings",
    "VaultChecklist": "amlwidgets.widgets.vault_checklist",
    "diagnose": "amlwidgets.services.diagnose",
    "explain": "amlwidgets.services.explain",
}
_MODULES = ("capacity", "sandbox")

__all__ = [
    "Chart", "DeployWizard", "Finding", "LogViewer", "ReplicaCalculator", "Report", "VaultChecklist", "__version__",
    "diagnose", "explain",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC, *_MODULES])


def load_ipython_extension(ipython: Any) -> None:
    """Add ``%aml`` to IPython: ``%load_ext amlwidgets``."""
    from amlwidgets.magics import register

    register(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take ``%aml`` away again."""
    from amlwidgets.magics import unregister

    unregister(ipython)
