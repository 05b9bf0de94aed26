"""The checklist as text and as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.vault.permissions import ALL_BUT_PURGE
from amlwidgets.vault.redeploy import WORKSPACE

if TYPE_CHECKING:
    from amlwidgets.vault.redeploy import Redeploy
    from amlwidgets.vault.seen import Holder, Seen

_MARKS = {"done": "[x]", "needs you": "[!]", "blocked": "[ ]", "unknown": "[?]"}
_ROWS = 12


def table(redeploy: Redeploy, seen: Seen | None) -> list[dict[str, Any]]:
    """Return who has access before, after the first and after the second deployment; one row for each identity."""
    people = list(dict.fromkeys([*redeploy.before, *redeploy.after_run_1, *redeploy.after_run_2]))
    people.sort(key=lambda who: who != WORKSPACE)
    rows = [
        {
            "who": who,
            "before": _has(who in redeploy.before, who, seen),
            "run1": _has(who in redeploy.after_run_1, who, seen),
            "run2": _has(who in redeploy.after_run_2, who, seen),
            "loses": who in redeploy.loses,
        }
        for who in people[:_ROWS]
    ]
    if len(people) > _ROWS:
        rest = len(people) - _ROWS
        rows.append({"who": f"{rest} others", "before": "", "run1": "", "run2": "", "loses": False})
    return rows


def _has(there: bool, who: str, seen: Seen | None) -> str:
    if not there:
        return "nothing"
    mine = seen.identity.lower() if seen is not None else ""
    wanted = mine if who == WORKSPACE else who.lower()
    holder = next((h for h in (seen.holders if seen else None) or () if h.object_id.lower() == wanted), None)
    if holder is None:
        # The workspace lost its entry already; the simulation begins after it was given back.
        return "given back" if who == WORKSPACE and seen is not None else "an entry"
    return _short(holder)


def _short(holder: Holder) -> str:
    if not any(holder.missing(kind) for kind in ALL_BUT_PURGE):
        return "all but purge" if not any(holder.has(kind, "purge") for kind in ALL_BUT_PURGE) else "all"
    given = [kind for kind in ALL_BUT_PURGE if holder.permissions.get(kind)]
    return ", ".join(given) or "no permission"


def story(head: dict[str, Any], steps: list[dict[str, Any]], template: dict[str, Any]) -> str:
    """Return the checklist as text."""
    names = [name for name in (head.get("workspace"), head.get("template")) if name]
    lines = [f"Key Vault and template checklist{': ' if names else ''}{', '.join(names)}"]
    if head.get("busy"):
        lines.append("Still looking; show it again in a moment.")
    for step in steps:
        lines.append(f"{_MARKS[step['state']]} {step['title']}: {step['state']}, {step['detail']}")
        if step["todo"]:
            lines.append(f"      {step['todo']}")
        lines += [
            f"      $ {line}" if not line.startswith(" ") else f"      {line}" for line in step["command"].splitlines()
        ]
    return "\n".join([*lines, *_template(template)])


def _template(template: dict[str, Any]) -> list[str]:
    if not template:
        return []
    lines = ["", template["verdict"]]
    if template["rows"]:
        wide = max(len(row["who"]) for row in template["rows"])
        lines.append(f"  {'who':<{wide}}  {'now':<16}{'after run 1':<16}after run 2")
        lines += [f"  {row['who']:<{wide}}  {_cells(row)}" for row in template["rows"]]
    lines += [f"  {hit['severity']:<7}{hit['id']}  line {hit['line']}  {hit['message']}" for hit in template["hits"]]
    if template["more"]:
        lines.append(f"  and {template['more']} more")
    lines += [f"  open   {', '.join(q['checks'])}  line {q['line']}  {q['message']}" for q in template["open"]]
    if template["remedies"]:
        lines.append("  Remedies: " + ", ".join(r["id"] for r in template["remedies"] if not r["unfit"]))
    return lines


def _cells(row: dict[str, Any]) -> str:
    return f"{row['before']:<16}{row['run1']:<16}{row['run2']}" + ("  loses access" if row["loses"] else "")
