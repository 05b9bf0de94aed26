"""Lays out a container's folder as Azure's image and mounts do: scripts and models (deployment.md, section 4)."""

from __future__ import annotations

import contextlib
import lzma
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import artifacts
from amlwidgets.sandbox.api import ApiError
from amlwidgets.sandbox.blobs import DISK_FULL, write_parts
from amlwidgets.sandbox.image_definition import relocated
from amlwidgets.sandbox.wire import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from amlwidgets.sandbox.app import App

APP_ROOT = "var/azureml-app"
MODELS = "azureml-models"
_ARCHIVES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
MAX_MEMBERS = 200_000
MAX_BYTES = 50_000_000_000
KEEP_FREE_BYTES = 500_000_000
"""What unpacking leaves free on the disk."""


@dataclass(frozen=True, slots=True)
class LaidOut:
    """What a container's folder was filled with.

    Attributes:
        assets: Scripts and other files of the image.
        models: Models.
        model_files: Their files.
        model_bytes: Size of these, before unpacking.
    """

    assets: int
    models: int
    model_files: int
    model_bytes: int


def asset_names(request: dict[str, Any]) -> list[str]:
    """Return the names of the files that the client adds to the image, without its generated wrapper."""
    driver = request.get("driverProgram")
    return [str(asset["id"]) for asset in request.get("assets") or [] if asset.get("id") != driver]


def lay_out(app: App, scope: str, request: dict[str, Any], models: list[dict[str, Any]], root: Path) -> LaidOut:
    """Write the container's files below ``root/var/azureml-app`` and say how much that was.

    Args:
        app: The sandbox.
        scope: Key of the workspace.
        request: The service's ``environmentImageRequest``.
        models: The models to mount.
        root: Folder of the container; emptied first.

    Raises:
        ApiError: A file is missing or cannot be unpacked.
        OSError: The disk is full.
    """
    shutil.rmtree(root, ignore_errors=True)
    target = root / APP_ROOT
    target.mkdir(parents=True)
    for asset in request.get("assets") or []:
        _place_asset(app, scope, asset, target, request.get("assetsRoot"))
    files = bytes_ = 0
    for model in models:
        folder = target / MODELS / model["name"] / str(model["version"])
        folder.mkdir(parents=True)
        for name, blob in artifacts.model_files(app, scope, model):
            place(folder, name, blob.read())
            files, bytes_ = files + 1, bytes_ + blob.length
        if model.get("unpack"):
            _unpack_all(folder)
    return LaidOut(len(request.get("assets") or []), len(models), files, bytes_)


def model_dir(models: list[dict[str, Any]]) -> str:
    """Return AZUREML_MODEL_DIR: the folder of the one model, or the folder of all."""
    if len(models) == 1:
        return f"{MODELS}/{models[0]['name']}/{models[0]['version']}"
    return MODELS


def entry_script(request: dict[str, Any]) -> str:
    """Return the user's entry script, relative to the app root.

    Raises:
        ApiError: The environment names none.
    """
    variables = (request.get("environment") or {}).get("environmentVariables") or {}
    script = str(variables.get("AZUREML_ENTRY_SCRIPT") or "").lstrip("/")
    script = script.removeprefix("./")
    if not script:
        raise ApiError(400, "BadRequest", "The environment has no AZUREML_ENTRY_SCRIPT; an entry script is needed.")
    return script


def place(folder: Path, name: str, parts: Iterable[bytes]) -> None:
    """Write one file below ``folder``.

    Raises:
        ApiError: The name leads out of the folder.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or path.resolve() == folder.resolve():
        raise ApiError(400, "BadRequest", f"The file name '{name}' is none within the container's folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parts(path, parts, sync=False)


def _place_asset(app: App, scope: str, asset: dict[str, Any], target: Path, root: str | None) -> None:
    address = str(asset.get("url") or "")
    blob = artifacts.find(app, scope, address.removeprefix(artifacts.URL))
    if blob is None or not address.startswith(artifacts.URL):
        raise ApiError(400, "ArtifactNotFound", f"The file {asset.get('id')} was not uploaded ({address}).")
    place(target, str(asset["id"]), blob.read())
    if asset.get("unpack"):
        _unpack(target / str(asset["id"]), target, root)


def _unpack_all(folder: Path) -> None:
    for path in [path for path in folder.iterdir() if path.is_file()]:
        with _readable(path):
            archive = path.name.lower().endswith(_ARCHIVES) or tarfile.is_tarfile(path)
        if archive:
            _unpack(path, folder)


def _unpack(archive: Path, target: Path, root: str | None = None) -> None:
    """Unpack and remove an archive; with ``root`` its members are placed relative to that folder."""
    with _readable(archive):
        with tarfile.open(archive) as tar:
            _check_size(archive.name, tar, target)
        with tarfile.open(archive) as tar:
            # Both filters keep members inside the folder and drop devices and foreign owners.
            tar.extractall(target, filter=tarfile.data_filter if root is None else _Relocation(root))  # noqa: S202
    archive.unlink()


class _Relocation:
    """Filter of members that the client packed under their absolute paths.

    Args:
        root: The client's working folder, as the archive names it.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._first: str | None = None

    def __call__(self, member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        """Return the member at its place below the app root."""
        self._first = self._first or member.name
        member = member.replace(name=relocated(member.name, self._root, self._first), deep=False)
        if member.islnk():
            member = member.replace(linkname=relocated(member.linkname, self._root, self._first), deep=False)
        return tarfile.data_filter(member, path)


def _check_size(name: str, tar: tarfile.TarFile, target: Path) -> None:
    """Refuse an archive that would fill the disk, before anything of it is written."""
    room = min(MAX_BYTES, shutil.disk_usage(target).free - KEEP_FREE_BYTES)
    total = 0
    for number, member in enumerate(tar, 1):
        total += member.size
        if number > MAX_MEMBERS:
            raise ApiError(400, "BadRequest", f"{name} is not unpacked: it holds more than {MAX_MEMBERS:,} files.")
        if total > room:
            text = f"{name} is not unpacked: it holds more than the {max(room, 0) / 1e9:.1f} GB that there is room for."
            raise ApiError(400, "BadRequest", text)
    # What tells damage, a checksum, stands at the end.
    while tar.fileobj is not None and tar.fileobj.read(CHUNK):
        pass


@contextlib.contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Say which archive it is that is cut or damaged."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno in DISK_FULL:
            raise
        raise ApiError(400, "BadRequest", f"{archive.name} cannot be unpacked: {exc}.") from exc
