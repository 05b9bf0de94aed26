"""``amlwidgets doctor``: what works here and what is missing; safe to paste in public."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets._version import __version__
from amlwidgets.core.checks import Check, CheckState
from amlwidgets.core.redact import mask

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_NEEDED = {
    "azureml-core": ("azureml.core", "deploys; without it only texts and files can be diagnosed"),
    "ipywidgets": ("ipywidgets", "shows anything in a notebook"),
    "anywidget": ("anywidget", "shows anything in a notebook"),
    "plotly": ("plotly", "draws charts"),
    "docker": ("docker", "talks to a Docker engine"),
    "nbformat": ("nbformat", "writes runbooks"),
}
_MORE = ("jupyterlab", "notebook", "azureml-inference-server-http", "uv", "numpy", "numba", "hyperscan", "azure-ai-ml")
_LOW_DISK = 2 << 30
_ADDRESS = re.compile(
    r"\b((?:ssh|tcp|https?)://)(?!docs\.docker\.com/|learn\.microsoft\.com/)[^\s'\"]+?(?=[,;:.)]*(?:\s|$))"
)
# Folders of packages, devices and sockets are the same everywhere.
_FOLDERS = re.compile(r"(?:(?<![\w.~…/:])|(?<=unix://))/(?!(?:var/run|run|usr|etc|dev|proc)/)(?:[^\s/'\"]+/)+")
_MARKS = {CheckState.OK: "✓", CheckState.WARN: "!", CheckState.FAIL: "✕", CheckState.SKIP: "-"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the checks; exit code 1 when something fails without which nothing can be deployed."""
    checks = examine()
    if options.format == "json":
        print(json.dumps({"schema": 1, "checks": [check.to_dict() for check in checks]}))
    else:
        for check in checks:
            print(f"{_MARKS[check.state]} {check.title}: {check.detail}{f' {check.todo}' if check.todo else ''}")
    return int(any(check.state is CheckState.FAIL for check in checks))


def examine() -> list[Check]:
    """Return what works here and what is missing: nothing of it names the user, the machine or a subscription."""
    parts: list[Callable[[], list[Check]]] = [
        _machine,
        _packages,
        _workspace,
        _engine,
        _stale_images,
        _azure_cli,
        _disk,
        _rights,
    ]
    return [_public(check) for part in parts for check in part()]


def _public(check: Check) -> Check:
    """Leave out what only this machine has: secrets, addresses of engines, and folders but those of every system."""

    def shown(text: str) -> str:
        text = _ADDRESS.sub(r"\1…", mask(text.replace(str(Path.home()), "~")))
        return _FOLDERS.sub("…/", text)

    return Check(check.id, check.title, check.state, shown(check.looked_at), shown(check.detail), shown(check.todo))


def _machine() -> list[Check]:
    words = f"amlwidgets {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}."
    old = sys.version_info < (3, 11)
    todo = "Python 3.11 or newer is needed." if old else ""
    return [Check("machine", "Here", CheckState.FAIL if old else CheckState.OK, sys.executable, words, todo)]


def _packages() -> list[Check]:
    checks = []
    for name, (module, purpose) in _NEEDED.items():
        found = _version(name)
        if not found:
            words, todo = f"is not installed; it {purpose}.", f"Run: pip install {name}"
            checks.append(Check(name, name, CheckState.FAIL, module, words, todo))
        elif problem := _import_problem(module):
            words = f"{found}, which cannot be imported: {problem}"
            todo = "'setuptools<81'" if "pkg_resources" in problem else f"--force-reinstall {name}"
            checks.append(Check(name, name, CheckState.FAIL, module, words, f"Run: pip install {todo}"))
        else:
            checks.append(Check(name, name, CheckState.OK, module, f"{found}."))
    more = ", ".join(f"{name} {found}" for name in _MORE if (found := _version(name)))
    return [*checks, Check("more", "Also", CheckState.OK, "", f"{more or 'nothing else that matters'}.")]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _import_problem(module: str) -> str:
    """Return why a module cannot be imported; empty when it can."""
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - packages at odds with each other raise anything
        return f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return ""


