"""HTTP exchanges: who was asked, and the status of the answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amlwidgets.causes.facts.base import Fact, Parser

if TYPE_CHECKING:
    from amlwidgets.causes.document import Document

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Response Code", re.compile(r"Response Code:? ?(\d{3})")),
    ("response code", re.compile(r"response code:? ?(\d{3})\b(?: for URL: (?P<url>\S{1,600}))?")),
    ("StatusCode", re.compile(r"[sS]tatusCode[\"']? ?[:=] ?[\"']?(\d{3})\b")),
    ("statusCode", re.compile(r"[sS]tatusCode[\"']? ?[:=] ?[\"']?(\d{3})\b")),
    ("statuscode", re.compile(r"statuscode[\"']? ?[:=] ?[\"']?(\d{3})\b")),
    (
        " Server Error: ",
        re.compile(r"(?:^|[\s:])(5\d\d) Server Error: (?P<reason>.{0,80}?)(?: for url: (?P<url>\S{1,600}))?$"),
    ),
    (
        " Client Error: ",
        re.compile(r"(?:^|[\s:])(4\d\d) Client Error: (?P<reason>.{0,80}?)(?: for url: (?P<url>\S{1,600}))?$"),
    ),
    ("HTTP Error ", re.compile(r"HTTP Error (\d{3})(?:: (?P<reason>.{0,80}))?")),
    ("<Response [", re.compile(r"<Response \[(\d{3})\]>")),
    # An access log has the size of the answer after its status; where the status stands elsewhere, this is the size.
    ("HTTP/", re.compile(r"HTTP/[\d.]{1,3}\\?\" ([45]\d\d) (?:\d{1,12}|-)(?:\s|$)")),
    ("HTTP/", re.compile(r"(?:^|[\s'\"])HTTP/[\d.]{1,3} ([45]\d\d)\b(?: (?P<reason>[A-Z][\w ]{2,40}))?")),
    ("status code", re.compile(r"status code:? ?\(?(\d{3})\b")),
    ("Status code", re.compile(r"Status code:? ?\(?(\d{3})\b")),
    ("Status Code", re.compile(r"Status Code:? ?\(?(\d{3})\b")),
    ("status_code", re.compile(r"status_code[\"']?\)? ?[=:]{1,2} ?(\d{3})\b")),
    ("HTTP ", re.compile(r"HTTP (?:status )?(?:code )?([45]\d\d)\b")),
    ("HTTP-", re.compile(r"HTTP-?\w{0,20}[ -]?([45]\d\d)\b")),
    ("Bad Gateway", re.compile(r"\b(502)(?:</h1>|</title>)?:? ?-? ?Bad Gateway")),
    ("Bad gateway", re.compile(r"\b(502):? ?-? ?Bad gateway")),
    ("Service Unavailable", re.compile(r"\b(503):? ?-? ?Service Unavailable")),
    ("Service Temporarily Unavailable", re.compile(r"\b(503):? ?-? ?Service Temporarily Unavailable")),
    ("Gateway Time", re.compile(r"\b(504):? ?-? ?Gateway Time-?[oO]ut")),
)
_MANAGEMENT = (
    "Model Management Service", "modelmanagement", "management.azure.com", ".api.azureml.ms", "Create image",
    "image.py", "DeploymentTimedOut", "experiments.azureml", "Azure-cli-ml",
)  # fmt: skip
_SCORING = (
    "/score", "azurecontainer.io", "inference.ml.azure.com", "inference.azureml.ms", "service.run", "webservice.py",
    "scoring", "score.py", "/api/v1/service/", "invoke", "run()", "overloaded", "replica", "requests.post", "predict",
)  # fmt: skip
_OTHER = re.compile(r"\b[iI]f (?:you|the|a|your)\b.{0,80}\b[45]\d\d\b|probe failed")
"""A sentence about what a status would mean, and the status of a health check."""
_AROUND = 12
BAD = "45"
"""First digits of the statuses that are failures."""


def parse(doc: Document) -> list[Fact]:
    """Read every status that the text gives in the context of an exchange."""
    facts: list[Fact] = []
    seen: set[int] = set()
    for literal, pattern in _FORMS:
        for i in doc.where(literal):
            match = None if i in seen else pattern.search(doc.lines[i].text)
            if match is None or match[1][0] not in BAD or _OTHER.search(doc.lines[i].text):
                continue
            seen.add(i)
            groups = match.groupdict()
            fields = {"status": match[1], "url": groups.get("url") or "", "reason": groups.get("reason") or ""}
            fields["side"] = _side(doc, i)
            facts.append(Fact("http", {k: v for k, v in fields.items() if v}, i, i, i))
    return sorted(facts, key=lambda f: f.first)


def status_of(text: str) -> str | None:
    """Return the status of a failure that a line gives in one of the known forms."""
    for literal, pattern in _FORMS:
        if literal in text and (match := pattern.search(text)) and match[1][0] in BAD:
            return match[1]
    return None


def _side(doc: Document, i: int) -> str:
    """Which side answered: the management service or the scoring endpoint."""
    near = [doc.lines[i].text, *(line.text for line in doc.lines[max(0, i - _AROUND) : i + _AROUND])]
    for text in (near[0], "\n".join(near[1:])):
        if any(word in text for word in _MANAGEMENT):
            return "management"
        if any(word in text for word in _SCORING):
            return "scoring"
    return ""


PARSER = Parser("http", tuple(dict.fromkeys(literal for literal, _ in _FORMS if literal != "HTTP ")), parse)
