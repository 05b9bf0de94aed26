"""``%aml local``: a panel on the container of a service. It joins the sandbox, where the workspace is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlwidgets.errors import AmlWidgetsError, BadInput

_MOST_PORT = 65535


def panel(word: str, ws: Any, namespace: dict[str, Any], *, port: str = "0") -> Any:
    """Return the panel for what a word names: a variable, a service of the workspace, a container, or an image.

    It comes at once; the container is built, pulled or started meanwhile.

    Args:
        word: What stands behind ``%aml local``.
        ws: The workspace; None finds it.
        namespace: The user's variables.
        port: For the container, on loopback; 0 takes a free one.

    Raises:
        BadInput: Nothing has that name, or the port is none.
    """
    from functools import partial

    from amlwidgets.services.local.opening import open_target
    from amlwidgets.services.local.pending import Opening
    from amlwidgets.widgets.container_panel import ContainerPanel, close_earlier

    thing = namespace[word] if word in namespace else _named(word, ws)
    begin = partial(open_target, thing, sandbox=connected_sandbox(), ws=ws)
    close_earlier(word)
    return ContainerPanel(Opening(word, begin, port=_port(port)), conda=_conda(), script=_script(thing))


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_PORT:
        raise BadInput(f"“{text}” is no port.", code="port-syntax", todo="Write port=8080, or leave it out.")
    return int(text)


def host() -> tuple[str, str]:
    """Return what a container on this machine needs, and whether it is there, as HTML and as text."""
    import html

    from amlwidgets.services.local.engine import check_engine

    checks = check_engine()
    marks = {"ok": "✓", "warn": "!", "fail": "✕", "skip": "-"}
    rows = "".join(
        f"<tr><td>{marks[c.state]}</td><td>{html.escape(c.title)}</td>"
        f"<td>{html.escape(c.detail)} <b>{html.escape(c.todo)}</b></td></tr>"
        for c in checks
    )
    text = "\n".join(f"{marks[c.state]} {c.title}: {c.detail} {c.todo}".rstrip() for c in checks)
    hint = "Then: %aml local SERVICE, a container, or an image."
    return f"<table>{rows}</table><p>{hint}</p>", f"{text}\n{hint}"


def _named(word: str, ws: Any) -> Any:
    """Return the service of that name; where there is none, the word itself names a container or an image."""
    from amlwidgets.services.azureml import find_service
    from amlwidgets.services.local.opening import known_to_engine

    if "/" in word or ":" in word:  # no service may be called so; an image that is not here is pulled
        return word
    try:
        return find_service(word, ws)
    except AmlWidgetsError as error:  # without a workspace too a container or an image has its name
        if known_to_engine(word):
            return word
        if not isinstance(error, BadInput):
            raise
        raise BadInput(
            f"There is no service, container or image “{word}”.", code="nothing-named", todo=error.todo
        ) from error


def connected_sandbox() -> Any:
    """Return the client of the sandbox whose world this kernel is in; None outside of it."""
    from amlwidgets.sandbox import client, world

    return client.connect() if world.state() == "sandbox" else None


def _conda() -> str:
    """Return the conda file that lies in the working folder, as the wizard would take it."""
    from amlwidgets.services.defaults import guess_spec

    name = guess_spec(str(Path.cwd())).conda_file
    return Path(name).read_text("utf-8", "replace") if name and Path(name).is_file() else ""


def _script(thing: Any) -> str:
    from amlwidgets.services.local.opening import own_script

    own = own_script(thing)
    return own.name if own is not None else "score.py"
