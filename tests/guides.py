"""The code blocks of the guides: read, run one after another in the sandbox, and told in ``docs/guides.md``.

``python tests/guides.py`` writes the page; ``tests/conformance/test_guides.py`` runs the blocks and holds the page to them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "guides"
"""Beside the checkout, where there are guides."""
PAGE = Path(__file__).resolve().parents[1] / "docs" / "guides.md"
DRIVER = Path(__file__).with_name("guide_driver.py")
_FENCE = re.compile(r"^(?P<indent>[ ]*)```(?P<language>\w*)[ ]*$")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its code without the list's indentation, and its line in the guide."""

    language: str
    code: str
    line: int

    @property
    def title(self) -> str:
        """The first line that says something."""
        lines = [line.strip() for line in self.code.splitlines() if line.strip()]
        said = [line for line in lines if not line.startswith(("#", "import ", "from "))]
        return (said or lines)[0].rstrip("\\ ")


@dataclass(frozen=True)
class Guide:
    """A guide: its language, its date and its blocks."""

    path: Path
    locale: str
    date: str
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        return f"{self.locale} {self.date}"

    @property
    def python(self) -> list[Block]:
        return [block for block in self.blocks if block.language == "python"]


def read(path: Path) -> Guide:
    """Read a guide."""
    text = path.read_text(encoding="utf-8")
    locale, date = (re.search(rf"^{key}: *(\S+)", text, re.MULTILINE)[1] for key in ("ms.contentlocale", "ms.date"))
    return Guide(path, locale, date, tuple(_blocks(text.splitlines())))


def _blocks(lines: list[str]) -> Iterator[Block]:
    opened: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence and opened is None:
            opened = number, fence["language"]
        elif fence:
            start, language = opened
            yield Block(language, textwrap.dedent("\n".join(lines[start + 1 : number])) + "\n", start + 2)
            opened = None


def all_guides() -> list[Guide]:
    """Return every guide, none where the folder is absent."""
    return [read(path) for path in sorted(FOLDER.glob("*.txt"))]


# -- what is expected of a block

TITLE = 60
TRANSCRIPT = "Traceback (most recent call last)"
PASSES, FAILS, LOCAL = "passes", "fails", "local"


@dataclass(frozen=True)
class Expected:
    """What a block does here.

    ``text`` is a pattern of what the block prints or fails with, ``cause`` what the diagnosis of a failure has to name,
    ``words`` what the page says.
    """

    kind: str
    words: str = "passes"
    text: str = ""
    cause: str = ""


_TABLE: tuple[tuple[str, Expected], ...] = (
    (
        TRANSCRIPT,
        Expected(
            FAILS,
            "a transcript: its first line is run after the vault was wiped, and fails with the quoted text",
            r"Received bad response from Model Management Service:\nResponse Code: 500(?s:.*)"
            r'b\'\{"code":"InternalServerError","statusCode":500,"message":"An internal server error occurred. '
            r"Please try again. If the problem persists, contact support\"\}'",
            "service-internal-error",
        ),
    ),
    (
        "get_model_path(model_name='my-best-model')",
        Expected(
            FAILS,
            "fails as documented: it is meant for the container's shell, and the guide registered `my_best_model`",
            "Model my-best-model not found in cache at azureml-models or in current working directory",
            "model-path-not-found",
        ),
    ),
    (
        "service.update([different_model], inference_config, deployment_config)",
        Expected(
            FAILS,
            "fails, a slip of the guide: it gives by position what `update()` takes by name; the diagnosis says so",
            "in order to update a local service|unable to use Image object to update Webservice created with Environment"
            "|object has no attribute 'update'",
            "service-update-arguments",
        ),
    ),
    (
        "LocalWebservice.deploy_configuration(",
        Expected(LOCAL, "passes where a Docker engine answers", "(?m)^8890$"),
    ),
    ("service.reload()", Expected(LOCAL, "passes where a Docker engine answers", "result")),
    ("image.wait_for_creation(", Expected(PASSES, text='image myimg:1, operation "Succeeded"')),
    ("aci_service.wait_for_deployment(", Expected(PASSES, text='operation finished, operation "Succeeded"')),
    ("image_build_log_uri", Expected(PASSES, text=r"myimg 1 https://\S+blob\.core\.windows\.net/\S+sig=")),
    ("image.image_location", Expected(PASSES, text=r"^\w+\.azurecr\.io/(myimg|myimage):1$")),
    ("service.run(input_data=test_sample)", Expected(PASSES, text=r"\{'result': \[27\.5, 27\.5\]\}")),
    ("service.get_logs()", Expected(PASSES, text="Users's init has completed successfully")),
)

