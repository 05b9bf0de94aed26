"""Texts as people paste them, which no sign was written from: other paraphrases, generations, languages and prefixes.

``field/*.txt``: after ``@@`` the name, the accepted causes, and what of the user's own the title must name. ``␛`` stands for an escape.
"""

from pathlib import Path
from typing import NamedTuple

import pytest

from amlwidgets.causes import catalogue, find_causes
from amlwidgets.core.findings import HINT_BELOW

FIELD = Path(__file__).parent / "field"


class Case(NamedTuple):
    """A pasted text and what has to be said about it."""

    name: str
    causes: tuple[str, ...]
    named: tuple[str, ...]
    text: str


def cases(file):
    for block in ("\n" + (FIELD / file).read_text("utf-8")).split("\n@@ ")[1:]:
        head, _, text = block.partition("\n")
        name, causes, named = ([part.strip() for part in head.split("|")] + ["", ""])[:3]
        words = tuple(word for word in named.split(";") if word)
        yield Case(name, tuple(causes.split(",")), words, text.replace("␛", "\x1b"))


FAILURES = [*cases("failures.txt")]
HEALTHY = [*cases("healthy.txt")]


@pytest.mark.parametrize("case", FAILURES, ids=lambda c: c.name)
def test_cause_is_named_first(case):
    findings = find_causes([("pasted", case.text)])
    assert findings
    assert findings[0].cause in case.causes
    assert not [word for word in case.named if word not in findings[0].title], findings[0].title
    assert not [f.cause for f in findings[1:] if f.confidence >= HINT_BELOW], "one failure, one alarm"


@pytest.mark.parametrize("case", HEALTHY, ids=lambda c: c.name)
def test_healthy_is_silent(case):
    assert not [(f.cause, f.confidence) for f in find_causes([("pasted", case.text)])]


def test_texts_are_many_and_of_the_taxonomy():
    assert len({case.name for case in FAILURES}) == len(FAILURES) >= 80
    assert len({case.name for case in HEALTHY}) == len(HEALTHY) >= 25
    assert {cause for case in FAILURES for cause in case.causes} <= catalogue().taxonomy.keys()
