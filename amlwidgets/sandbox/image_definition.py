"""What a ``ContainerImage`` is made of, carried over to an environment definition and files of the app root."""

from __future__ import annotations

import posixpath
import re
import tarfile
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import artifacts
from amlwidgets.sandbox.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlwidgets.sandbox.app import App

_USER_SCRIPT = re.compile(r"script_location = os\.path\.join\(.*,\s*'([^']+)'\)")
_SCHEMA_SDK = "azureml-model-management-sdk"
_SERVERS = ("azureml-defaults", "azureml-inference-server-http")
_NAME = re.compile(r"^\s*([\w.\-]+)")


class BadImage(ValueError):
    """The image cannot be built from what was sent; the message says why."""


def image_request(app: App, scope: str, image: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Return what the image holds, in the shape of a service's ``environmentImageRequest``.

    Args:
        app: The sandbox.
        scope: Key of the workspace.
        image: The image's document.
        say: Takes lines for the build log.

    Raises:
        BadImage: The conda file cannot be read, or no file is the entry script.
        ApiError: A file is not there or cannot be unpacked.
    """
    script = _user_script(app, scope, image)
    root, files = _files(app, scope, image, script)
    environment = _environment(app, scope, image, say)
    environment["environmentVariables"]["AZUREML_ENTRY_SCRIPT"] = script
    return {
        "driverProgram": image["driverProgram"],
        "modelIds": image["modelIds"],
        "assets": image["assets"],
        "assetsRoot": root,
        "files": files,
        "environment": environment,
    }


def blob_path(app: App, scope: str, address: str) -> Path:
    """Return the file of ``aml://artifact/…``.

    Raises:
        ApiError: Nothing was uploaded there.
    """
    uploaded = address.startswith(artifacts.URL)
    blob = artifacts.find(app, scope, address.removeprefix(artifacts.URL)) if uploaded else None
    if blob is None:
        raise ApiError(400, "ArtifactNotFound", f"The file {address} was not uploaded.")
    return blob.path


def _text(app: App, scope: str, address: str) -> str:
    return blob_path(app, scope, address).read_text(encoding="utf-8", errors="replace")


# -- files


def _user_script(app: App, scope: str, image: dict[str, Any]) -> str:
    """Return the entry script's name as the client's generated wrapper has it."""
    driver = next(asset for asset in image["assets"] if asset["id"] == image["driverProgram"])
    match = _USER_SCRIPT.search(_text(app, scope, driver["url"]))
    if match is None:
        raise BadImage(f"the driver program {driver['id']} is not the wrapper that azureml-core generates")
    return match[1]


def _files(app: App, scope: str, image: dict[str, Any], script: str) -> tuple[str, list[str]]:
    """Return the folder that the client's archives were made in, and the files that they bring.

    azureml-core packs every file under its absolute path on the client's machine. The entry script lies in the
    client's working folder, so the others are placed relative to that.
    """
    packed: list[tuple[str, list[str]]] = []
    plain = []
    for asset in image["assets"]:
        if asset["id"] == image["driverProgram"]:
            continue
        if asset["unpack"]:
            packed.append(_members(blob_path(app, scope, asset["url"]), asset["id"]))
        else:
            plain.append(str(asset["id"]))
    root = _root(packed, plain, script)
    names = {relocated(name, root, first) for first, files in packed for name in files}
    return root, sorted({*plain, *names})


def _members(archive: Path, name: str) -> tuple[str, list[str]]:
    """Return an archive's first member, which is what was packed, and its files."""
    try:
        with tarfile.open(archive) as tar:
            found = [(member.name, member.isdir()) for member in tar]
    except (tarfile.TarError, OSError, EOFError) as exc:
        raise ApiError(400, "BadRequest", f"{name} cannot be unpacked: {exc}.") from exc
    if not found:
        raise ApiError(400, "BadRequest", f"{name} is empty.")
    return found[0][0], [member for member, folder in found if not folder]


def _root(packed: list[tuple[str, list[str]]], plain: list[str], script: str) -> str:
    if script in plain:
        return ""
    # A dependency may have the entry script's name; the client adds the script after the dependencies.
    for _, files in reversed(packed):
        for name in files:
            if f"/{name}".endswith(f"/{script}"):
                return name[: -len(script)].rstrip("/")
    raise BadImage(f"none of the files is the entry script {script}")


def relocated(name: str, root: str, first: str) -> str:
    """Return where a member of a client's archive belongs below the app root.

    Args:
        name: The member.
        root: The client's working folder, as archives name it.
        first: The archive's first member: the file or folder that was packed.
    """
    base = root if not root or name == root or name.startswith(f"{root}/") else posixpath.dirname(first)
    return name[len(base) :].lstrip("/") or "."


# -- environment


def _environment(app: App, scope: str, image: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    properties = image["targetRuntime"].get("properties") or {}
    conda = _conda(_text(app, scope, properties["condaEnvFile"]) if properties.get("condaEnvFile") else "")
    if isinstance(conda, dict):
        requirements = _text(app, scope, properties["pipRequirements"]) if properties.get("pipRequirements") else ""
        _add_pip(conda, [*_requirements(requirements, say), *_server(conda, say)])
    dockerfile = _text(app, scope, image["dockerFileUri"]) if image.get("dockerFileUri") else None
    variables = docker_variables(dockerfile or "")
    for name in variables:
        say(f"sandbox: the Docker file's variable {name} is set in the container")
    return {
        "name": image["name"],
        "version": str(image["version"]),
        "python": {"condaDependencies": conda, "userManagedDependencies": False},
        "docker": {"baseImage": image.get("baseImage"), "baseDockerfile": dockerfile},
        "environmentVariables": variables,
    }


def _conda(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not text.strip():
        return {"dependencies": []}
    try:
        return YAML(typ="safe").load(text)
    except YAMLError as exc:
        raise BadImage(f"the conda file is not YAML: {exc}") from exc


def _requirements(text: str, say: Callable[[str], None]) -> list[str]:
    """Return the lines of the client's own requirements file."""
    kept = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith(_SCHEMA_SDK):
            # It pins what azureml-defaults needed in 2019; with it, the resolver goes back to releases of that year.
            say(f"sandbox: {line}, which azureml-core adds to every image, is left out: nothing uses it any more")
        else:
            kept.append(line)
    return kept


def _server(conda: dict[str, Any], say: Callable[[str], None]) -> list[str]:
    """Return the scoring server, unless the conda file brings it: images of that time had it in their base image."""
    names = [match[1].lower() for line in _pip_lines(conda) if (match := _NAME.match(line))]
    if any(name in _SERVERS for name in names):
        return []
    say(f"sandbox: the conda file has none of {', '.join(_SERVERS)}: the base image's server is {_SERVERS[-1]}")
    return [_SERVERS[-1]]


def _pip_lines(conda: dict[str, Any]) -> list[str]:
    dependencies = conda.get("dependencies")
    sections = [part for part in dependencies if isinstance(part, dict)] if isinstance(dependencies, list) else []
    return [str(line) for section in sections for line in section.get("pip") or []]


def _add_pip(conda: dict[str, Any], lines: list[str]) -> None:
    if lines and isinstance(conda.setdefault("dependencies", []), list):
        conda["dependencies"].append({"pip": lines})


def docker_variables(dockerfile: str) -> dict[str, str]:
    """Return the variables that a Docker file sets (``ENV NAME=value …`` and ``ENV NAME value``)."""
    import shlex

    found: dict[str, str] = {}
    for line in re.sub(r"\\\s*\n", " ", dockerfile).splitlines():
        step, _, rest = line.strip().partition(" ")
        if step.upper() != "ENV" or not rest.strip():
            continue
        first, _, value = rest.strip().partition(" ")
        if "=" in first:
            found |= dict(word.split("=", 1) for word in shlex.split(rest) if "=" in word)
        else:
            found[first] = value.strip()
    return found
