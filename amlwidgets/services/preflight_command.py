"""``amlwidgets preflight DIR``: the wizard's first stage for terminals and pipelines."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.core.checks import CheckState
from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.core.stages import Target
from amlwidgets.errors import BadInput
from amlwidgets.services.defaults import guess_spec
from amlwidgets.services.preflight import preflight
from amlwidgets.services.worlds import in_sandbox

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: one option per setting of a deployment."""
    parser.add_argument("folder", metavar="DIR", help="the folder with score.py, the conda file and the model")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    for entry in fields(DeploymentSpec):
        if "label" in entry.metadata and entry.metadata["kind"] != "bool":
            parser.add_argument(f"--{entry.name.replace('_', '-')}", dest=entry.name, help=entry.metadata["help"])
    parser.add_argument("--target", choices=[t.value for t in Target])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the checks; 1 when one failed."""
    folder = Path(options.folder)
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.", code="folder-missing")
    names = {f.name for f in fields(DeploymentSpec)} - {"folder"}
    settings = {k: v for k, v in vars(options).items() if k in names and v is not None}
    spec = guess_spec(str(folder.resolve()), **settings)
    if not (settings or spec.conda_file or spec.model_path or (folder / spec.entry_script).exists()):
        raise BadInput(
            f"{folder.resolve()} has nothing to deploy: no entry script, no conda file, no model.",
            code="nothing-to-deploy",
            todo="Name the folder that has them, or say their names (--help).",
        )
    checks = list(preflight(spec, sandbox=in_sandbox()))
    if options.format == "json":
        print(json.dumps({"schema": 1, "checks": [c.to_dict() for c in checks]}, indent=2))
    else:
        for check in checks:
            looked = f" [{check.looked_at}]" if check.looked_at else ""
            print(f"{check.state.value:<4} {check.title}{looked}: {check.detail} {check.todo}".rstrip())
    return int(any(c.state == CheckState.FAIL for c in checks))
