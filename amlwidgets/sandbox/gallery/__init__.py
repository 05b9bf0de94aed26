"""Failures on demand: each is provoked by real means and names the cause that a diagnosis has to find.

One TOML file an item, in ``items/``: words, files, and the azureml-core code that fails.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "failing.py"
ERROR, CONTAINER, BUILD = "error.txt", "container.log", "build.log"
"""What a run leaves in its folder: the exception's traceback, the container's log, the image's build log."""

OPENING = """\
from azureml.core import Environment, Model, Workspace
from azureml.core.compute import AksCompute
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice, AksWebservice, LocalWebservice, Webservice

ws = Workspace.from_config()


def inference(script="score.py", conda="myenv.yml", **variables):
    environment = Environment.from_conda_specification("gallery", conda)
    environment.environment_variables.update(variables)
    return InferenceConfig(entry_script=script, environment=environment)


def deploy(name, models=(), config=None, target=None, **inference_settings):
    config = config or AciWebservice.deploy_configuration(cpu_cores=0.5, memory_gb=0.5)
    service = Model.deploy(
        ws, name, list(models), inference(**inference_settings), config, deployment_target=target, overwrite=True
    )
    service.wait_for_deployment(show_output=True)
    return service

"""
"""What every item's code begins with."""

FILES = {
    "score.py": "import json\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return json.loads(data)\n",
    "myenv.yml": "dependencies:\n  - python=3.11\n  - pip:\n      - azureml-defaults>=1.0.45\n",
}
"""Files that an item has unless it brings its own."""


@dataclass(frozen=True, slots=True)
class Item:
    """One failure.

    Attributes:
        name: Its name, as typed.
        title: What fails, in a few words.
        cause: The cause that the diagnosis has to name.
        stage: Where it fails: register, image, schedule, start, score, workspace.
        story: What happens, and how it is provoked here.
        code: azureml-core code that fails, after :data:`OPENING`.
        files: Files that the code works with, by name.
        needs: ``"docker"`` or packages that the notebook's own environment needs.
        also: Causes that would be right too.
    """

    name: str
    title: str
    cause: str
    stage: str
    story: str
    code: str
    files: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The whole script."""
        return OPENING + "\n" + self.code.lstrip("\n")

    def write(self, folder: Path) -> Path:
        """Write script and files into ``folder``; return the script's path.

        Raises:
            OSError: The folder cannot be written.
        """
        for name, text in (FILES | self.files).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        script = folder / SCRIPT
        script.write_text(self.script, encoding="utf-8")
        return script


@lru_cache(maxsize=1)
def items() -> dict[str, Item]:
    """Return every item by its name, in the order of the stages."""
    found = []
    for entry in resources.files(__package__).joinpath("items").iterdir():
        if entry.name.endswith(".toml"):
            content: dict[str, Any] = tomllib.loads(entry.read_text(encoding="utf-8"))
            content |= {key: tuple(content.get(key, ())) for key in ("needs", "also")}
            found.append(Item(name=entry.name.removesuffix(".toml"), **content))
    order = ("workspace", "register", "image", "schedule", "start", "score", "local")
    return {item.name: item for item in sorted(found, key=lambda item: (order.index(item.stage), item.name))}


def find(name: str) -> Item:
    """Return an item by its name.

    Raises:
        BadInput: There is none of that name.
    """
    known = items()
    if name not in known:
        raise BadInput(f"The gallery has no “{name}”.", code="gallery-unknown", todo=f"It has: {', '.join(known)}.")
    return known[name]
