"""``%aml sandbox …``: enters and leaves the sandbox's world from a notebook."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.sandbox.client import Sandbox

_written: dict[Path, str] = {}
"""Config files that this process wrote, with their text: ``off`` takes them away again."""


def sandbox_command(words: list[str]) -> tuple[str, str]:
    """Perform ``%aml sandbox WORD`` and return what to show, as HTML and as text.

    Raises:
        BadInput: there is no such command.
        AmlWidgetsError: it cannot be done; the message says why.
    """
    commands: dict[str, Callable[[], tuple[str, str]]] = {
        "on": _on,
        "off": _off,
        "status": _status,
        "reset": _reset,
    }
    name = words[0] if words else "status"
    if name not in commands or len(words) > 1:
        raise BadInput(
            f"There is no “%aml sandbox {' '.join(words)}”.",
            code="unknown-command",
            todo="Say on, off, status or reset.",
        )
    return commands[name]()


def _on() -> tuple[str, str]:
    from amlwidgets.sandbox import world

    was_off = world.state() == "off"
    sandbox = world.switch_on()
    try:
        note = _ensure_config(sandbox)
    except BaseException:
        if was_off:
            world.switch_off()
        raise
    return _badge("sandbox", f"This kernel works in the sandbox on this machine; nothing reaches Azure. {note}".strip())


def _ensure_config(sandbox: Sandbox) -> str:
    """Make ``Workspace.from_config()`` work here; remember what was written, so that ``off`` takes it away."""
    from amlwidgets.sandbox.configuration import ensure_config, find_config

    folder = Path.cwd()
    before = find_config(folder)
    note = ensure_config(sandbox, folder)
    written = find_config(folder)
    if written is not None and written != before:
        _written[written] = written.read_text(encoding="utf-8")
        return f"{note} Switching off removes it."
    return note


def _off() -> tuple[str, str]:
    from amlwidgets.sandbox import world

    was_on = world.state() == "sandbox"
    world.switch_off()
    for path, text in _written.items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
    _written.clear()
    words = "This kernel is back in the real world." if was_on else "The sandbox was not on. %aml sandbox on enters it."
    return _badge("off", words)


def _status() -> tuple[str, str]:
    from amlwidgets.sandbox import client, world

    sandbox = client.connect()
    if sandbox is None:
        return _badge("off", "No sandbox runs. Start it with: %aml sandbox on")
    state = sandbox.status()
    services = state.get("services", [])
    number = len(services) if isinstance(services, list) else services
    where = "this kernel is in it" if world.state() == "sandbox" else "this kernel is not in it"
    return _badge(world.state(), f"The sandbox runs ({where}): {state.get('models', 0)} models, {number} services.")


def _reset() -> tuple[str, str]:
    from amlwidgets.sandbox import client

    sandbox = client.connect()
    if sandbox is None:
        return _badge("off", "No sandbox runs, so there is nothing to forget.")
    sandbox.reset()
    return _badge("sandbox", "Models, services and runs of the sandbox are forgotten. Built environments are kept.")


def _badge(state: str, words: str) -> tuple[str, str]:
    colour = "#2e7d32" if state == "sandbox" else "#757575"
    badge = f'<span style="border:1px solid {colour};color:{colour};border-radius:8px;padding:0 7px">{state}</span>'
    style = "font-family:var(--jp-ui-font-family);font-size:var(--jp-ui-font-size1)"
    return f'<div style="{style}">{badge} {html.escape(words)}</div>', f"[{state}] {words}"
