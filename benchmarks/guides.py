"""The guides, from start to end in quick mode: cold (no sandbox, nothing built) and warm (built environments kept)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

if TYPE_CHECKING:
    from guides import Guide

WARM_RUNS = 3
BUDGETS = {"2018": 20, "2020": 30}
"""Seconds of a warm run on 2 cores, by the year of the guide."""


def main() -> None:
    """Print seconds of every guide that has blocks of its own."""
    import guides

    distinct = {tuple(block.code for block in guide.blocks): guide for guide in guides.all_guides()}
    if not distinct:
        print("guides: none beside the checkout")
    for guide in distinct.values():
        print(report(guide, *measure(guide, guides.run)))


def measure(guide: Guide, run: Any) -> tuple[float, list[float], list[dict[str, Any]]]:
    """Return the seconds of a cold run and of warm ones, and the last one's blocks."""
    from amlwidgets.sandbox import client

    with tempfile.TemporaryDirectory() as folder:
        home, seconds, blocks = Path(folder) / "home", [], []
        for _ in range(1 + WARM_RUNS):
            work = Path(folder) / "work"
            work.mkdir()
            done = run(guide, work, home)
            seconds.append(done["seconds"])
            blocks = done["blocks"]
            shutil.rmtree(work)
            client.start(home).reset()
        client.start(home).stop()
    return seconds[0], seconds[1:], blocks


def report(guide: Guide, cold: float, warm: list[float], blocks: list[dict[str, Any]]) -> str:
    """Return one line."""
    passed = sum(block["state"] == "passes" for block in blocks)
    budget = BUDGETS["2020" if guide.date.endswith("2020") else "2018"]
    times = f"cold {cold:5.1f} s, warm {median(warm):5.1f} s ({min(warm):.1f} to {max(warm):.1f}; budget {budget})"
    return f"guide {guide.name:<17} {times}, {passed} of {len(blocks)} blocks pass"


if __name__ == "__main__":
    main()
