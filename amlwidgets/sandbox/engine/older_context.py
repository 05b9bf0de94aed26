"""The build context of the older image configuration (``deploy_local_from_model``): the files lie with the client."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.docker_engine import engine
from amlwidgets.sandbox import image_definition
from amlwidgets.sandbox.build.dockerfile import SETUP
from amlwidgets.sandbox.engine import base, context, dockerfile, ownership, registry, settings
from amlwidgets.sandbox.engine.builder import BUILD_SECONDS
from amlwidgets.sandbox.engine.client import APP_ROOT, PORT

if TYPE_CHECKING:
    from amlwidgets.sandbox.app import App

_PREFIX = "/azureml-envs/azureml_image"
_TAKEN = ("conda.py", "definition.py", "conda_packages.toml")


def manifest(app: App, scope: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of the context.

    Args:
        app: The sandbox.
        scope: Key of the workspace.
        request: The client's image request; its conda file is named, not sent.

    Raises:
        ApiError: The Docker file was not uploaded.
        AmlWidgetsError: There is no engine, or no base image can be made.
    """
    own = ""
    if request.get("dockerFileUri"):
        own = image_definition.blob_path(app, scope, request["dockerFileUri"]).read_text("utf-8", "replace")
    properties = (request.get("targetRuntime") or {}).get("properties") or {}
    with engine(BUILD_SECONDS) as client:
        base.ensure(client, app.home, lambda _line: None)
    steps = _steps(app, Path(str(properties.get("condaEnvFile") or "")).name, own)
    packaged = resources.files("amlwidgets.sandbox.build")
    files = {name: packaged.joinpath(name).read_bytes() for name in _TAKEN}
    files["carry_over.py"] = (Path(__file__).parent / "carry_over.py").read_bytes()
    files["Dockerfile"] = ("\n".join(steps) + "\n").encode()
    return {"context": context.inline(files)}


def _steps(app: App, conda_file: str, own: str) -> list[str]:
    variables, left_out = settings.arguments()
    conda = f"{APP_ROOT}/{conda_file}" if conda_file else "''"
    tag = base.name(app.home).rpartition(":")[2]
    return [
        "# Written by the amlwidgets sandbox. No conda is asked: packages of the conda file are carried over to pip",
        "# where that is the same release; carry_over.py says what cannot be.",
        *(f"# pip setting of this machine: {sentence}" for sentence in left_out),
        f"FROM {registry.open_address(app.identity)}:{tag}",
        ownership.first_step(app.home),
        *dockerfile.user_steps(own),
        *(f"ARG {name}={json.dumps(value)}" for name, value in variables.items()),
        f"COPY {' '.join(_TAKEN)} /{SETUP}/amlwidgets/sandbox/build/",
        f"COPY carry_over.py /{SETUP}/",
        f"COPY {dockerfile.CONTEXT_FOLDER}/ {APP_ROOT}/",
        f"ENV PYTHONPATH=/{SETUP}",
        f"RUN uv run --quiet --no-project --with ruamel.yaml python /{SETUP}/carry_over.py {conda} /{SETUP}",
        "ENV PYTHONPATH=",
        f'RUN uv venv --quiet --relocatable --seed --python "$(cat /{SETUP}/python.txt)" {_PREFIX}',
        f"RUN sh /usr/local/bin/install-environment {_PREFIX} /{SETUP}/requirements.txt",
        f"ENV PATH={_PREFIX}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin AML_APP_ROOT={APP_ROOT}",
        f"WORKDIR {APP_ROOT}",
        f"EXPOSE {PORT}",
        'CMD ["/bin/sh", "/usr/local/bin/serve"]',
        ownership.last_step(),
    ]
