"""Sensible first values for a deployment, read off the files of the working folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from amlwidgets.core.spec import DeploymentSpec

_MODEL_ENDINGS = (".pkl", ".joblib", ".onnx", ".pt", ".pth", ".h5", ".keras", ".txt.gz", ".bst", ".cbm")
_MOST_FILES = 500
"""A folder with more entries is not searched: the user names the files."""


def guess_spec(folder: str, **settings: Any) -> DeploymentSpec:
    """Return a specification for ``folder``; ``settings`` win over what the files suggest."""
    spec = DeploymentSpec(folder=folder).changed(**settings)
    files = _files(Path(folder))
    guesses: dict[str, Any] = {}
    if not spec.model_path:
        guesses["model_path"] = next((f for f in files if f.endswith(_MODEL_ENDINGS)), "")
    if not spec.conda_file and not spec.environment_name:
        guesses["conda_file"] = next((f for f in files if _is_conda(Path(folder, f))), "")
    if "entry_script" not in settings and "score.py" not in files:
        guesses["entry_script"] = next((f for f in files if f.endswith(".py") and "scor" in f.lower()), "score.py")
    spec = spec.changed(**guesses)
    stem = Path(spec.model_path).name.split(".")[0] if spec.model_path else ""
    if not spec.model_name and stem:
        spec = spec.changed(model_name=stem)
    if not spec.service_name and spec.model_name:
        spec = spec.changed(service_name=_service_name(spec.model_name))
    return spec


def _files(folder: Path) -> list[str]:
    names = sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
    return names if len(names) <= _MOST_FILES else []


def _is_conda(path: Path) -> bool:
    if path.suffix not in (".yml", ".yaml"):
        return False
    try:
        return re.search(r"^dependencies:", path.read_text(encoding="utf-8"), re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return False


def _service_name(model: str) -> str:
    """Turn a model's name into a service's: lower case, hyphens, 3 to 32 characters."""
    name = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    name = name if name[:1].isalpha() else f"svc-{name}"
    return (name if len(name) >= 3 else f"{name}-svc")[:32].strip("-")  # noqa: PLR2004 - Azure's rule
