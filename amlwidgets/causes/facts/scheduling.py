"""What the Kubernetes scheduler says, such as ``0/3 nodes are available: 3 Insufficient memory``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amlwidgets.causes.facts.base import Fact, Parser

if TYPE_CHECKING:
    from amlwidgets.causes.document import Document

_HEAD = re.compile(r"(\d{1,5})/(\d{1,5}) nodes are available: ?(.{0,1500})")
_REASON = re.compile(r"(\d{1,5}) ((?:Insufficient |node\(s\)|Too many pods|nodes? )[^,;]{0,160})")
_RESOURCE = re.compile(r"Insufficient ([\w.\-/]{1,80})")


def parse(doc: Document) -> list[Fact]:
    """Read every verdict of the scheduler."""
    facts = []
    for i in doc.where("nodes are available"):
        match = _HEAD.search(doc.lines[i].text)
        if match is None or match[1] != "0":
            continue
        rest = match[3].split(" preemption:", 1)[0]
        resources = [r.rstrip(".") for r in _RESOURCE.findall(rest)]
        fields = {
            "nodes": match[2],
            "verdict": f"{match[1]}/{match[2]} nodes are available: {rest.rstrip(' .')}",
            "resources": ", ".join(dict.fromkeys(resources)),
            "reasons": "; ".join(f"{n} {what.rstrip('. ')}" for n, what in _REASON.findall(rest)),
            "most": _most(rest),
        }
        fields |= _plain(resources)
        facts.append(Fact("scheduling", {k: v for k, v in fields.items() if v}, i, i, i))
    return facts


def _most(rest: str) -> str:
    """What keeps the service off most of the nodes: what they have left (resources), or their rules."""
    counts = {"resources": 0, "rules": 0}
    for number, what in _REASON.findall(rest):
        counts["resources" if what.startswith(("Insufficient", "Too many")) else "rules"] += int(number)
    return max(counts, key=lambda kind: counts[kind])


def _plain(resources: list[str]) -> dict[str, str]:
    names = {"cpu": "CPU", "memory": "memory", "pods": "pod slots"}
    plain = [names.get(r, r) for r in dict.fromkeys(resources)]
    return {"short_of": " and ".join(plain)} if plain else {}


PARSER = Parser("scheduling", ("nodes are available",), parse)
