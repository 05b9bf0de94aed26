"""``amlwidgets sandbox base-image``, ``image`` and ``prune``: images in the engine, made, named and removed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from amlwidgets.docker_engine import engine
from amlwidgets.sandbox.client import default_home
from amlwidgets.sandbox.engine import base, stale
from amlwidgets.sandbox.engine.builder import BUILD_SECONDS
from amlwidgets.sandbox.engine.client import LABEL

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from amlwidgets.sandbox.client import Sandbox

_SMALL = 1e8
"""Bytes below which a size is said in MB."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``base-image`` to ``parser``."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="only say whether it is there")
    what.add_argument("--remove", action="store_true", help="remove it; it is made again when it is needed")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(options: argparse.Namespace) -> int:
    """Do what the options say; exit code 1 when only asked and it is not there."""
    from pathlib import Path

    home = Path(options.home).expanduser().absolute() if options.home else default_home()
    with engine(BUILD_SECONDS) as client:
        if options.remove:
            return _remove(client, as_json=options.format == "json")
        if not options.status:
            base.ensure(client, home, lambda line: print(line, flush=True) if options.format == "text" else None)
        return _show(base.find(client, home), base.name(home), as_json=options.format == "json")


def _remove(client: Any, *, as_json: bool) -> int:
    removed = base.remove(client)
    if as_json:
        print(json.dumps({"removed": removed}))
    else:
        print(f"Removed: {', '.join(removed)}" if removed else "There is no base image.")
    return 0


def _show(image: Any | None, name: str, *, as_json: bool) -> int:
    size = 0 if image is None else int(image.attrs["Size"])
    if as_json:
        print(
            json.dumps({"name": name, "present": image is not None, "bytes": size, "from": base.configured() or None})
        )
    elif image is None:
        print(f"The base image {name} has not been made yet; the first deployment that needs it makes it.")
    else:
        print(f"The base image is there: {name}, {size / 1e6:.0f} MB.")
    return 0 if image is not None else 1


def configure_prune(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``prune`` to ``parser``."""
    parser.add_argument("--yes", action="store_true", help="do not ask; without it nothing is removed unasked")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def prune(options: argparse.Namespace) -> int:
    """Show the images of sandboxes whose state folder is gone, and remove them when the user says so."""
    with engine(timeout=600) as client:
        found = stale.find(client)
        if options.format == "text":
            _list(found)
        sure = bool(found) and (options.yes or (options.format == "text" and _agreed()))
        # The user may have taken long: what has changed meanwhile is somebody's work.
        removed = stale.remove(client, [image for image in stale.find(client) if image in found]) if sure else []
        unproved = stale.unproved(client) if options.format == "text" else 0
    if options.format == "json":
        rows = [{"id": i.id, "names": i.names, "bytes": i.size, "home": i.home, "removed": i in removed} for i in found]
        print(json.dumps({"schema": 1, "images": rows}))
    elif sure:
        print(f"Removed: {len(removed)} of {len(found)}.")
        for image in found:
            if image not in removed:
                print(f"The engine keeps {_names(image)}.")
    elif found:
        print("Nothing was changed. With --yes they are removed unasked.")
    if unproved:
        print(
            f"{unproved} more do not say whose they are (made by an older version, or without a data folder) and stay;"
            f" docker images --filter label={LABEL} lists them."
        )
    return 0 if not sure or len(removed) == len(found) else 1


def _list(found: list[stale.Stale]) -> None:
    if not found:
        print("No image is proved to be yours and of a sandbox that is gone.")
        return
    for home in sorted({image.home for image in found}):
        mine = [image for image in found if image.home == home]
        print(f"Of the sandbox in {home}, which is gone: {size_words(mine)}")
        print("\n".join(f"  {_names(image)}" for image in mine))


def size_words(images: list[stale.Stale]) -> str:
    """Return number and size in words: images share much, so that the sum is an upper bound."""
    one = "1 image" if len(images) == 1 else f"{len(images)} images"
    total = sum(image.size for image in images)
    return f"{one}, up to {total / 1e9:.1f} GB" if total >= _SMALL else f"{one}, up to {max(total / 1e6, 1):.0f} MB"


def _names(image: stale.Stale) -> str:
    return ", ".join(image.names) or image.id[:19]


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def image(sandbox: Sandbox, name: str, *, login: bool) -> int:
    """Build the image of a service; its name alone goes to standard output, for ``docker run $(…)``."""
    from pathlib import Path

    from amlwidgets.sandbox.configuration import find_config, read_config

    config = find_config(Path.cwd())
    made = sandbox.image(name, **(read_config(config) if config else {}))
    if login:
        host = made["registry"].partition("/")[0]
        print(f"echo {made['password']} | docker login {host} -u {made['user']} --password-stdin")
        return 0
    print(made["location"])
    print(f"Also: {made['registry']}", file=sys.stderr)
    return 0
