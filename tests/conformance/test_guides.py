"""The guides, block by block and unmodified, through ``amlwidgets sandbox run``; ``docs/guides.md`` tells the same."""

from __future__ import annotations

import re
import subprocess
import sys

import guides
import pytest
import sandbox_support as support
from docker_support import missing

ALL = guides.all_guides()
WHY = "the guides are not beside the repository"
conformance = [pytest.mark.sandbox, pytest.mark.network, pytest.mark.skipif(not ALL, reason=WHY)]
each_guide = pytest.mark.parametrize("guide", ALL or [None], ids=lambda g: g.name.replace("/", "-") if g else "none")


def command(sandbox, *words):
    program = [sys.executable, "-m", "amlwidgets.cli", "sandbox", *words, "--home", str(sandbox.home)]
    return subprocess.run(program, env=support.clean_environment(), capture_output=True, text=True, check=True).stdout


def test_blocks_are_read_as_they_stand(tmp_path):
    (tmp_path / "g.txt").write_text(
        "ms.date: 01/02/2019\nms.contentlocale: xx-YY\n\n1. a list:\n\n    ```python\n    if a:\n        b()\n    ```\n"
        "text ```inline``` text\n```sh\n$ docker run x\n```\n```text\nmessage\n```\n"
    )
    guide = guides.read(tmp_path / "g.txt")
    assert (guide.name, [block.language for block in guide.blocks]) == ("xx-YY 01/02/2019", ["python", "sh", "text"])
    assert guide.blocks[0] == guides.Block("python", "if a:\n    b()\n", 7)
    assert guide.blocks[1].title == "$ docker run x"


@pytest.mark.skipif(not ALL, reason=WHY)
@each_guide
def test_every_block_is_found(guide):
    text = guide.path.read_text(encoding="utf-8")
    assert len(guide.blocks) == text.count("```") / 2
    assert len(guide.python) == text.count("```python")
    for block in guide.blocks:
        if block.language == "sh":
            assert guides.shell(block)


@pytest.mark.skipif(not ALL, reason=WHY)
def test_the_page_is_current():
    assert guides.PAGE.read_text(encoding="utf-8") == guides.page(ALL), "run: python tests/guides.py"


@pytest.fixture
def empty(sandbox):
    assert "empty" in command(sandbox, "reset", "--yes")
    return sandbox


class TestGuides:
    pytestmark = conformance

    @each_guide
    def test_blocks_do_what_the_page_says(self, guide, empty, tmp_path):
        found = guides.run(guide, tmp_path, empty.home)
        print(f"\n{guide.name}: {found['seconds']:.1f} s")
        for number, (block, result) in enumerate(zip(guide.python, found["blocks"], strict=True), 1):
            wanted = guides.expected(block)
            print(f"{number:3} {result['state']:7} {result['seconds']:5.1f} s  {block.title}")
            if wanted.kind == guides.LOCAL and result["state"] == guides.FAILS:
                print(f"            not here: {missing()}")
                assert missing(), result["error"]
            else:
                check(wanted, result)

    def test_without_a_reset_the_second_guide_meets_the_first_ones_service(self, empty, tmp_path):
        first, second = (g for g in ALL if g.locale in ("nl-NL", "es-ES"))
        for guide in (first, second):
            (tmp_path / guide.locale).mkdir()
        done = guides.run(first, tmp_path / first.locale, empty.home, only=3)["blocks"]
        assert [result["state"] for result in done] == ["passes"] * 3
        found = guides.run(second, tmp_path / second.locale, empty.home, only=3)["blocks"]
        assert [result["state"] for result in found] == ["passes", "passes", "fails"]
        assert 'Image creation operation finished for image myimg:2, operation "Succeeded"' in found[1]["printed"]
        assert "there is already a service with name mysvc found in workspace sandbox" in found[2]["error"]
        assert found[2]["finding"]["cause"] == "service-name-conflict"
        assert "mysvc" in found[2]["finding"]["title"]


def check(wanted, result):
    """A block does what is expected of it, and prints or fails with the text."""
    if wanted.kind == guides.FAILS:
        assert result["state"] == "fails"
        assert re.search(wanted.text, result["error"]), result["error"]
        assert result["finding"]["cause"] == wanted.cause
        assert result["finding"]["confidence"] >= 0.5
    else:
        assert result["state"] == "passes", result["error"]
        assert re.search(wanted.text, result["printed"].strip()), result["printed"]
