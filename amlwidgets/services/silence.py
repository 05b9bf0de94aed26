"""Causes that the user has silenced: in a comment of the entry script, in pyproject.toml, or on the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from amlwidgets.core.findings import Finding

_IGNORE = re.compile(r"#\s{0,8}amlwidgets:\s{0,8}ignore\s{1,8}([\w\-]{2,60}(?:\s{0,4},\s{0,4}[\w\-]{2,60}){0,40})")
LARGEST_SCRIPT = 2_000_000


def ignored_in(text: str) -> set[str]:
    """Slugs silenced by a comment such as ``# amlwidgets: ignore worker-timeout``."""
    if "amlwidgets:" not in text:
        return set()
    return {slug.strip() for found in _IGNORE.findall(text) for slug in found.split(",")}


def ignored_in_script(context: Mapping[str, str], findings: Iterable[Finding]) -> set[str]:
    """Slugs silenced in the entry script, where it is known: from the context, or named by a finding and lying here."""
    here = Path(context.get("folder") or ".")
    names = {context.get("entry_script", ""), *(finding.facts.get("file", "") for finding in findings)}
    return {slug for name in names if name.endswith(".py") for slug in ignored_in(_script(here / name))}


def _script(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_SCRIPT:
            return ""
        return path.read_text("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def configured(start: Path) -> list[str]:
    """Slugs silenced in the nearest pyproject.toml: ``[tool.amlwidgets] ignore = ["..."]``."""
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            text = path.read_text("utf-8", "replace")
            return _ignore_list(text, path) if "[tool.amlwidgets]" in text else []
    return []


def _ignore_list(text: str, path: Path) -> list[str]:
    import tomllib

    try:
        value = tomllib.loads(text).get("tool", {}).get("amlwidgets", {}).get("ignore", [])
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not valid TOML: {error}.", code="config-unreadable") from error
    if not isinstance(value, list):
        raise BadInput(f"ignore in [tool.amlwidgets] of {path} has to be a list of slugs.", code="config-unreadable")
    return [str(slug) for slug in value]
