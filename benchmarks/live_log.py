"""A log of 5,000 lines a second in a real JupyterLab: nothing lost, the page and the kernel free."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

MOST_BLOCKED = 0.05
"""Share of the time in which tasks over 50 ms may block the page."""
LONGEST_PAUSE = 3.0


def main(seconds: int = 60) -> list[str]:
    """Print what was measured; returns what went wrong."""
    from lab import CHROMIUM, FLAGS, Lab, Notebook, write_notebook
    from live_logs import RATE, follow
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        print("soak: the live log is left out, Chromium is not installed")
        return []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        own = Path(folder, "lab")
        own.mkdir()
        write_notebook(Path(folder, "live.ipynb"))
        lab = Lab(Path(folder), own, {"AMLWIDGETS_HOME": folder})
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            seen = follow(Notebook(browser.new_page(), lab, "live.ipynb"), seconds)
        finally:
            browser.close()
            lab.close()
    print(
        f"soak: {seen['lines']:,} of {RATE * seconds:,} live lines in two views, "
        f"each once and in order: {seen['right']}; "
        f"page blocked {seen['blocked']:.1%} of the time; {len(seen['meanwhile'])} other cells ran meanwhile"
    )
    wrong = [] if seen["right"] and seen["lines"] == RATE * seconds else ["soak: lines of the live log were lost"]
    if seen["blocked"] > MOST_BLOCKED:
        wrong.append(f"soak: the live log blocked the page {seen['blocked']:.1%} of the time")
    if len(seen["meanwhile"]) < seconds / 2 / LONGEST_PAUSE:
        wrong.append(f"soak: only {len(seen['meanwhile'])} other cells ran beside the live log")
    return wrong
