"""Scripts that were edited in a container, kept in the folder that the next one is made from."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.engine.client import APP_ROOT

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 32 << 20
_PACK = ["tar", "-C", APP_ROOT, "--exclude=./azureml-models", "--exclude=__pycache__", "-cf", "-", "."]


def keep(container: Any, folder: Path) -> list[str]:
    """Write the scripts of a container, not its models, where they differ from those in ``folder``; return their names.

    Files are changed in place: other replicas have links to the same content.

    Args:
        container: Of the ``docker`` package; it runs.
        folder: Which the next container gets its files from.

    Raises:
        docker.errors.DockerException: The engine does not answer.
        OSError: They cannot be read, or are too large to be scripts.
    """
    ran = container.exec_run(_PACK, demux=True)
    packed = ran.output[0] or b""
    if ran.exit_code or len(packed) > _MOST_BYTES:
        raise OSError("the scripts of the container cannot be read")
    kept = []
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for entry in tar.getmembers():
            name = PurePosixPath(entry.name)
            if entry.isfile() and ".." not in name.parts and _written(tar, entry, folder / name):
                kept.append(str(name))
    return kept


def _written(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> bool:
    content = tar.extractfile(entry)
    text = b"" if content is None else content.read()
    if path.is_symlink() or (path.is_file() and path.read_bytes() == text):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return True
