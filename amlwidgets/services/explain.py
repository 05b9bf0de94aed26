"""Explaining the failure of the user's own cell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.core.findings import Report


def explain(source: Any = None, ws: Any = None) -> Report:
    """Return the diagnosis of ``source``, or of the last exception that escaped a cell.

    Args:
        source: Anything that ``diagnose`` takes; None is the last exception.
        ws: The workspace in which it failed: where its key vault may be the reason, the vault is looked at.

    Raises:
        BadInput: nothing has failed yet.
    """
    from amlwidgets.services.diagnose import diagnose

    if source is None:
        source = getattr(sys, "last_value", None)
    if source is None:
        raise BadInput(
            "No cell has failed in this kernel yet.",
            code="nothing-failed",
            todo="Give a text, a file or a service: %aml explain NAME",
        )
    report = diagnose(source)
    context = vault_context(report, ws)
    return diagnose(source, context=context) if context else report


VAULT_CAUSES = ("service-internal-error", "key-vault-policy-wiped", "key-vault-access-denied")
"""Causes behind which the key vault may stand: it is looked at, and their cards lead to the checklist."""


def vault_context(report: Report, ws: Any) -> dict[str, str]:
    """Return what a look at the workspace's vault adds to a diagnosis; empty where the vault is no suspect."""
    if ws is None or report.top is None or report.top.cause not in VAULT_CAUSES:
        return {}
    from amlwidgets.services import vault_live

    return vault_live.context_of(vault_live.look(ws))


def is_azureml_failure(error: BaseException) -> bool:
    """Whether an exception, or one that it came from, was raised by the Azure ML SDK."""
    return any(type(e).__module__.startswith("azureml.") for e in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
