"""Writes docs/key_vault_checks.md from the checks and remedies: ``python -m amlwidgets.vault.reference_page``."""

from __future__ import annotations

from pathlib import Path

from amlwidgets.vault.check import SEVERITIES, all_checks
from amlwidgets.vault.remedy import all_remedies

PAGE = Path(__file__).resolve().parents[2] / "docs" / "key_vault_checks.md"
_HEAD = """# Checks of templates

Generated from the checks themselves (`python -m amlwidgets.vault.reference_page`). `amlwidgets arm TEMPLATE` runs them;
each is tested with its two examples. An id is never used again for another check.
"""


def page() -> str:
    """Return the page."""
    checks = all_checks()
    lines = [_HEAD, "| id | name | severity |", "|---|---|---|"]
    lines += [f"| [{one.id}](#{one.id.lower()}-{one.slug}) | {one.slug} | {one.severity} |" for one in checks]
    lines += ["", "## Remedies that write", ""]
    lines += ["`amlwidgets arm TEMPLATE --fix REMEDY [--write]`", ""]
    lines += ["| remedy | does | silent then | from then on |", "|---|---|---|---|"]
    lines += [f"| `{r.id}` | {r.title} | {', '.join(r.silences)} | {r.words} |" for r in all_remedies()]
    for severity in reversed(SEVERITIES):
        lines += ["", f"# Severity {severity}"]
        for check in checks:
            if check.severity == severity:
                lines += ["", f"## {check.id} {check.slug}", "", check.why, "", f"**Do:** {check.fix}"]
                lines += ["", "Fires here:", "", "```json", check.bad.strip(), "```"]
                lines += ["", "Silent here:", "", "```json", check.good.strip(), "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
