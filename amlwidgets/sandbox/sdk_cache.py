"""The SDK's own cache of workspaces (``~/.azureml/.discovery``): what the sandbox left there is taken away again."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

from amlwidgets.sandbox.identity import SUBSCRIPTION, write_private


def forget(home: Path) -> None:
    """Remove the entries of the workspaces of the sandbox on ``home``; leave all others, and a broken file, alone."""
    path = Path.home() / ".azureml" / ".discovery"
    marks = [f"/subscriptions/{SUBSCRIPTION}/", *(f"/{identifier}" for identifier in _workspace_ids(home))]
    # Nothing depends on it: where it does not work, an entry stays that nobody asks for.
    with contextlib.suppress(OSError, ValueError):
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, dict):
            return
        kept = {key: value for key, value in entries.items() if not any(_names(key, mark) for mark in marks)}
        if len(kept) < len(entries):
            target = path.resolve()
            mode = target.stat().st_mode & 0o777
            write_private(target, json.dumps(kept).encode())
            target.chmod(mode)


def _names(key: str, mark: str) -> bool:
    """Whether a key is of a workspace: ``scope[/identifier][|address]``."""
    return key.startswith(mark) if mark.endswith("/") else key.partition("|")[0].endswith(mark)


def _workspace_ids(home: Path) -> list[str]:
    """Return the identifiers of a sandbox's workspaces, whether it runs or not."""
    found: list[str] = []
    with contextlib.suppress(sqlite3.Error, ValueError, KeyError, TypeError):
        address = f"{(home / 'sandbox.sqlite').absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=2)) as db:
            for (body,) in db.execute("SELECT body FROM documents WHERE kind='workspace'"):
                found.append(str(json.loads(body)["workspaceId"]))
    return [identifier for identifier in found if identifier]
