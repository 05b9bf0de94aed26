"""The Dockerfile of an environment, and of an image with scripts and models in it, as the engine builds them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.build.definition import read
from amlwidgets.sandbox.build.dockerfile import SETUP
from amlwidgets.sandbox.build.places import answering
from amlwidgets.sandbox.engine import ownership, settings
from amlwidgets.sandbox.engine.client import APP_ROOT, PORT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from amlwidgets.sandbox.build.definition import Definition
    from amlwidgets.sandbox.protocols import Write

_PATCH = re.compile(r"==(\d+\.\d+)\.\d+(\.\*)?")
_NEEDS_DOCKER = "the process runtime builds no images"
CONTEXT_FOLDER = "azureml-app"
"""Folder of the build context that becomes the app root, as in Azure's own contexts."""


class CannotBuild(Exception):
    """The definition cannot be carried over to pip; the message says why."""


def home(key: str) -> str:
    """Return the folder of an environment in its image."""
    return f"/azureml-envs/{key}"


def definition_of(environment: Mapping[str, Any]) -> Definition:
    """Read an environment definition.

    Raises:
        CannotBuild: A conda package has no counterpart for pip, or the definition is broken.
    """
    definition = read(environment)
    problems = [problem for problem in definition.problems if not problem.endswith(_NEEDS_DOCKER)]
    for refusal in definition.refused:
        why = f"; {refusal.why}" if refusal.why else ""
        problems.append(f"the conda package {refusal.text} cannot be mapped onto a pip package here{why}")
    if (environment.get("docker") or {}).get("buildContext"):
        problems.append("a Docker build context of its own is not built by the sandbox")
    if problems:
        raise CannotBuild(". ".join(problems))
    return definition


def environment_files(definition: Definition, write: Write) -> dict[str, bytes]:
    """Return the files of the context that an environment is made of, flat, as Azure's manifests want them."""
    lines = answering(definition.requirements, write)
    return {
        "conda.json": json.dumps(dict(definition.conda), indent=1).encode(),
        "requirements.txt": ("\n".join(lines) + "\n").encode(),
    }


def environment_steps(base: str, sandbox: Path, key: str, definition: Definition, own_steps: str = "") -> list[str]:
    """Return the steps that make an environment.

    Args:
        base: The base image.
        sandbox: State folder, for the label by which the sandbox finds what is its own.
        key: Name of the environment's folder.
        definition: What is wanted.
        own_steps: The Dockerfile that the environment brings along.
    """
    variables, left_out = settings.arguments()
    prefix = home(key)
    wanted = definition.base_image or "the one of a Dockerfile"
    return [
        "# Written by the amlwidgets sandbox.",
        f"# Azure would build on {wanted}; the sandbox's own base image stands in.".replace("\n", " "),
        "# Azure would let conda make the environment; no conda is asked here: uv and pip install, with the packages",
        "# of the conda file carried over to pip where that is the same release.",
        *(f"#   conda {conda} is taken from pip as {pip}" for conda, pip in definition.mapped),
        *(f"# pip setting of this machine: {sentence}" for sentence in left_out),
        f"FROM {base}",
        ownership.first_step(sandbox),
        *user_steps(own_steps),
        *(f"ARG {name}={json.dumps(value)}" for name, value in variables.items()),
        f"COPY conda.json requirements.txt /{SETUP}/",
        f"RUN {_make_python(prefix, definition.python)}",
        f"RUN sh /usr/local/bin/install-environment {prefix} /{SETUP}/requirements.txt",
        f"ENV PATH={prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin AML_APP_ROOT={APP_ROOT}",
        f"WORKDIR {APP_ROOT}",
        f"EXPOSE {PORT}",
        'CMD ["/bin/sh", "/usr/local/bin/serve"]',
        ownership.last_step(),
    ]


def app_steps(variables: Mapping[str, str]) -> list[str]:
    """Return the steps that add scripts, models and variables to an environment."""
    steps = [f"ENV {name}={json.dumps(value)}" for name, value in sorted(variables.items())]
    return [*steps, f"COPY {CONTEXT_FOLDER}/ {APP_ROOT}/", ownership.last_step()]


def own_steps_of(environment: Mapping[str, Any]) -> str:
    """Return the Dockerfile that a definition brings along, empty when it has none."""
    return str((environment.get("docker") or {}).get("baseDockerfile") or "")


def user_steps(dockerfile: str) -> list[str]:
    """Return the steps of a Dockerfile of the user's own that are added to ours: all but its beginning and its end."""
    joined = re.sub(r"\\\s*\n", " ", dockerfile)
    steps = [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]
    return [step for step in steps if step.split(None, 1)[0].upper() not in ("FROM", "CMD", "ENTRYPOINT")]


def _make_python(prefix: str, constraint: str) -> str:
    """Return the command for an interpreter; another patch level of the same minor version may stand in."""
    command = "uv venv --quiet --relocatable --seed --python"
    if not constraint:
        return f"{command} python3 {prefix}"
    exact = f"{command} '{constraint}' {prefix}"
    match = _PATCH.fullmatch(constraint)
    if match is None:
        return exact
    stands_in = f"echo 'sandbox: another Python {match[1]} stands in for {constraint[2:]}'"
    return f"{exact} 2>/dev/null || ({stands_in} && {command} '{match[1]}' {prefix})"
