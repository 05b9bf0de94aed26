"""Errors that services write as JSON (or as a Python dict), nested in strings at any depth; ACI's instance view."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from amlwidgets.causes.facts.base import Fact, Parser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.causes.document import Document

_ATTEMPTS = 40
_LONGEST = 60_000
_DEPTH = 8
_DECODER = json.JSONDecoder(strict=False)
_CODE = re.compile(r"""["']?[cC]ode["']? ?: ?["']([A-Za-z][\w.]{2,80})["']""")
_MESSAGE = re.compile(r"""["']?[mM]essage["']? ?: ?["'](.{1,1500}?)["'](?: ?[,}\]]|$)""")
_V2 = re.compile(r"^(?:.{0,60}?\s)?\((\w{3,60})\) (.{3,1500})$")
_OF_A_CONTAINER = re.compile(r"[cC]ontainer|[tT]erminated|\b[pP]ods?\b|exitCode|Exit Code:|Exited")
_OF_A_COMMAND = re.compile(r"\b[cC]ommand\b|subprocess|process \"|\bpip\b")
"""An exit code of a step of a build, not of a container."""
_STATE = (
    ("restarts", re.compile(r"[rR]estart ?[cC]ount[\"']? ?: ?[\"']?(\d{1,6})")),
    ("state", re.compile(r"[cC]urrent ?[sS]tate[\"']? ?: ?\{?[\"']?(?:[sS]tate[\"']? ?: ?[\"']?)?(\w{4,40})")),
    ("exit_code", re.compile(r"[eE]xit ?[cC]ode[\"']?(?: ?:| ?=|) ?[\"']?(-?\d{1,10})")),
    ("reason", re.compile(r"(?:detailStatus|DetailStatus|[rR]eason)[\"']? ?: ?[\"']?([A-Z]\w{2,60})")),
)


def parse(doc: Document) -> list[Fact]:
    """Read every error object: its code, message and inner codes."""
    facts = [*_objects(doc), *_loose(doc), *_states(doc)]
    unique: dict[tuple[str, str, str], Fact] = {}
    for fact in facts:
        unique.setdefault((fact.kind, fact.fields.get("code", ""), fact.fields.get("message", "")[:60]), fact)
    return sorted(unique.values(), key=lambda f: f.first)


def _objects(doc: Document) -> Iterator[Fact]:
    attempts = 0
    for number, raw in doc.raw:
        at = raw.find("{")
        while at >= 0 and attempts < _ATTEMPTS:
            attempts += 1
            value, end = _decode(raw[at : at + _LONGEST])
            if value is not None:
                line = number + raw.count("\n", 0, at)
                yield from _walk(doc, value, line, line + raw.count("\n", at, at + end), 0)
                at = raw.find("{", at + end)
            else:
                at = raw.find("{", at + 1)


def _decode(text: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None, 0


def _walk(doc: Document, value: Any, first: int, last: int, depth: int) -> Iterator[Fact]:
    if depth > _DEPTH:
        return
    if isinstance(value, dict):
        lower = {str(k).lower(): v for k, v in value.items()}
        if isinstance(lower.get("code"), str) and lower["code"]:
            yield _error(doc, lower, first, last)
        for item in value.values():
            yield from _walk(doc, item, first, last, depth + 1)
    elif isinstance(value, list):
        for item in value[:100]:
            yield from _walk(doc, item, first, last, depth + 1)
    elif isinstance(value, str) and "{" in value:
        inner, _ = _decode(value[value.find("{") :][:_LONGEST])
        if inner is not None:
            yield from _walk(doc, inner, first, last, depth + 1)


def _error(doc: Document, value: dict[str, Any], first: int, last: int) -> Fact:
    fields = {"code": value["code"], "message": str(value.get("message") or "")}
    status = value.get("statuscode")
    if isinstance(status, int):
        fields["status"] = str(status)
    index = _index(doc, first, last, fields["code"])
    return Fact("error", {k: v for k, v in fields.items() if v}, index, index, index)


def _index(doc: Document, first: int, last: int, needle: str) -> int:
    fallback = 0
    for i, line in enumerate(doc.lines):
        if first <= line.number <= last:
            fallback = fallback or i
            if needle in line.text:
                return i
    return fallback


def _loose(doc: Document) -> Iterator[Fact]:
    """Codes in objects that are cut, or written as Python prints a dict, and SDK v2's ``(Code) Message``."""
    for i, line in enumerate(doc.lines):
        text = line.text
        if "ode" in text and (match := _CODE.search(text)):
            following = " ".join(other.text for other in doc.lines[i : i + 4])
            message = _MESSAGE.search(following, min(match.end(), len(following)))
            yield Fact("error", {"code": match[1], "message": message[1] if message else ""}, i, i, i)
        elif ("(" in text) and (found := _V2.match(text)):
            yield Fact("error", {"code": found[1], "message": found[2]}, i, i, i)


def _states(doc: Document) -> Iterator[Fact]:
    """State of a container as ACI or Kubernetes describes it."""
    fields: dict[str, str] = {}
    first = last = proof = -1
    for i, line in enumerate(doc.lines):
        if _OF_A_COMMAND.search(line.text):
            continue
        for name, pattern in _STATE:
            match = pattern.search(line.text)
            if match and name not in fields:
                fields[name] = match[1]
                first, last = (i if first < 0 else first), i
                proof = i if name in ("exit_code", "reason") else max(proof, first)
    alone = fields.keys() == {"exit_code"} and not _OF_A_CONTAINER.search(doc.lines[proof].text)
    if fields and not alone:
        yield Fact("container", fields, first, last, proof)


PARSER = Parser("error", ("ode", "Count", "instanceView"), parse)
