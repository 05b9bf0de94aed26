"""The catalogue is whole: every cause has its parts, its examples match first, its near misses do not match."""

import json
import re
from pathlib import Path

import pytest

from amlwidgets.causes import find_causes
from amlwidgets.causes.actions import ACTIONS
from amlwidgets.causes.derive import FUNCTIONS
from amlwidgets.causes.facts import KINDS
from amlwidgets.causes.loader import FOLDER, INDEX, from_data, index_text, read_files

DATA = read_files()
RECORDED = Path(__file__).parent / "provoked" / "INDEX.json"
CATALOGUE = from_data(DATA)
NAMES = list(DATA["causes"])
EXAMPLES = [(n, i, e) for n, c in DATA["causes"].items() for i, e in enumerate(c.get("example", []))]
NEAR_MISSES = [(n, i, e) for n, c in DATA["causes"].items() for i, e in enumerate(c.get("near_miss", []))]
KNOWN_KEYS = {
    "title", "why", "explains", "do_not", "links", "generic", "sign", "derive", "fix", "example", "near_miss",
}  # fmt: skip


def slug_of(name: str) -> str:
    return name.split("/")[1]


def ids(cases):
    return [f"{slug_of(n)}-{i}" for n, i, _ in cases]


@pytest.mark.parametrize(("name", "number", "example"), EXAMPLES, ids=ids(EXAMPLES))
def test_example_is_named_first(name, number, example):
    findings = find_causes([("text", example["text"])], using=CATALOGUE)
    assert findings, "nothing was found"
    assert findings[0].cause == slug_of(name), [(f.cause, f.confidence) for f in findings]
    assert findings[0].evidence
    assert "{" not in findings[0].title
    if "title" in example:
        assert findings[0].title == example["title"]


@pytest.mark.parametrize(("name", "number", "near"), NEAR_MISSES, ids=ids(NEAR_MISSES))
def test_near_miss_is_not_named(name, number, near):
    findings = find_causes([("text", near["text"])], using=CATALOGUE)
    assert slug_of(name) not in [f.cause for f in findings]


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_present(name):
    cause = DATA["causes"][name]
    assert cause.keys() <= KNOWN_KEYS
    for part in ("title", "why", "sign", "fix", "do_not", "links", "example", "near_miss"):
        assert cause.get(part), f"{name} lacks {part}"
    for text in (cause["why"], cause["do_not"]):
        assert text[0].isupper()
        assert text.endswith((".", "!"))
    assert all(link.startswith("https://") for link in cause["links"])


def test_slugs_are_unique_and_of_the_taxonomy():
    slugs = [slug_of(n) for n in NAMES]
    assert len(set(slugs)) == len(slugs)
    for name in NAMES:
        stage, slug = name.split("/")
        assert CATALOGUE.taxonomy.get(slug) == stage
        for symptom in DATA["causes"][name].get("explains", []):
            assert symptom in CATALOGUE.taxonomy


def test_index_is_current():
    assert INDEX.read_text("utf-8") == index_text(DATA), "run: python -m amlwidgets.causes.build_index"


def test_no_file_lies_outside_of_a_stage():
    stray = [p for p in Path(FOLDER).rglob("*") if p.is_file() and p.suffix != ".toml"]
    assert not stray


@pytest.mark.parametrize("name", NAMES)
def test_actions_and_their_arguments_are_known(name):
    for fix in DATA["causes"][name]["fix"]:
        if "apply" in fix:
            action = ACTIONS[fix["apply"]]
            given = set(fix.get("arguments", {}))
            assert set(action.arguments) <= given <= {*action.arguments, *action.optional}
        else:
            assert "arguments" not in fix


@pytest.mark.parametrize("cause", CATALOGUE.causes, ids=lambda c: c.slug)
def test_signs_are_sound(cause):
    for sign in cause.signs:
        assert sign.literals, "every sign needs a literal that starts it"
        assert bool(sign.fact) != bool(sign.pattern)
        assert sign.fact in {"", *KINDS}
        assert 0 < sign.confidence <= 1
        for literal in (*sign.literals, *sign.needs, *sign.absent):
            assert len(literal) >= 3, literal
            assert sign.fact == "body" or not re.search(r"[\"\\\n]", literal), (
                "quotes and line breaks may be escaped in the text"
            )
        for pattern in (sign.pattern, sign.exclude, *sign.where.values(), *sign.unless.values()):
            assert bounded(pattern), pattern
    for step in cause.derived:
        assert step.how in FUNCTIONS


def bounded(pattern: str) -> bool:
    """No unbounded repetition of a class or group that could backtrack over a long line."""
    bare = re.sub(r"\\.", "x", pattern)
    bare = re.sub(r"\[[^\]]*\]", "c", bare)
    if re.search(r"\)[*+]", bare):
        return False
    return len(re.findall(r"(?:[.])[*+]", bare)) == 0


def test_titles_speak_to_outsiders():
    jargon = re.compile(r"\b(pod|OOM|traceback|MMS|azureml-fe|SIGKILL|stderr|ImagePullBackOff)\b")
    for cause in CATALOGUE.causes:
        for title in cause.title:
            assert not jargon.search(title), title
            assert len(title) < 220


def test_new_cause_is_one_file(tmp_path):
    folder = tmp_path / "catalogue"
    (folder / "other").mkdir(parents=True)
    (folder / "taxonomy.toml").write_text('[stages]\nother = ["my-cause"]\n')
    (folder / "other" / "my-cause.toml").write_text(
        'title = "The flux of {part} is inverted"\nwhy = "It is."\n[[sign]]\nliterals = ["flux inverted"]\n'
        "pattern = 'flux inverted in (?P<part>\\w+)'\n"
    )
    findings = find_causes([("log", "a\nflux inverted in rotor\n")], using=from_data(read_files(folder)))
    assert [f.title for f in findings] == ["The flux of rotor is inverted"]
    assert findings[0].evidence[0].first_line == 2


@pytest.mark.parametrize("cause", CATALOGUE.causes, ids=lambda c: c.slug)
def test_code_of_sdk_v1_has_its_equivalent_of_v2(cause):
    """Support for SDK v1 has ended: whoever reads its code is told what it is in v2."""
    v1 = re.compile(r"Webservice|\bdeps\.|\bModel\.|\bservice\.|\bws\.|\bmyenv\b|CondaDependencies")
    code = "\n".join(fix.code for fix in cause.fixes)
    both = code + "\n".join(fix.code_v2 for fix in cause.fixes)
    if v1.search(code):
        assert re.search(r"SDK v2|ml_client|az ml ", both), code


PROVOKED = {entry["cause"] for entry in json.loads(RECORDED.read_text("utf-8")).values()}
# A version; an issue by its number; a document by its repository or by its years.
DATED = re.compile(r"\d+\.\d+|\b(?:conda|pip|docker) \d+|issue \d+|\w-docs\)|of 20\d\d|of azure-security-docs")
# Azure's services print no version, and nobody wrote these down under a number.
WITHOUT_VERSION = {"aks-cluster-too-small", "aks-version-unsupported", "dns-label-taken"}


@pytest.mark.parametrize("name", [n for n in NAMES if slug_of(n) not in PROVOKED])
def test_what_was_not_provoked_names_its_source_with_a_version(name):
    sources = [example["source"] for example in DATA["causes"][name]["example"]]
    if slug_of(name) in WITHOUT_VERSION:
        assert all("prints no version" in source for source in sources)
    else:
        assert any(DATED.search(source) for source in sources), sources
