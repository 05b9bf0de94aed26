"""Name the cause of a failed deployment from whatever the user has at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.causes import examine
from amlwidgets.core.findings import Report
from amlwidgets.core.redact import mask
from amlwidgets.core.stages import STAGES
from amlwidgets.errors import BadInput
from amlwidgets.services import vault_seen
from amlwidgets.services.silence import configured, ignored_in, ignored_in_script
from amlwidgets.services.sources import LONG, Source, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def diagnose(
    source: Any, *, stage: str | None = None, context: Mapping[str, str] | None = None, ignore: Iterable[str] = ()
) -> Report:
    """Name the causes that a source shows, with proof and fix.

    Args:
        source: ``str`` is text; a path-like object is a file (gzip, UTF-8, UTF-16, CP1252); an exception with its
            chain; a Webservice (state, error, log); an Image (build log); a ``(name, text)`` pair; or a list of
            these, which gives one report whose evidence names each source.
        stage: Where it failed, if known: ``preflight``, ``register``, ``image``, ``schedule``, ``start`` or ``score``.
        context: What is known besides: ``models`` (``"diabetes:1, other:2"``), ``entry_script``, ``memory_gb``,
            ``service``; ``workspace_identity``, ``vault_policies`` (object ids), ``vault_roles``, ``vault_firewall``
            and ``vault_name``, where the vault was looked at.
        ignore: Slugs of causes that the user has silenced, beside those of ``# amlwidgets: ignore`` in the entry
            script and of ``[tool.amlwidgets] ignore`` in pyproject.toml; they are counted in the report.

    Returns:
        The report; its ``top`` is None when nothing was found, as in a healthy log.

    Raises:
        BadInput: A file cannot be read, nothing is known about this kind of object, or there is no such stage.
    """
    return diagnose_sources(read(source), stage=stage, context=context, ignore=ignore)


def diagnose_sources(
    sources: list[Source],
    *,
    stage: str | None = None,
    context: Mapping[str, str] | None = None,
    ignore: Iterable[str] = (),
) -> Report:
    """Name the causes that named texts show."""
    _check_stage(stage)
    known = dict(context or {})
    short = [text for source in sources if (text := _short_text(source)) is not None]
    vault = vault_seen.statement(short, known)
    if vault_seen.proves(vault):
        sources = [*sources, Source("key vault", vault)]
    findings, last = examine(sources, context=known, stage=stage, clean=mask)
    if vault == vault_seen.HAS:
        findings = tuple(f for f in findings if f.cause != "key-vault-policy-wiped")
    silenced = {slug.strip().lower() for slug in ignore}
    for text in short:
        silenced |= ignored_in(text)
    if findings:
        silenced |= {*configured(Path.cwd()), *ignored_in_script(known, findings)}
    kept = tuple(f for f in findings if f.cause not in silenced)
    left_out = tuple(f.cause for f in findings if f.cause in silenced)
    return Report(kept, tuple(source.name for source in sources), left_out, last)


def _check_stage(stage: str | None) -> None:
    names = [known.value for known in STAGES]
    if stage is not None and stage not in names:
        raise BadInput(f"There is no stage {stage!r}; the stages are {', '.join(names)}.")


def _short_text(source: Source) -> str | None:
    """Return the whole of a short text or file; None for a log, of which only what proves something is looked at."""
    if isinstance(source.text, str):
        return source.text
    if source.text.once:
        return None
    found = b""
    for chunk in source.text:
        found += chunk
        if len(found) > LONG:
            return None
    return found.decode("utf-8", "replace")
