"""No input crashes the matcher or makes it work more than in proportion to its length."""

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlwidgets.causes import catalogue, find_causes
from amlwidgets.causes.collect import AFTER, BEFORE, HEAD_BUDGET, TAIL_BUDGET, WHOLE_BELOW
from amlwidgets.causes.document import Document

LITERALS = catalogue().literals
PLAN = catalogue().plan
SNIPPETS = [
    *LITERALS, "\n", "\\n", '\\"', "'", "{", "}", "[", "\x1b[31m", "\x00", "\r\n", " ", 'File "a.py", line 1, in init',
    "Traceback (most recent call last):", "Error: ", "ü„", "C:\\new\\", "0/3 nodes are available: 1 Insufficient cpu",
    '{"code": "X", "message": "{', "Response Code: 500", "exit code: 137",
]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=12)), max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_literals_is_survived(parts):
    text = "".join(parts)
    for finding in find_causes([("t", text)]):
        for evidence in finding.evidence:
            assert 1 <= evidence.first_line <= evidence.last_line <= text.count("\n") + 1


@given(st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_binary_is_survived(data):
    find_causes([("t", data.decode("latin-1"))])


@pytest.mark.parametrize("literal", sorted(LITERALS)[::50])
def test_what_is_kept_of_a_flood_is_bounded(literal):
    budget = HEAD_BUDGET + TAIL_BUDGET
    data = (literal.encode() + b" x" * 40 + b"\n") * (2 * budget // (len(literal) + 81))
    doc = Document.scan([data], PLAN)
    assert sum(len(region.data) for region in doc.regions) <= budget + BEFORE + AFTER


def test_lines_looked_at_grow_with_the_text_and_not_faster():
    """Counted in logical lines, not in seconds."""
    block = "2026-11-21 04:15:46,509 I [1] azmlinfsrv - POST /score 200 0.695ms 4\n" * 1000
    failure = "ModuleNotFoundError: No module named 'x'\n"
    counts = [len(Document.scan(block * n + failure + block * n, PLAN).lines) for n in (10, 20, 40)]
    assert counts[0] == counts[1] == counts[2], "a big healthy log must not be split into lines"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "a" * 50_000_000,
        "Traceback (most recent call last): " + "x" * 20_000_000,
        "{" * 200_000,
        '{"code": "' * 20_000,
        "Solving environment: " * 20_000,
        "Error: " * 100_000,
        "\\n" * 300_000,
        "\\" * 300_000 + "n",
        "\x1b[" * 200_000,
        "No module named '" * 20_000,
        "Because " + "x " * 100_000,
        "\x00" * 1_000_000,
        "Booting worker with pid: 1\n" * 20_000,
        'File "a.py", line 1, in init\n' * 20_000,
    ],
    ids=lambda t: repr(t[:20]),
)
def test_adversarial_input_does_not_hang(text):
    find_causes([("t", text)])


def test_evidence_of_a_huge_line_is_short():
    text = "x" * 3_000_000 + " ModuleNotFoundError: No module named 'flask' " + "y" * 3_000_000
    for finding in find_causes([("t", text)]):
        assert all(len(e.text) <= 1200 for e in finding.evidence)


def test_line_numbers_are_true_in_a_big_text():
    rng = random.Random(7)
    filler = ["".join(rng.choices("abcdefgh ", k=60)) for _ in range(9)]
    lines = [filler[i % 9] for i in range(3 * WHOLE_BELOW // 60)]
    lines[12_345] = "ModuleNotFoundError: No module named 'flask'"
    (finding,) = find_causes([("t", "\n".join(lines))])
    assert finding.evidence[0].first_line == 12_346


def test_first_and_last_hits_are_kept():
    flood = b"ModuleNotFoundError: No module named 'x'\n" + b"all is well\n" * 5_000
    lines = Document.scan([flood * 400], PLAN).lines
    assert lines[0].number == 1
    assert lines[-1].number > 399 * 5_001
    assert len(lines) < 800_000


SIGNS = [(cause.slug, sign) for cause in catalogue().causes for sign in cause.signs]


def slowest(pattern, literals, length):
    texts = [
        line + end
        for word in literals[:4]
        for end in ("", "\u2020")  # what fits up to the last letter is what backtracks
        for line in (
            f"{word} " * (length // (len(word) + 1)), word + " x" * (length // 2), word + "a" * length,
            word + " " * length, word + ': "' * (length // 3), "a" * (length // 2) + word + "." * (length // 2),
            "x " * (length // 2) + word, word + "1/" * (length // 2), word + "(" * length,
        )
    ]  # fmt: skip
    return max(_seconds(pattern, text) for text in texts)


def _seconds(pattern, text):
    best = 9.0
    for _ in range(2):
        start = time.process_time()
        pattern.search(text)
        best = min(best, time.process_time() - start)
    return best


def stays_linear(pattern, literals):
    """Eight times the length may take eight times as long (with leave for measuring), not sixty-four times."""
    short = slowest(pattern, literals, 6000)
    return short <= 0.002 or (short < 0.06 and slowest(pattern, literals, 48_000) < 24 * short)


@pytest.mark.parametrize("number", range(len(SIGNS)), ids=[f"{slug}-{n}" for n, (slug, _) in enumerate(SIGNS)])
def test_patterns_stay_linear(number):
    _, sign = SIGNS[number]
    patterns = [sign.pattern_re, *sign.where_re.values(), *sign.unless_re.values()]
    for pattern in [*patterns, sign.exclude_re] if sign.exclude_re else patterns:
        assert stays_linear(pattern, sign.literals), pattern.pattern


def test_a_pattern_that_backtracks_is_caught():
    assert not stays_linear(re.compile(r"foo.*x.*y.*z"), ("foo",))
