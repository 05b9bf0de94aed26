"""Runs inside of a build: reads the conda file that lies in the context, and writes what pip is to install.

For the older image configuration the client sends no definition: its conda file is in the build context alone. This
file and the two modules that it takes are copied into the build; nothing else of amlwidgets is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from amlwidgets.sandbox.build.definition import read

_SERVERS = ("azureml-defaults", "azureml-inference-server-http")


def main(conda_file: str, folder: str) -> int:
    """Write ``requirements.txt`` and ``python.txt`` into ``folder``; say what cannot be carried over."""
    from ruamel.yaml import YAML

    text = Path(conda_file).read_text("utf-8") if conda_file else ""
    conda = YAML(typ="safe").load(text) if text.strip() else {"dependencies": []}
    definition = read({"python": {"condaDependencies": conda}})
    problems = [
        *definition.problems,
        *(f"{r.text} cannot be mapped onto a pip package here" for r in definition.refused),
    ]
    if problems:
        print("\n".join(f"sandbox: {problem}" for problem in problems))
        return 1
    lines = list(definition.requirements)
    if not any(line.lower().startswith(_SERVERS) for line in lines):
        # Images of that time had the server in their base image.
        print(f"sandbox: the conda file names no server; the base image's is {_SERVERS[-1]}")
        lines.append(_SERVERS[-1])
    Path(folder, "requirements.txt").write_text("\n".join((*lines, "")), "utf-8")
    Path(folder, "python.txt").write_text(definition.python or "python3", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
