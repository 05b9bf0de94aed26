"""Changes of single nodes: what stands around them stays as it was."""

from __future__ import annotations

import pytest

from amlwidgets.arm.edit import Editor
from amlwidgets.arm.reader import TemplateError


def edited(text, change):
    editor = Editor(text)
    change(editor)
    return editor.text


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        ('{"a":1}', lambda e: e.add("", "b", 2), '{"a":1,"b":2}'),
        ('{"a": 1}', lambda e: e.add("", "b", {"c": [1]}), '{"a": 1, "b": {"c": [1]}}'),
        ("{}", lambda e: e.add("", "b", 2), '{"b": 2}'),
        ('{\n  "a": 1 // one\n}', lambda e: e.add("", "b", 2), '{\n  "a": 1, // one\n  "b": 2\n}'),
        ('{\n  "a": 1, // one\n}', lambda e: e.add("", "b", 2), '{\n  "a": 1, // one\n  "b": 2,\n}'),
        ('{\r\n\t"a": {}\r\n}', lambda e: e.add("/a", "b", 2), '{\r\n\t"a": {\r\n\t\t"b": 2\r\n\t}\r\n}'),
        ("{\n  // nothing\n}", lambda e: e.add("", "b", 2), '{\n  // nothing\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "c": 3\n}', lambda e: e.add("", "b", 2, after="A"), '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}'),
        ('{"l": [\n  1,\n  2\n]}', lambda e: e.append("/l", 3), '{"l": [\n  1,\n  2,\n  3\n]}'),
        ("[1, 2, 3]", lambda e: e.remove("/1"), "[1, 3]"),
        ("[1, 2, 3]", lambda e: e.remove("/2"), "[1, 2]"),
        ("[\n  1, // one\n  2 // two\n]", lambda e: e.remove("/1"), "[\n  1 // one\n  // two\n]"),
        ("[\n  1,\n  2\n]", lambda e: e.remove("/1"), "[\n  1\n]"),
        ('{\n  "a": [\n    1\n  ]\n}', lambda e: e.remove("/a/0"), '{\n  "a": []\n}'),
        ('{ "a": 1, "b": 2 }', lambda e: e.remove("/b"), '{ "a": 1 }'),
        ('\ufeff{"a": "x"} // end', lambda e: e.replace("/a", [1, "ü"]), '\ufeff{"a": [1, "ü"]} // end'),
        ('{"a~/b": {"c": 1}}', lambda e: e.remove("/a~0~1b/c"), '{"a~/b": {}}'),
    ],
)  # fmt: skip
def test_a_change(text, change, expected):
    assert edited(text, change) == expected


def test_a_node_that_is_written_twice_is_refused():
    with pytest.raises(TemplateError, match="cannot be changed"):
        edited('{"a": 1, "a": 2}', lambda e: e.remove("/a"))


def test_names_are_found_in_any_case():
    editor = Editor('{"Properties": {"Template": [{"x": 1}]}}')
    assert editor.pointer("properties", "template", "0", "X") == "/Properties/Template/0/x"
    with pytest.raises(TemplateError, match="There is no “other”"):
        editor.pointer("properties", "other")
