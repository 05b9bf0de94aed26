"""``amlwidgets sandbox gallery``: list the failures, or provoke one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.errors import BadInput
from amlwidgets.sandbox import client, gallery

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the failure to provoke; without it, list them all")
    parser.add_argument("--folder", metavar="FOLDER", help="where its files go (default: a new temporary folder)")
    parser.add_argument("--show", action="store_true", help="print its code, run nothing")


def run(options: argparse.Namespace) -> int:
    """List the items, show one, or provoke it; 0 when it failed as it should."""
    if not options.name:
        print(listed())
        return 0
    item = gallery.find(options.name)
    if options.show:
        print(item.script)
        return 0
    from amlwidgets.sandbox.gallery import runner

    folder = _folder(options.folder)
    print(f"{item.title}. {item.story}\n")
    done = runner.run(item, client.start(options.home), folder)
    print(f"\nIts files are in {folder}. The cause to find is {item.cause}:")
    print(f"  amlwidgets diagnose --together {' '.join(str(path) for path in done.sources)}")
    return 0 if done.failed else 1


def listed() -> str:
    """Return one line an item: name, stage, cause, title."""
    known = gallery.items().values()
    width, causes = max(len(item.name) for item in known), max(len(item.cause) for item in known)
    lines = [f"{item.name:<{width}}  {item.stage:<9}  {item.cause:<{causes}}  {item.title}" for item in known]
    return "\n".join([*lines, "", "Provoke one: amlwidgets sandbox gallery NAME"])


def _folder(wanted: str | None) -> Path:
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="aml-gallery-"))
    folder = Path(wanted).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as exc:
        raise BadInput(f"{folder} cannot be used: {exc.strerror}.", code="folder-unusable") from exc
    if not empty:
        raise BadInput(f"{folder} is not empty.", code="folder-not-empty", todo="Name a new folder.")
    return folder
