"""What a killed sandbox leaves on the disk is removed at the next start, before the first request is answered."""

from __future__ import annotations

import contextlib
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.sandbox import services

if TYPE_CHECKING:
    from amlwidgets.sandbox.app import App

LOG = logging.getLogger(__name__)


def sweep(app: App) -> None:
    """End what still runs of an earlier life, and remove folders and files that nothing refers to any more."""
    root = app.home / "containers"
    try:
        if root.exists() and any(root.iterdir()):
            # What a killed sandbox left running would keep its memory and its ports.
            app.lifecycle.runtime.reap(root)
            _folders(app, root)
        app.blobs.sweep()
    except Exception:
        LOG.exception("what an earlier life of the sandbox left cannot be removed")


def _folders(app: App, root: Path) -> None:
    kept = {}
    for scope, service in app.store.scoped(services.KIND):
        spec = service["spec"] or {}
        # Replicas get new names with every life: their folders are of no use to the next one.
        kept[app.lifecycle.folder(scope, service["name"])] = {Path(spec[key]) for key in ("root", "log") if key in spec}
    for folder in root.iterdir():
        for path in folder.iterdir() if folder in kept else (folder,):
            if path not in kept.get(folder, ()):
                _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
