"""Takes the pictures of the documentation from the real product, in a real JupyterLab: ``python docs/make_pictures.py``.

``tour.webp`` moves: a deployment that fails in the sandbox, its finding, the click on the fix, the answer. The others stand still.
Needs Chromium and the groups dev and docs; a minute or two. Look at them before they are committed.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests"))

from lab import CHROMIUM, FLAGS, Lab, Notebook, write_notebook  # noqa: E402 - the helpers of the tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PICTURES = HERE / "pictures"
HEIGHT, TALLEST = 600, 860
"""Pixels: of the film, and of the others at most."""
HOLD, STEP, CLICK = 3500, 450, 900
"""Milliseconds that a frame is shown: one to be read, one of many, one with a click."""
STATES = """() => [...document.querySelectorAll('.aml-rail li')].map(li => li.dataset.state).join()
    + Math.ceil(document.querySelectorAll('.aml-log-rows > *, .aml-line').length / 12)"""

BUILD_LOG = """\
Step 7/15 : RUN ldconfig /usr/local/cuda/lib64/stubs && conda env create -p /azureml-envs/azureml_1 -f conda.yml
Collecting package metadata (repodata.json): ...working... done
Solving environment: ...working... done
Installing pip dependencies: ...working... Pip subprocess error:
ERROR: Could not find a version that satisfies the requirement numpy==99.0 (from versions: 1.26.4, 2.0.2, 2.1.3)
ERROR: No matching distribution found for numpy==99.0
CondaEnvException: Pip failed
"""
TEMPLATE = ROOT / "notebooks" / "03_key_vault.ipynb"


class Film:
    """Frames of one part of a page."""

    def __init__(self, book: Notebook, css: str) -> None:
        self.book, self.css = book, css
        self.frames: list[Image.Image] = []
        self.times: list[int] = []

    def take(self, milliseconds: int = STEP, click: Any = None) -> None:
        """Take a frame; ``click`` is the element that is pressed next."""
        place = self.book.page.locator(self.css).first.bounding_box()
        corner = {"x": place["x"], "y": max(place["y"], 0), "width": place["width"]}
        corner["height"] = min(place["height"], HEIGHT)
        seen = Image.open(io.BytesIO(self.book.page.screenshot(clip=corner))).convert("RGB")
        shot = Image.new("RGB", (seen.width, HEIGHT), "white")
        shot.paste(seen, (0, 0))
        if click is not None:
            box = click.bounding_box()
            x, y = box["x"] + box["width"] / 2 - corner["x"], box["y"] + box["height"] / 2 - corner["y"]
            draw = ImageDraw.Draw(shot, "RGBA")
            draw.ellipse((x - 16, y - 16, x + 16, y + 16), fill=(255, 152, 0, 110), outline=(230, 81, 0, 255), width=3)
        self.frames.append(shot)
        self.times.append(milliseconds)

    def take_until(self, ended: Callable[[], bool]) -> None:
        """Take a frame whenever a stage or its log has got further, until something has happened."""
        last = None
        while not ended():
            now = self.book.page.evaluate(STATES)
            if now != last:
                self.take()
            last = now
            self.book.page.wait_for_timeout(150)

    def save(self, path: Path) -> None:
        first, *more = self.frames
        first.save(path, save_all=True, append_images=more, duration=self.times, loop=0, quality=60, method=6)


def tour(book: Notebook) -> None:
    """Take the moving picture, and the wizard's."""
    book.run_all()
    page = book.page
    wizard = page.locator(".aml-wizard").first
    wizard.evaluate("element => element.scrollIntoView({block: 'start'})")
    film = Film(book, ".aml-wizard")
    run = wizard.get_by_role("button", name="Run to the end")
    film.take(1500)
    film.take(CLICK, click=run)
    run.click()
    film.take_until(lambda: book.stage("start") == "failed" and page.locator(".aml-card").count() > 0)
    film.take(HOLD)
    shot(book, "wizard", ".aml-wizard")
    wizard.evaluate("element => element.scrollIntoView({block: 'start'})")
    fix = page.locator(".aml-card").first.get_by_role("button", name="Apply and retry from Schedule")
    film.take(CLICK, click=fix)
    fix.click()
    film.take_until(lambda: book.stage("score") == "done")
    wizard.evaluate("element => element.scrollIntoView({block: 'start'})")
    film.take(HOLD)
    film.save(PICTURES / "tour.webp")


