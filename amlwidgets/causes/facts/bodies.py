"""Answers that are JSON inside a JSON text: a line that is one string which holds an object or a list."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from amlwidgets.causes.facts.base import Fact, Parser

if TYPE_CHECKING:
    from amlwidgets.causes.document import Document

_LONGEST = 20_000
_START = re.compile(r"^(?:Out\[\d{1,5}\]: ?)?b?'?(?=\"[\[{])")


def parse(doc: Document) -> list[Fact]:
    """Find lines that are a JSON string which itself is JSON."""
    facts: list[Fact] = []
    index_of = {line.number: i for i, line in reversed(list(enumerate(doc.lines)))}
    for number, raw in doc.raw:
        for offset, line in enumerate(raw.split("\n")):
            start = _START.match(line) if "{\\" in line[:200] else None
            text = line[start.end() : start.end() + _LONGEST] if start else ""
            # Python shows a text with its backslashes doubled.
            if text and (_is_encoded_twice(text) or _is_encoded_twice(text.replace("\\\\", "\\"))):
                at = index_of.get(number + offset, 0)
                facts.append(Fact("body", {"form": "json in json"}, at, at, at))
    return facts


def _is_encoded_twice(text: str) -> bool:
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
        return isinstance(value, str) and isinstance(json.loads(value), dict | list)
    except (ValueError, RecursionError):
        return False


PARSER = Parser("body", ("{\\",), parse)
