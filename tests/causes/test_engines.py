"""Both engines find the same, and what is kept does not depend on how the text was cut into chunks."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlwidgets.causes import catalogue, find_causes
from amlwidgets.causes.collect import Collector, number_regions
from amlwidgets.causes.engines import PlainEngine, choose_fragments
from amlwidgets.causes.plan import Plan

PLAN = catalogue().plan
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
HEALTHY = "2026-11-21 04:15:46,509 I [1] azmlinfsrv - POST /score 200 0.695ms 503 502B\n"
FAILURE = "ModuleNotFoundError: No module named 'flask'\n"
needs_fast = pytest.mark.skipif(PLAN.fast is None, reason="the fast extra (hyperscan) is not installed")


def bare(data):
    """All occurrences, as bytes.find tells them."""
    hits = {}
    for i, literal in enumerate(PLAN.literals):
        at = data.find(literal)
        while at >= 0:
            hits.setdefault(i, []).append(at)
            at = data.find(literal, at + 1)
    return hits


words = st.one_of(
    st.sampled_from([w.decode() for w in PLAN.literals]), st.text(max_size=6), st.sampled_from(["\n", " ", "50", "Err"])
)


@given(st.lists(words, max_size=80))
@settings(max_examples=200, deadline=None)
def test_engines_agree_with_bare_find(parts):
    data = "".join(parts).encode("utf-8", "replace")
    expected = bare(data)
    assert PLAN.plain.scan(data) == expected
    if PLAN.fast:
        assert PLAN.fast.scan(data) == expected


@needs_fast
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the repository")
def test_engines_agree_on_the_corpus():
    for name in ("failures.jsonl", "healthy.jsonl"):
        for line in (CORPUS / name).read_text("utf-8").splitlines():
            data = json.loads(line)["text"].encode()
            assert PLAN.plain.scan(data) == PLAN.fast.scan(data) == bare(data)


def test_every_literal_is_found_and_few_passes_suffice():
    for i, literal in enumerate(PLAN.literals):
        assert 0 in PLAN.plain.scan(literal)[i]
    assert PLAN.plain.passes < len(PLAN.literals) / 4


def test_fragments_cover_every_literal():
    literals = [b"abcdef", b"xyabc", b"q"]
    chosen = choose_fragments(literals, b"abc abc def " * 5)
    assert all(any(f in literal for f in chosen) for literal in literals)
    assert PlainEngine(literals, chosen).scan(b"xyabcdef") == {0: [2], 1: [0]}


def collected(data, size, engine):
    collector = Collector(PLAN, engine, count_lines=True)
    for at in range(0, len(data), size):
        collector.feed(data[at : at + size])
    return collector.kept()


@pytest.fixture(scope="module")
def long_text():
    parts = [HEALTHY] * 20_000
    for at in (7, 5_000, 5_001, 19_999):
        parts[at] = FAILURE
    return "".join(parts).encode()


@pytest.mark.parametrize("size", [30_000, 65_537, 400_000, 2_000_000])
@pytest.mark.parametrize("name", ["plain", "fast"])
def test_chunks_make_no_difference(long_text, size, name):
    engine = getattr(PLAN, name)
    if engine is None:
        pytest.skip("the fast extra (hyperscan) is not installed")
    whole, cut = collected(long_text, len(long_text), PLAN.plain), collected(long_text, size, engine)
    assert cut.hits == whole.hits
    assert [(r.start, r.number) for r in cut.regions] == [(r.start, r.number) for r in whole.regions]
    for region in cut.regions:
        assert region.number == long_text.count(b"\n", 0, region.start) + 1
        assert long_text[region.start :].startswith(region.data)
    assert sum(r.data.count(b"flask") for r in cut.regions) == 4


def test_lines_are_counted_afterwards_alike(long_text):
    kept = collected(long_text, 50_000, PLAN.plain)
    numbers = [r.number for r in kept.regions]
    for region in kept.regions:
        region.number = 0
    number_regions(kept.regions, [long_text[:333_333], long_text[333_333:]])
    assert [r.number for r in kept.regions] == numbers


def test_a_literal_across_two_chunks_is_found(long_text):
    middle = HEALTHY.encode() * 3_000
    cut = len(middle) + 20
    data = middle + FAILURE.encode() + middle
    for engine in filter(None, (PLAN.plain, PLAN.fast)):
        collector = Collector(PLAN, engine, count_lines=True)
        collector.feed(data[:cut])
        collector.feed(data[cut:])
        assert any(b"flask" in r.data for r in collector.kept().regions)


def test_healthy_numbers_open_nothing():
    text = (HEALTHY + '10.2.0.1 - - "GET / HTTP/1.1" 200 502 "-" requests=503 rows=504\n') * 10_000
    assert not collected(text.encode(), 1 << 20, PLAN.plain).regions


@pytest.mark.parametrize("before", ["", " ", "x\n", "\t", '"', "code=", "\uff1a"])
def test_a_status_is_found_wherever_a_sentence_has_it(before):
    (finding,) = find_causes([("t", f"{before}502 Bad Gateway")])
    assert finding.cause == "bad-gateway-502"


def test_a_status_may_end_a_sentence():
    (finding,) = find_causes([("t", "upload: ajax error 413.")])
    assert finding.cause == "payload-too-large"


def test_a_catalogue_without_fragments_works():
    plan = Plan(catalogue().causes)
    data = (HEALTHY + FAILURE).encode()
    assert plan.plain.scan(data) == PLAN.plain.scan(data)
