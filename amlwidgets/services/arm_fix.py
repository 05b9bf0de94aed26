"""Correcting a template file: the new text beside the original, which is never touched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.reader import TemplateError
from amlwidgets.errors import BadInput
from amlwidgets.vault.remedy import NoFit, all_remedies, fix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlwidgets.arm.expand import Load
    from amlwidgets.vault.remedy import Fixed, Remedy


def remedy_named(name: str) -> Remedy:
    """Return a remedy by its id.

    Raises:
        BadInput: There is none of that name.
    """
    found = next((remedy for remedy in all_remedies() if remedy.id == name), None)
    if found is None:
        known = ", ".join(remedy.id for remedy in all_remedies())
        raise BadInput(f"There is no remedy “{name}”.", code="no-such-remedy", todo=f"There are {known}.")
    return found


def read_text(path: str | Path) -> str:
    """Return a file's text with its own line ends and byte order mark.

    Raises:
        BadInput: It cannot be read.
    """
    try:
        return Path(path).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"{path} cannot be read: {exc}.", code="file-unreadable") from exc


def corrected(
    text: str, remedy: str, name: str, parameters: Mapping[str, Any] | None = None, load: Load | None = None
) -> Fixed:
    """Return a corrected template.

    Raises:
        BadInput: It is no template, or the remedy does not fit it.
    """
    try:
        return fix(text, remedy_named(remedy), parameters, load, name)
    except NoFit as exc:
        raise BadInput(f"{name}: {exc}", code="remedy-unfit", todo="Another remedy may fit.") from exc
    except TemplateError as exc:
        raise BadInput(f"{name}, {exc}", code="template-invalid") from exc


def place_beside(path: str | Path, remedy: str) -> Path:
    """Return where a corrected template is written: beside the original, with the remedy in its name."""
    original = Path(path)
    return original.with_name(f"{original.stem}.{remedy}{original.suffix or '.json'}")


def write_beside(path: str | Path, found: Fixed) -> Path:
    """Write a corrected template beside the original.

    Raises:
        BadInput: A file of that name holds something else, or it cannot be written.
    """
    place, data = place_beside(path, found.remedy.id), found.text.encode()
    try:
        if place.exists() and place.read_bytes() != data:
            raise BadInput(
                f"{place.name} is there already and holds something else.",
                code="file-exists",
                todo="Move it away or delete it; it is not overwritten.",
            )
        place.write_bytes(data)
    except OSError as exc:
        raise BadInput(f"{place} cannot be written: {exc}.", code="file-unwritable") from exc
    return place
