"""What the program's doors (magics, CLI) hand to widgets and services that must not import the sandbox themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

sandbox: Callable[[], Any] | None = None
"""Returns the client of the sandbox whose world this kernel is in, or None; set by ``%load_ext amlwidgets``."""


def sandbox_client() -> Any:
    """Return the sandbox's client; None outside of its world, and where nobody has set the door."""
    return sandbox() if sandbox is not None else None


gallery: Callable[[str], Any] | None = None
"""Provokes a failure of the gallery and returns its runbook; set by the CLI and by ``%load_ext amlwidgets``."""


stale_images: Callable[[], str] | None = None
"""Returns number and size, in words, of images of sandboxes that are gone; empty without any; set by the CLI."""