def _workspace() -> list[Check]:
    from amlwidgets.services.worlds import in_sandbox

    title = "Workspace"
    if in_sandbox():
        return [Check("workspace", title, CheckState.OK, "", "This process is in the sandbox's world.")]
    places = [
        folder / sub for folder in (Path.cwd(), *Path.cwd().parents) for sub in (".azureml/config.json", "config.json")
    ]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        words = "No config.json from here upwards."
        return [Check("workspace", title, CheckState.WARN, "", words, "Practise without one: %aml sandbox on")]
    try:
        known = set(json.loads(found.read_text("utf-8"))) >= {"subscription_id", "resource_group", "workspace_name"}
    except (OSError, ValueError, TypeError):
        known = False
    words = "A config.json names one." if known else "The config.json cannot be read, or names none."
    todo = "" if known else "Download it again from the studio."
    return [Check("workspace", title, CheckState.OK if known else CheckState.WARN, str(found), words, todo)]


def _engine() -> list[Check]:
    from amlwidgets.services.local.engine import check_engine

    if _import_problem("docker"):
        return []
    # Only local containers need it.
    return [
        Check(c.id, c.title, CheckState.WARN if c.state is CheckState.FAIL else c.state, c.looked_at, c.detail, c.todo)
        for c in check_engine()
    ]


def _stale_images() -> list[Check]:
    from amlwidgets.services import doors

    if doors.stale_images is None or _import_problem("docker"):
        return []
    from amlwidgets.docker_engine import errors
    from amlwidgets.errors import AmlWidgetsError

    silent: tuple[type[BaseException], ...] = (*errors(), AmlWidgetsError)
    try:
        found = doors.stale_images()
    except silent:
        return []  # the check of the engine says why
    if not found:
        return []
    words = f"{found}, made by sandboxes whose state folder is gone."
    return [Check("images", "Images", CheckState.WARN, "", words, "See and remove them: amlwidgets sandbox prune")]


def _azure_cli() -> list[Check]:
    from amlwidgets.services.host import check_azure_cli

    return [check_azure_cli(needed=True)]


def _disk() -> list[Check]:
    from amlwidgets.services.journal import home

    place = home()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    free, writable = shutil.disk_usage(there).free, os.access(there, os.W_OK)
    state = CheckState.OK if free > _LOW_DISK and writable else CheckState.WARN
    words = f"{free / 1e9:.0f} GB free for the journal and the sandbox." if writable else "It cannot be written."
    todo = "" if state is CheckState.OK else "Set AMLWIDGETS_HOME to another folder."
    return [Check("data", "Data folder", state, str(place), words, todo)]


def _rights() -> list[Check]:
    """Return a warning for each folder of data that others of this machine can open."""
    from amlwidgets.services.journal import home
    from amlwidgets.services.rights import open_to

    named = {"AMLWIDGETS_HOME": home(), "AMLWIDGETS_SANDBOX_HOME": _sandbox_home()}
    return [
        _open_folder(variable, place, *found)
        for variable, place in named.items()
        if place is not None and all(found := open_to(place))
    ]


def _sandbox_home() -> Path | None:
    chosen = os.environ.get("AMLWIDGETS_SANDBOX_HOME")
    return Path(chosen).expanduser() if chosen else None


def _open_folder(variable: str, place: Path, who: str, what: str) -> Check:
    could = "could put other files in the place of yours" if what == "write" else "see the names of its files"
    words = f"{who} can open {variable if os.environ.get(variable) else 'the data folder'}, and {could}."
    todo = f"Run: chmod 700 {_for_a_shell(place, variable)}"
    return Check("rights", "Rights", CheckState.WARN, str(place), words, todo)


def _for_a_shell(place: Path, variable: str) -> str:
    """Return a folder for a command: by its variable where that names it as it is, for the doctor tells no folder."""
    if Path(os.environ.get(variable) or "~") == place:
        return f'"${variable}"'
    if place == Path.home():
        return "~"
    if place.is_relative_to(Path.home()):
        return f"~/{shlex.quote(str(place.relative_to(Path.home())))}"
    data = os.environ.get("XDG_DATA_HOME")
    return (
        f'"$XDG_DATA_HOME"/{shlex.quote(place.name)}'
        if data and Path(data) == place.parent
        else shlex.quote(str(place))
    )
