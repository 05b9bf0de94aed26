"""ARM's dialect of JSON: what it allows beyond JSON, where every node stands, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.arm.reader import MAX_DEPTH, TemplateError, find_key, get, read

DIALECT = (
    '\ufeff// a template\n{\n  "a": "one\n  two", /* and\n more */ "b": [1, -2.5e1, true, null],\n  "c/d~e": {}\n}\n'
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_comments_long_strings_and_a_byte_order_mark():
    document = read(DIALECT)
    assert document.value == {"a": "one\n  two", "b": [1, -25.0, True, None], "c/d~e": {}}


def test_positions():
    document = read(DIALECT)
    assert document.position("/a") == (3, 3)
    assert document.position("/b/1") == (5, 19)
    assert document.position("/c~1d~0e") == (6, 3)
    assert document.position("/c~1d~0e/missing/deeper") == (6, 3)  # the nearest node above
    span = document.spans["/b"]
    assert document.text[span.start : span.end] == "[1, -2.5e1, true, null]"
    assert document.text[span.key :].startswith('"b"')


@given(JSON)
def test_everything_that_is_json_is_read_as_json(value):
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        assert read(text).value == json.loads(text)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "ends too early"),
        ("{\n  'a': 1}", 2, "double quotes"),
        ('{"a" 1}', 1, "colon"),
        ('{"a": 1\n "b": 2}', 2, "comma"),
        ("[1, 2", 1, "comma"),
        ("{", 1, "missing"),
        ('["a]', 1, "not closed"),
        ("[1] 2", 1, "follows"),
        ("[maybe]", 1, "value is expected"),
        (r'["\x"]', 1, "cannot be read"),
    ],
)
def test_what_is_no_template_is_said_with_its_place(text, line, words):
    with pytest.raises(TemplateError, match=words) as caught:
        read(text)
    assert caught.value.line == line


def test_depth_is_bounded():
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(TemplateError, match="nested more than"):
        read("[" * 100_000 + "]" * 100_000)


@given(st.text(alphabet='{}[]":,/*\\ \n1atrue', max_size=60))
def test_garbage_is_refused_in_words_or_read(text):
    try:
        read(text)
    except TemplateError as exc:
        assert exc.message


def test_names_compare_without_case():
    assert get({"Properties": 1}, "properties") == 1
    assert find_key({"Properties": 1}, "properties") == "Properties"
    assert get([], "properties", 2) == 2
