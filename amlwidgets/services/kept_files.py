"""What fixes have kept of the files that they changed. The journal names it, and a doctored journal leads nowhere else.

A backup is looked for in the folder of backups alone, a file below the working folder alone; links out of them are not
followed, and the text has to be the one whose digest was kept.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from amlwidgets.core.spec import DeploymentSpec

SETTINGS = frozenset({"source_directory", "entry_script", "memory_gb", "port"})
"""The settings that fixes change; no other is taken back."""


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_text(path: Path) -> str:
    """Return a file's text with its own line ends.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is no text.
    """
    # newline="" keeps them
    with path.open(encoding="utf-8", newline="") as stream:
        return stream.read()


def backup_text(entry: Mapping[str, Any], backups: Path) -> str:
    """Return what a file held before a fix.

    Args:
        entry: What the journal says of the file: ``backup`` (its path) and ``before`` (the SHA-256 of its text).
        backups: The folder in which every backup lies.

    Raises:
        BadInput: There is no such backup in that folder, or it is not the one that was kept.
    """
    name = Path(str(entry.get("backup") or "")).name
    path = backups / name
    with _readable(f"the backup {name}", refused):
        if not name or path.is_symlink() or not path.is_file():
            raise refused(f"{name or 'no backup'} is not among the backups")
        text = read_text(path)
    if digest(text) != entry.get("before"):
        raise refused(f"the backup {name} is not what was kept")
    return text


def project_file(entry: Mapping[str, Any], folder: Path, refuse: Callable[[str], BadInput] | None = None) -> Path:
    """Return the file that a fix changes, or has changed.

    Args:
        entry: What is said of it: ``file``, relative to the working folder.
        folder: The working folder.
        refuse: Makes the error. Default: ``refused``.

    Raises:
        BadInput: It is not there, or lies outside of the working folder.
    """
    name, refuse = str(entry.get("file") or ""), refuse or refused
    with _readable(name, refuse):
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise refuse(f"{name} lies outside of the working folder")
        if not path.is_file():
            raise refuse(f"{name or 'the file'} is not there any more")
    return path


def project_text(path: Path, refuse: Callable[[str], BadInput]) -> str:
    """Return the text of ``project_file``.

    Raises:
        BadInput: It cannot be read, or is no text.
    """
    with _readable(path.name, refuse):
        return read_text(path)


def former_settings(settings: Mapping[str, tuple[Any, Any]], spec: DeploymentSpec) -> DeploymentSpec:
    """Return a specification with the settings that a fix has changed as they were before; later changes stay.

    Args:
        settings: What the journal says: name → (before, after).
        spec: The specification now.

    Raises:
        BadInput: They are no fix's, or what they name to upload lies outside of the working folder.
    """
    if strange := settings.keys() - SETTINGS:
        raise refused(f"it would change {min(strange)[:60]}, which no fix changes")
    back = {name: old for name, (old, new) in settings.items() if getattr(spec, name) == new}
    if not all(_fits(old, getattr(spec, name)) for name, old in back.items()):
        raise refused("the journal's record of it is spoiled")
    folder = Path(spec.folder)
    with _readable("what it would set", refused):
        changed = spec.changed(**back)
        source = (folder / changed.source_directory).resolve()
        inside = all(p.is_relative_to(folder.resolve()) for p in (source, (source / changed.entry_script).resolve()))
    if back.keys() & {"source_directory", "entry_script"} and not inside:
        raise refused("it would upload what lies outside of the working folder")
    return changed


def _fits(old: Any, now: Any) -> bool:
    return isinstance(old, str) if isinstance(now, str) else isinstance(old, int | float)


@contextmanager
def _readable(what: str, refuse: Callable[[str], BadInput]) -> Iterator[None]:
    """Say in one sentence what a system says of odd names (too long, NUL, links in a circle) and of what is no text."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        raise refuse(f"{what} cannot be read") from error


def refused(what: str) -> BadInput:
    """Return the error that says why the journal is not followed."""
    return BadInput(f"The fix cannot be taken back: {what}.", code="undo-refused", todo="Nothing was changed.")


def not_applied(what: str) -> BadInput:
    """Return the error that says why a fix is not applied."""
    return BadInput(f"The fix cannot be applied: {what}.", code="fix-refused", todo="Nothing was changed.")
