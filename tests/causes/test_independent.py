"""Two failures that have nothing to do with each other are both named."""

from amlwidgets.causes import catalogue, find_causes
from amlwidgets.causes.loader import read_files

FIRST = {name.split("/")[1]: cause["example"][0]["text"] for name, cause in read_files()["causes"].items()}
CAUSES = {cause.slug: cause for cause in catalogue().causes}
BETWEEN = "\n\n" + "2026-11-21 04:15:46 all is well\n" * 25
LEAST = 0.99


def accounts_for(cause, other, seen=()):
    """Whether one cause explains the other, perhaps by way of others."""
    explained = [slug for slug in CAUSES[cause].explains if slug in CAUSES and slug not in seen]
    return other in explained or any(accounts_for(slug, other, (*seen, cause)) for slug in explained)


def test_pairs_of_independent_failures():
    hidden, asked = [], 0
    slugs = sorted(FIRST)
    for n, one in enumerate(slugs):
        for other in slugs[n + 1 :: 5]:
            if accounts_for(one, other) or accounts_for(other, one):
                continue
            named = {f.cause for f in find_causes([("t", FIRST[one] + BETWEEN + FIRST[other])])}
            asked += 2
            hidden += [(slug, one, other) for slug in (one, other) if slug not in named]
    print(f"{asked - len(hidden)} of {asked} failures shown beside another one")
    assert asked > 1000
    assert len(hidden) <= (1 - LEAST) * asked, hidden


def test_two_modules_are_both_in_the_evidence():
    text = "ModuleNotFoundError: No module named 'flask'" + BETWEEN + "ModuleNotFoundError: No module named 'pandas'"
    (finding,) = find_causes([("t", text)])
    assert len(finding.evidence) == 2
