"""The generated page of causes is current and whole."""

from amlwidgets.causes import catalogue
from amlwidgets.causes.loader import from_data, read_files
from amlwidgets.causes.reference_page import PAGE, page


def test_page_is_current():
    known = from_data(read_files())
    assert PAGE.read_text("utf-8") == page(known), "run: python -m amlwidgets.causes.reference_page"


def test_every_cause_has_a_section_with_a_fix_and_a_link():
    sections = {part.split("\n", 1)[0]: part for part in PAGE.read_text("utf-8").split("\n### ")[1:]}
    assert sections.keys() == {cause.slug for cause in catalogue().causes} == set(catalogue().taxonomy)
    for cause in catalogue().causes:
        section = sections[cause.slug]
        assert "**Fix: " in section
        assert all(link in section for link in cause.links)
        assert cause.why.split("{")[0] in section


def test_links_within_the_page_lead_somewhere():
    text = PAGE.read_text("utf-8")
    for cause in catalogue().causes:
        for slug in cause.explains:
            assert f"\n### {slug}\n" in text
