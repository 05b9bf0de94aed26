"""The Dockerfile of an environment: what the build does, in the order in which it does it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlwidgets.sandbox.build.definition import Definition
    from amlwidgets.sandbox.build.interpreters import Interpreter

SETUP = "azureml-environment-setup"
APP_ROOT = "/var/azureml-app"


class Action(Enum):
    """What a step does here; the others only describe the image."""

    NONE = "describe"
    PYTHON = "make the environment"
    PACKAGES = "install the packages"


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of the Dockerfile."""

    text: str
    action: Action = Action.NONE


def home(key: str) -> str:
    """Return the folder of an environment in its image."""
    return f"/azureml-envs/azureml_{key}"


def steps(definition: Definition, interpreter: Interpreter, key: str, files: Sequence[str] = ()) -> list[Step]:
    """Return the Dockerfile's instructions."""
    prefix = home(key)
    make = "uv venv --quiet --relocatable --clear --seed"
    python = f"--python {prefix}/bin/python"
    files_of_pip = f"-o /{SETUP}/lock.txt /{SETUP}/requirements.txt"
    resolve = f"uv pip compile --quiet --no-header --no-annotate {python} {files_of_pip}"
    install = f"uv pip install --no-deps {python} -r /{SETUP}/lock.txt"
    variables = " ".join(f"{name}={json.dumps(value)}" for name, value in sorted(definition.variables.items()))
    result = [
        Step(f"FROM {definition.base_image or 'scratch'}"),
        Step(f"COPY {SETUP}/conda.json {SETUP}/requirements.txt /{SETUP}/"),
        Step(f"RUN {make} --python {interpreter.version} {prefix}", Action.PYTHON),
        Step(f"RUN {resolve} && {install}", Action.PACKAGES),
        Step(f"ENV PATH={prefix}/bin:$PATH AML_APP_ROOT={APP_ROOT}"),
    ]
    if variables:
        result.append(Step(f"ENV {variables}"))
    result.extend(Step(f"ADD {name} {APP_ROOT}/{name}") for name in files)
    result.append(Step(f"WORKDIR {APP_ROOT}"))
    return result


def render(instructions: Sequence[Step]) -> str:
    """Return the Dockerfile's text."""
    return "\n".join(step.text for step in instructions) + "\n"
