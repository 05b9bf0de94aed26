"""Causes of failed deployments: a catalogue of data, parsers of facts, and the matcher between them.

Pure: text in, findings out. Adding a cause means adding one TOML file below ``catalogue/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.causes.loader import Catalogue, catalogue
from amlwidgets.causes.matcher import Matcher
from amlwidgets.causes.ranking import rank, sightings
from amlwidgets.causes.unexplained import unexplained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from amlwidgets.core.findings import Finding, Unexplained

__all__ = ["Catalogue", "catalogue", "examine", "find_causes"]


def find_causes(
    texts: Sequence[tuple[str, str | Iterable[bytes]]],
    *,
    context: Mapping[str, str] | None = None,
    stage: str | None = None,
    using: Catalogue | None = None,
    clean: Callable[[str], str] | None = None,
) -> tuple[Finding, ...]:
    """Name the causes that texts show, ranked, best first.

    Args:
        texts: Named texts, as ``(source, text)``; instead of a text, its chunks in UTF-8.
        context: What is known beside the texts: ``models`` (``"a:1, b:2"``), ``entry_script``,
            ``memory_gb``, ``service``.
        stage: Stop of the stage rail where the failure showed, such as ``"image"``; a light preference only.
        using: Another catalogue than the product's own.
        clean: Applied to what is looked at closely, before anything of it is kept (masking of secrets).

    Returns:
        Findings; symptoms that a found cause explains are part of it.
    """
    return examine(texts, context=context, stage=stage, using=using, clean=clean)[0]


def examine(
    texts: Sequence[tuple[str, str | Iterable[bytes]]],
    *,
    context: Mapping[str, str] | None = None,
    stage: str | None = None,
    using: Catalogue | None = None,
    clean: Callable[[str], str] | None = None,
) -> tuple[tuple[Finding, ...], Unexplained | None]:
    """Do as :func:`find_causes`, and return besides the last exception where nothing was found for it."""
    known = using or catalogue()
    stage = stage or (context or {}).get("wizard_stage")
    seen = []
    last: Unexplained | None = None
    for source, text in texts:
        matcher = Matcher(text, known, stage, None if isinstance(text, str) else clean)
        found = matcher.matches()
        seen += sightings(source, matcher.doc, found)
        last = (None if found else unexplained(source, matcher, stage)) or last
    findings = rank(seen, dict(context or {}), stage)
    return findings, None if findings else last
