"""The reference page of all causes, generated: ``python -m amlwidgets.causes.reference_page`` writes docs/causes.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.causes.loader import Catalogue, catalogue

if TYPE_CHECKING:
    from amlwidgets.causes.model import Cause, FixTemplate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "causes.md"
STAGE_NAMES = {
    "workspace": "Workspace", "auth": "Rights", "keyvault_arm": "Key Vault and templates", "register": "Registration",
    "image_build": "Image build", "network": "Network", "quota": "Quota", "schedule": "Scheduling",
    "local_docker": "Local Docker", "model_load": "Loading the model", "start": "Start of the container",
    "autoscale": "Autoscaling", "score": "Scoring", "other": "Other",
}  # fmt: skip
_SHELL = ("az ", "docker", "kubectl", "sudo", "apt", "pip ", "conda ", "curl", "amlwidgets", "df ", "#!/bin/")
_FIELD = re.compile(r"\{([a-z][a-z0-9_]*)(?:\|([^{}]*))?\}")


def page(known: Catalogue) -> str:
    """Return the page: one section per cause, by stage."""
    stages = dict.fromkeys(known.taxonomy.values())
    by_stage = {stage: [c for c in known.causes if c.stage == stage] for stage in stages}
    parts = [
        "# Causes",
        (
            "What `diagnose(...)`, `%aml explain` and `amlwidgets diagnose` can name. Generated from the catalogue by "
            "`python -m amlwidgets.causes.reference_page`; words in italics stand for your own names."
        ),
        "\n".join(_contents(stage, causes) for stage, causes in by_stage.items() if causes),
    ]
    for stage, causes in by_stage.items():
        if causes:
            parts += [f"## {STAGE_NAMES[stage]}", *(_section(cause) for cause in causes)]
    return "\n\n".join(parts) + "\n"


def _contents(stage: str, causes: list[Cause]) -> str:
    links = " · ".join(f"[{cause.slug}](#{cause.slug})" for cause in causes)
    return f"- **{STAGE_NAMES[stage]}**: {links}"


def _section(cause: Cause) -> str:
    parts = [f"### {cause.slug}", f"**{_plain(cause.title[0])}.**", _plain(cause.why)]
    parts += [_fix(fix) for fix in cause.fixes]
    if cause.do_not:
        parts.append(f"*What does not help:* {_plain(cause.do_not)}")
    if cause.explains:
        parts.append("Explains: " + ", ".join(f"[{slug}](#{slug})" for slug in cause.explains))
    parts.append(" · ".join(f"<{link}>" for link in cause.links))
    return "\n\n".join(parts)


def _fix(fix: FixTemplate) -> str:
    automatic = " (one click can apply it)" if fix.apply else ""
    lines = [f"**Fix: {_plain(fix.title)}**{automatic}"]
    if fix.steps:
        lines.append("\n".join(f"- {_plain(step)}" for step in fix.steps))
    code = "\n\n".join(part.strip("\n") for part in (fix.code, fix.code_v2) if part.strip())
    if code:
        language = "bash" if code.startswith(_SHELL) else "python"
        lines.append(f"```{language}\n{_FIELD.sub(_in_code, code)}\n```")
    return "\n\n".join(lines)


def _plain(text: str) -> str:
    """Text with its fields as words in italics."""
    return _FIELD.sub(lambda found: f"*{found[2] or found[1].replace('_', ' ')}*", text)


def _in_code(found: re.Match[str]) -> str:
    return found[2] if found[2] is not None else found[0]


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(catalogue()), "utf-8")
