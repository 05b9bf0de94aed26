"""Proof of whose an image in the engine is, when the sandbox that made it is gone.

The engine may be shared: with other users, and with machines or containers that have other files under the same names.
So an image carries, beside the state folder, who made it, and its last step says that nobody has built upon it.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import uuid
from pathlib import Path

from amlwidgets.sandbox.engine.client import LABEL

OWNER = "amlwidgets.owner"
"""Label on every image of a sandbox; its value is :func:`owner`."""

MADE = "amlwidgets.made"
"""Label that the last step of every image of ours sets; whatever is built upon one has another last step."""

_FILE = "engine-owner"
_NAME = re.compile("[0-9a-f]{32}")


def owner() -> str:
    """Return who this user is to the engine: a random name kept in the user's data folder, and this machine's.

    Empty where the data folder cannot be used: nothing can be proved then.
    """
    import platformdirs

    path = Path(platformdirs.user_data_dir("amlwidgets", appauthor=False), _FILE)
    try:
        if not path.exists():
            _choose(path)
        name = path.read_text("ascii").strip()
    except (OSError, UnicodeError):
        return ""
    return f"{name}@{platform.node()}" if _NAME.fullmatch(name) else ""


def _choose(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{_FILE}.{uuid.uuid4().hex}")
    fresh.write_text(uuid.uuid4().hex, "utf-8")
    try:
        with contextlib.suppress(FileExistsError):
            _keep_first(fresh, path)
    finally:
        fresh.unlink()


def _keep_first(fresh: Path, path: Path) -> None:
    try:
        os.link(fresh, path)  # whole or not at all, and only the first of two
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with path.open("x", encoding="ascii") as file:
            file.write(fresh.read_text("ascii"))


def first_step(home: Path) -> str:
    """Return the step of a Dockerfile that says whose the image is.

    Args:
        home: State folder of the sandbox.
    """
    mine = f" {OWNER}={json.dumps(name)}" if (name := owner()) else ""
    return f"LABEL {LABEL}={json.dumps(str(home))}{mine}"


def last_step() -> str:
    """Return the step with which every Dockerfile of ours ends."""
    return f"LABEL {MADE}=1"


def is_last_step(created_by: str) -> bool:
    """Whether the engine's word for an image's newest step is :func:`last_step`."""
    return f"LABEL {MADE}=" in created_by
