"""The documentation: the site builds without a network, what is generated is current, and every snippet does what it says.

A block of Python or console in README.md or docs/ is run, unless ``<!-- not run: REASON -->`` stands before it; then it is read
as far as it can be without running it. Generated pages have tests of their own.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from sandbox_support import clean_environment

from amlwidgets import cli
from amlwidgets.core.spec import DeploymentSpec, ModelSource
from amlwidgets.core.stages import Generation, Stage, Target
from amlwidgets.services.plan import calls_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GENERATED = {"causes.md", "key_vault_checks.md", "guides.md", "cli.md", "magics.md", "settings.md"}
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.glob("*.md") if page.name not in GENERATED)]
_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?^```(?P<kind>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block, and why it is not run, if it is not."""

    page: str
    line: int
    kind: str
    code: str
    why_not: str

    def __str__(self):
        return f"{self.page}:{self.line}"

    @property
    def lines(self):
        """What a shell gets of each line."""
        return [line for line in (raw.split("  #")[0].strip() for raw in self.code.splitlines()) if line]


def blocks():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in _BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(page.name, line, found["kind"], found["code"], found["why"] or "")


BLOCKS = list(blocks())


def reference():
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name, text in reference().pages().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, "run: python docs/make_reference.py"


def test_every_environment_variable_is_told():
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "amlwidgets").rglob("*.py"))
    assert set(re.findall(r"\bAMLWIDGETS_[A-Z_]+\b", code)) == set(reference().VARIABLES)


def test_the_site_builds_without_a_network_and_fetches_nothing(tmp_path):
    dead = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, env=clean_environment(NO_MKDOCS_2_WARNING="1", **dead), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    html = [page.read_text("utf-8") for page in tmp_path.rglob("*.html")]
    assert len(html) > len(PAGES)
    fetched = re.compile(
        r"<(?:script|img)[^>]+src=\"?https?:|<link[^>]+rel=\"?(?:stylesheet|preconnect|icon)[^>]+https?:"
    )
    assert not [found for page in html for found in fetched.findall(page)]
    assert not [page for page in html if 'data-md-component="source"' in page], "the theme would ask GitHub for stars"


LOCAL_ONLY = {
    "Environment.from_conda_specification", "ContainerImage.image_configuration", "InferenceConfig",
    "AciWebservice.deploy_configuration", "AksWebservice.deploy_configuration", "LocalWebservice.deploy_configuration",
}  # fmt: skip
"""Calls of the plan that make an object here and send nothing."""


def test_every_call_of_the_wizard_that_reaches_azure_is_on_its_page():
    page = (DOCS / "azure.md").read_text("utf-8")
    specs = [
        DeploymentSpec(target=target, generation=generation, model_source=source.value, conda_file=conda)
        for target in Target
        for generation in Generation
        for source in ModelSource
        for conda in ("env.yml", "")
    ]
    calls = {call.function for spec in specs for stage in Stage for call in calls_of(stage, spec)} - LOCAL_ONLY
    assert "Model.deploy" in calls
    assert sorted(call for call in calls if f"`{call}`" not in page and f"`{call.split('.')[-1]}`" not in page) == []


def test_blocks_are_found_and_kinds_are_known():
    assert {block.kind for block in BLOCKS} <= {"python", "console", "yaml", "toml", "text"}
    assert len([block for block in BLOCKS if block.kind in ("python", "console") and not block.why_not]) >= 20


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.why_not], ids=str)
def test_a_block_that_is_not_run_can_be_read(block):
    if block.kind == "python":
        from IPython.core.inputtransformer2 import TransformerManager

        ast.parse(TransformerManager().transform_cell(block.code))
    for line in block.lines if block.kind == "console" else ():
        if line.startswith("amlwidgets "):
            parsed(shlex.split(line)[1:])


def parsed(words):
    """Read a command line as the program does, without doing what it says."""
    parser = argparse.ArgumentParser()
    importlib.import_module(cli._COMMANDS[words[0]][0]).configure(parser)
    return parser.parse_args(words[1:])


@pytest.mark.sandbox
@pytest.mark.network
@pytest.mark.timeout(400)
def test_every_snippet_does_what_it_says(tmp_path, sandbox_home, monkeypatch, capfd):
    """One kernel runs the Python of all pages, in a folder with a deployment; then the commands are typed there."""
    from nbclient import NotebookClient

    write_folder(tmp_path)
    monkeypatch.setenv("AMLWIDGETS_SANDBOX_HOME", str(sandbox_home))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    # What loads nothing is looked at first.
    python = sorted(
        (b for b in BLOCKS if b.kind == "python" and not b.why_not), key=lambda b: b.page != "how_it_works.md"
    )
    at = next(n for n, block in enumerate(python) if block.page != "how_it_works.md")
    sources = [block.code for block in python]
    sources.insert(at, "%load_ext amlwidgets\n%aml sandbox on")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    refused = [
        cell.source
        for cell in book.cells
        if "%aml explain" not in cell.source and 'role="alert"' in json.dumps(cell.outputs).replace('\\"', '"')
    ]
    assert refused == []
    monkeypatch.chdir(tmp_path)
    for block in (b for b in BLOCKS if b.kind == "console" and not b.why_not):
        for line in block.lines:
            code = typed(line)
            may_find = set(line.split()) & {"diagnose", "arm", "doctor", "preflight"}
            assert code in ((0, 1) if may_find else (0,)), f"{block}: {line}\n{''.join(capfd.readouterr())[-3000:]}"


def typed(line):
    """Run a line, and return its exit code: 1 is a finding or a failure, 2 a command that does not exist like that."""
    if line.startswith("amlwidgets ") and not {"|", ">", "$"} & set(line):
        try:
            return cli.main(shlex.split(line)[1:])
        except SystemExit as ended:
            return ended.code
    return subprocess.run(["bash", "-o", "pipefail", "-c", line], check=False).returncode


def write_folder(folder):
    """Write what a user has: a deployment that works, a template, a log, and a script that deploys."""
    notebook = nbformat.read(ROOT / "notebooks" / "03_key_vault.ipynb", as_version=4)
    template = next(c.source for c in notebook.cells if c.source.startswith("%%writefile azuredeploy.json"))
    files = {
        "score.py": "import json\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return json.loads(data)['data'][0]\n",
        "env.yml": "dependencies:\n  - python=3.11\n  - pip:\n      - azureml-defaults>=1.0.45\n",
        "model.pkl": "42\n",
        "azuredeploy.json": template.split("\n", 1)[1],
        "p.json": '{"parameters": {"workspaceName": {"value": "team"}}}',
        "vault.json": '{"name": "kv", "properties": {"accessPolicies": []}}',
        "build.log": "Step 3/9 : RUN pip install -r r.txt\n"
        "ERROR: Could not find a version that satisfies the requirement numpy==99.0 (from versions: 2.0.2, 2.1.3)\n"
        "ERROR: No matching distribution found for numpy==99.0\n",
        "deploy.py": "from azureml.core import Workspace\nprint(Workspace.from_config().name)\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