_SHELL: tuple[tuple[str, str], ...] = (
    (
        "az acr login",
        "not run: there is no Azure. `amlwidgets sandbox image NAME` gives the engine the image under its `image_location`",
    ),
    ("docker run -it", "runs where a Docker engine answers, after `amlwidgets sandbox image NAME`"),
    ("pip freeze", "runs in that container"),
    ("apt-get", "not run: it fetches an editor from the internet. Edit `score.py` in the notebook and deploy again"),
    ("docker run -p", "runs where a Docker engine answers, after `amlwidgets sandbox image NAME`"),
)
"""``tests/conformance/test_docker_shell.py`` types them."""


def expected(block: Block) -> Expected:
    """Return what a Python block does."""
    return next((e for part, e in _TABLE if part in block.code), Expected(PASSES))


def shell(block: Block) -> str:
    """Return what a shell block does."""
    return next(words for part, words in _SHELL if part in block.code)


# -- running


def run(guide: Guide, folder: Path, home: Path, only: int | None = None) -> dict[str, Any]:
    """Run a guide's Python blocks, in order, in one process that ``amlwidgets sandbox run`` starts.

    Args:
        guide: The guide.
        folder: An empty folder for it.
        home: State folder of the sandbox.
        only: So many blocks, from the first on.

    Returns:
        ``blocks``: one result for each (``state``, ``error``, ``finding``, ``printed``, ``seconds``), ``seconds`` of the whole
        command.
    """
    import sandbox_support as support

    blocks = folder / "blocks.json"
    blocks.write_text(json.dumps([_for_driver(block) for block in guide.python][:only]))
    command = [sys.executable, "-m", "amlwidgets.cli", "sandbox", "run", "--home", str(home), "--"]
    started = time.monotonic()
    done = subprocess.run(
        [*command, sys.executable, str(DRIVER), str(blocks)],
        cwd=folder,
        env=support.clean_environment(HOME=str(folder)),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    seconds = time.monotonic() - started
    results = folder / "results.json"
    assert results.exists(), f"{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
    return {"blocks": json.loads(results.read_text()), "seconds": seconds}


def _for_driver(block: Block) -> dict[str, object]:
    """Return what the driver gets of a block; of the key vault's transcript only the first line is code."""
    transcript = TRANSCRIPT in block.code
    code = block.code.splitlines()[0] if transcript else block.code
    return {"code": code, "line": block.line, "vault_wiped": transcript}


# -- the page


def page(guides: list[Guide]) -> str:
    """Return ``docs/guides.md``: every block with what it does in the sandbox."""
    groups: dict[tuple[str, ...], list[Guide]] = {}
    for guide in guides:
        groups.setdefault(tuple(block.code for block in guide.blocks), []).append(guide)
    parts = [_HEAD]
    for group in groups.values():
        parts.append(f"## {', '.join(guide.name for guide in group)}\n")
        if len(group) > 1:
            parts.append("The text is in several languages, the blocks are the same.\n")
        parts.append("| block | line | begins with | in the sandbox |\n|---|---|---|---|")
        parts += [_row(number, block) for number, block in enumerate(_code(group[0]), 1)]
        parts.append("")
    return "\n".join(parts)


def _code(guide: Guide) -> list[Block]:
    return [block for block in guide.blocks if block.language in ("python", "sh")]


def _row(number: int, block: Block) -> str:
    words = expected(block).words if block.language == "python" else shell(block)
    title = (block.title if len(block.title) < TITLE else block.title[: TITLE - 1] + "…").replace("|", "\\|")
    return f"| {number} ({block.language}) | {block.line} | `{title}` | {words} |"


_HEAD = """<!-- Written by `python tests/guides.py`; tests/conformance/test_guides.py holds it to what happens. -->
# The guides, block by block

The blocks of the five guides run unmodified through `amlwidgets sandbox run`, in order, in one process, with azureml-core 1.61.
Taken for granted by the guides and supplied: imports, `ws`, `best_run`, `different_model`, a service `mysvc`, `service`, and the
files `score.py`, `myenv.yml` and `my_model.pkl`. Blocks of text (messages of the portal and the CLI) are not code; the
diagnosis is tested on them.

One guide after another: `amlwidgets sandbox reset --yes` between them. Without it the second one meets the first one's
service: *there is already a service with name mysvc*.

Where the guides send their readers: [an example notebook of a local
deployment](https://github.com/Azure/MachineLearningNotebooks/blob/master/how-to-use-azureml/deployment/deploy-to-local/register-model-deploy-local.ipynb),
the [forum](https://learn.microsoft.com/answers/topics/azure-machine-learning-inference.html), and as next steps
[how to deploy and where](https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-and-where) and [the tutorial from training to
deployment](https://learn.microsoft.com/azure/machine-learning/tutorial-train-deploy-notebook). Findings name the address that belongs to them; with an exception
whose cause is unknown, the forum.
"""


if __name__ == "__main__":
    PAGE.write_text(page(all_guides()), encoding="utf-8")
    print(f"wrote {PAGE}")
