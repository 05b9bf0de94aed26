"""Expressions of users: matched within lines as a plain loop matches, and given up when they take too long."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.core.logrows import FilteredRows
from amlwidgets.core.logsearch import Search
from amlwidgets.errors import BadExpression
from amlwidgets.services.log_expressions import query_of

PATTERNS = [r"a+", r"\s+", r"[^b]+", r"^a", r"b$", r"é.", r"(?<=a)b", r"x|\n", r".*", r"[éa]b?", r"\w+", r"\S*"]


def hits(text, pattern, **options):
    log = LogBuffer("log")
    log.append(text)
    search = Search(log, query_of(pattern, regex=True, **options))
    assert search.advance(60)
    return [search.hit(n)[:3] for n in range(search.total)]


@given(st.text("ab é\n\U0001f600", max_size=40), st.sampled_from(PATTERNS), st.booleans())
def test_hits_are_those_of_a_loop_over_lines(text, pattern, case):
    expected = [
        (n, len(line[: m.start()].encode("utf-16-le")) // 2, len(m[0].encode("utf-16-le")) // 2)
        for n, line in enumerate(text.split("\n"))
        for m in re.finditer(pattern, line, 0 if case else re.IGNORECASE)
        if m[0]
    ]
    assert hits(text, pattern, case=case) == expected


@pytest.mark.parametrize("pattern", ["(", "a**", "(" * 500 + ")" * 500, "(?:(?:a{1000}){1000}){1000}"])
def test_what_cannot_be_read_is_said_at_once(pattern):
    with pytest.raises(BadExpression) as error:
        query_of(pattern, regex=True)
    assert error.value.code == "bad-expression"


@pytest.mark.parametrize(
    ("pattern", "line"), [("(a|a)+$", "a" * 50 + "b"), ("(.*?,){25}P", "1," * 60), ("(a|aa)+$", "é" + "a" * 90 + "b")]
)
def test_what_takes_for_ever_is_given_up(pattern, line):
    log = LogBuffer("log")
    log.append("healthy\n" * 1000 + line + "\n")
    query = query_of(pattern, regex=True)
    for look in (Search(log, query).advance, FilteredRows(log, query, None).update):
        begun = time.process_time()
        with pytest.raises(BadExpression) as error:
            look(60)
        assert error.value.code == "slow-expression"
        assert time.process_time() - begun < 60, "what `re` would need is hours"