def still(book: Notebook) -> None:
    """Take one picture of each other widget."""
    book.run_all()
    for name, css in WIDGETS.items():
        page = book.page
        page.locator(css).first.wait_for(timeout=120_000)
        page.locator(css).first.scroll_into_view_if_needed()
        until_quiet(page, css)
        shot(book, name, css)


def until_quiet(page: Any, css: str) -> None:
    """Wait until a part of the page looks the same twice, a second apart."""
    deadline, last = time.monotonic() + 60, b""
    while time.monotonic() < deadline:
        now = page.locator(css).first.screenshot()
        if now == last:
            return
        last = now
        page.wait_for_timeout(1000)


def shot(book: Notebook, name: str, css: str) -> None:
    """Take a picture that stands still; nothing of this machine may be on it."""
    part = book.page.locator(css).first
    if str(ROOT) in part.inner_text():
        raise SystemExit(
            "A path of this machine is on the picture: the sandbox could not isolate its containers. Again."
        )
    picture = Image.open(io.BytesIO(part.screenshot())).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    picture.save(PICTURES / f"{name}.webp", quality=80, method=6)


WIDGETS = {
    "findings": "[aria-label=Findings]",
    "log_viewer": ".aml-log-viewer",
    "replicas": ".aml-calc",
    "key_vault": ".aml-checklist",
    "local": ".aml-container",
}


def write_stills(folder: Path) -> None:
    """Write the notebook that shows one widget a cell, with what they look at."""
    import nbformat

    template = next(
        c.source for c in nbformat.read(TEMPLATE, 4).cells if c.source.startswith("%%writefile azuredeploy")
    )
    (folder / "azuredeploy.json").write_text(template.split("\n", 1)[1])
    (folder / "build.log").write_text(BUILD_LOG)
    write_notebook(
        folder / "stills.ipynb",
        "%load_ext amlwidgets\n%aml sandbox on",
        "from pathlib import Path\nfrom amlwidgets import diagnose\nfrom amlwidgets.widgets.findings_view import FindingsView\n"
        "FindingsView(diagnose(Path('build.log')))",
        "%aml logs diabetes-ridge",
        "%aml replicas rps=14 seconds=0.5 traffic=step peak=2",
        "%aml vault azuredeploy.json",
        "%aml local diabetes-ridge",
    )


@contextlib.contextmanager
def laboratory() -> Iterator[tuple[Lab, Any]]:
    """Give a JupyterLab of its own, with a sandbox of its own, and a browser."""
    from playwright.sync_api import sync_playwright

    from amlwidgets.sandbox import client

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        for folder in ("work", "own"):
            Path(name, folder).mkdir()
        home = ROOT / ".cache" / "sandbox-pictures"
        client.start(home).reset()
        variables = {"AMLWIDGETS_HOME": f"{name}/journal", "AMLWIDGETS_SANDBOX_HOME": str(home)}
        lab = Lab(Path(name, "work"), Path(name, "own"), variables | {"DOCKER_HOST": "unix:///absent.sock"})
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield lab, browser.new_context(viewport={"width": 1180, "height": 1300}, device_scale_factor=1)
        finally:
            lab.close()
            client.start(home).stop()


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with laboratory() as (lab, context):
        shutil.copy(ROOT / "notebooks" / "00_tour.ipynb", lab.root / "tour.ipynb")
        write_stills(lab.root)
        tour(Notebook(context.new_page(), lab, "tour.ipynb"))
        still(Notebook(context.new_page(), lab, "stills.ipynb"))
    for picture in sorted(PICTURES.iterdir()):
        print(f"{picture.name}: {picture.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
