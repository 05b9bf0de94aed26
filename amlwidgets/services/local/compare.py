"""Compare what is installed in a container with the conda file, with this notebook, and with the model's pickle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Packages whose objects are pickled with the model, by the module that the pickle names.
_OF_MODULE = {"sklearn": "scikit-learn", "PIL": "pillow", "cv2": "opencv-python", "yaml": "pyyaml"}

# What says nothing about a model.
_TOOLS = {"pip", "setuptools", "wheel", "certifi", "urllib3", "six", "packaging"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One package that is not what somebody relied on.

    Attributes:
        package: Its name.
        container: Version in the container; empty when it is not there.
        wanted: What the other side has or asks for.
        side: ``"model"`` (what it was pickled with), ``"conda file"`` or ``"notebook"``.
        matters: Whether the model's pickle uses the package: then a difference may break it.
        words: One sentence.
    """

    package: str
    container: str
    wanted: str
    side: str
    matters: bool
    words: str


def differences(
    installed: Mapping[str, str],
    *,
    requirements: Iterable[str] = (),
    notebook: Mapping[str, str] | None = None,
    pickles: Iterable[Mapping[str, Any]] = (),
) -> list[Difference]:
    """Return the differences, those that can break the model first.

    Args:
        installed: Packages of the container, name to version.
        requirements: Lines of the conda file's pip section, such as ``"scikit-learn==1.4.2"``.
        notebook: Packages of the notebook's own environment.
        pickles: Facts about the model's files: ``path``, ``modules``, ``sklearn`` (version it was pickled with).
    """
    here: dict[str, str] = {canonicalize_name(name): version for name, version in installed.items()}
    files = list(pickles)
    used = {_package(module) for facts in files for module in facts.get("modules", ())}
    found = [
        *_of_pickles(files, here),
        *_of_requirements(requirements, here, used),
        *_of_notebook(notebook or {}, here, used),
    ]
    return sorted(found, key=lambda d: (not d.matters, _ORDER[d.side], d.package))


_ORDER = {"model": 0, "conda file": 1, "notebook": 2}


def requirements_of(conda: str) -> list[str]:
    """Return the requirements of a conda file: those of pip, and conda's own as far as they read like pip's.

    Args:
        conda: The text of the file.

    Raises:
        ValueError: The text is no YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(conda) or {}
    except YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    wanted: list[str] = []
    entries = content.get("dependencies") if isinstance(content, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            pip = entry.get("pip")
            wanted += [str(line) for line in pip] if isinstance(pip, list) else []
        elif not str(entry).startswith(("python=", "python>", "python<", "pip")) and str(entry) != "python":
            wanted.append(_as_pip(str(entry)))
    return wanted


def _as_pip(entry: str) -> str:
    """Conda's ``numpy=1.26`` (or ``numpy=1.26=build``) means every 1.26.x; pip's way to say so has a star."""
    return re.sub(r"(?<![=<>!~])=(?!=)([\w.]+)\*?(?:=.*)?$", lambda m: f"=={m[1].rstrip('.')}.*", entry)


def _package(module: str) -> str:
    top = module.split(".", maxsplit=1)[0]
    return canonicalize_name(_OF_MODULE.get(top, top))


def _of_pickles(files: Iterable[Mapping[str, Any]], here: Mapping[str, str]) -> list[Difference]:
    found: list[Difference] = []
    for facts in files:
        path, trained = facts.get("path", "the model"), facts.get("sklearn", "")
        has = here.get("scikit-learn", "")
        if trained and has != trained:
            words = (
                f"{path} was saved with scikit-learn {trained}; the container has {has}."
                if has
                else f"{path} was saved with scikit-learn {trained}, which the container does not have."
            )
            found.append(Difference("scikit-learn", has, trained, "model", matters=True, words=words))
        found += _numpy(path, facts.get("modules", ()), here.get("numpy", ""))
        for package in sorted(
            {_package(m) for m in facts.get("modules", ())} & _KNOWN - here.keys() - {"scikit-learn"}
        ):
            words = f"{path} needs {package}, which the container does not have."
            found.append(Difference(package, "", "any", "model", matters=True, words=words))
    return found


# Only packages that people pickle: a module of the standard library or of the user's own is no package to install.
_KNOWN = {
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "xgboost",
    "lightgbm",
    "catboost",
    "torch",
    "joblib",
    "statsmodels",
}
_NUMPY_2 = 2


def _numpy(path: str, modules: Iterable[str], has: str) -> list[Difference]:
    """A pickle of NumPy 2 names ``numpy._core``, which NumPy 1 does not have."""
    if not has or not any(module.startswith("numpy._core") for module in modules):
        return []
    if (_version(has) or Version("2")).major >= _NUMPY_2:
        return []
    words = f"{path} was saved with NumPy 2; the container has {has}, which cannot read it."
    return [Difference("numpy", has, ">=2", "model", matters=True, words=words)]


def _of_requirements(lines: Iterable[str], here: Mapping[str, str], used: set[str]) -> list[Difference]:
    found = []
    for line in lines:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        name = canonicalize_name(wanted.name)
        has, version = here.get(name, ""), _version(here.get(name, ""))
        if not has:
            words = f"The conda file asks for {wanted.name}; the container does not have it."
        elif version is not None and not wanted.specifier.contains(version, prereleases=True):
            words = f"The conda file asks for {wanted.name}{wanted.specifier}; the container has {has}."
        else:
            continue
        asked = str(wanted.specifier) or "any"
        found.append(Difference(name, has, asked, "conda file", matters=name in used, words=words))
    return found


def _of_notebook(notebook: Mapping[str, str], here: Mapping[str, str], used: set[str]) -> list[Difference]:
    found = []
    for said, version in notebook.items():
        name = canonicalize_name(said)
        if name in _TOOLS or name not in here or here[name] == version:
            continue
        words = f"{name}: this notebook has {version}, the container {here[name]}."
        found.append(Difference(name, here[name], version, "notebook", matters=name in used, words=words))
    return found


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
