"""Explaining the failure of the user's own cell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.core.findings import Report


def explain(source: Any = None) -> Report:
    """Return the diagnosis of ``source``, or of the last exception that escaped a cell.

    Args:
        source: Anything that ``diagnose`` takes; None is the last exception.

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
    return diagnose(source)


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
