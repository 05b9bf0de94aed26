"""The workspace configuration file that ``Workspace.from_config()`` looks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from amlwidgets.sandbox.client import Sandbox

KEYS = ("subscription_id", "resource_group", "workspace_name")
_FOLDERS = (".azureml", "aml_config", ".")
_FILES = ("config.json", "project.json")


def find_config(start: Path) -> Path | None:
    """Return the file that azureml-core finds from ``start`` upwards, in its order; None when there is none.

    A plain ``config.json`` that names no workspace belongs to another program and is passed over.
    """
    start = start.absolute()
    for folder in _FOLDERS:
        for file in _FILES:
            for parent in (start, *start.parents):
                path = parent / folder / file
                if path.is_file() and (folder != "." or _names(path) is not None):
                    return path
    return None


def read_config(path: Path) -> dict[str, str]:
    """Return subscription_id, resource_group and workspace_name of a configuration file.

    Raises:
        BadInput: It does not name a workspace.
    """
    names = _names(path)
    if names is None:
        raise BadInput(
            f"{path} names no workspace.", code="config-broken", todo=f"It needs the keys {', '.join(KEYS)}."
        )
    return names


def ensure_config(sandbox: Sandbox, folder: Path) -> str:
    """Make ``Workspace.from_config()`` work in ``folder``.

    A workspace that an existing file names is made in the sandbox; without a file, ``.azureml/config.json`` is
    written for the sandbox's own. An existing file is never changed.

    Returns:
        What was written, as a sentence; empty when a file was there.

    Raises:
        BadInput: The existing file names no workspace, or the folder cannot be written.
    """
    found = find_config(folder)
    if found is not None:
        sandbox.workspace_config(**read_config(found))
        return ""
    path = folder / ".azureml" / "config.json"
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            json.dump(sandbox.workspace_config(), file, indent=2)
    except OSError as exc:
        raise BadInput(f"{path} cannot be written: {exc.strerror}.", code="config-write") from exc
    return f"Wrote {path.relative_to(folder)}, which names the sandbox's workspace."


def _names(path: Path) -> dict[str, str] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) and content[key] for key in KEYS):
        return None
    return {key: content[key] for key in KEYS}
