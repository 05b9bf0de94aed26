"""The machine's pip configuration, told to uv: both must see the same indexes, folders and certificates."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")

_TRUE = {"1", "true", "yes", "on"}


def pip_command() -> list[str] | None:
    """Return the command that runs pip: the installed one, or the wheel that Python itself ships."""
    from importlib.util import find_spec

    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    spec = find_spec("ensurepip")
    folder = Path(spec.origin).parent / "_bundled" if spec and spec.origin else Path("/nonexistent")
    wheels = sorted(folder.glob("pip-*.whl"))
    return [sys.executable, f"{wheels[-1]}/pip"] if wheels else None


def pip_settings(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return pip's effective settings for ``install``: files, then the section ``install``, then the environment."""
    command = pip_command()
    if command is None:
        return {}
    answer = subprocess.run(
        [*command, "config", "list"],
        env=None if environment is None else dict(environment),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return parse_settings(answer.stdout) if answer.returncode == 0 else {}


def parse_settings(listing: str) -> dict[str, str]:
    """Read the lines of ``pip config list`` (``global.index-url='…'``), the more specific section winning."""
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        section, _, option = name.partition(".")
        if equals and section in sections:
            sections[section][option.lstrip(".").replace("_", "-")] = str(ast.literal_eval(value))
    return sections["global"] | sections["install"] | sections[":env:"]


def _words(value: str) -> str:
    return " ".join(value.split())


def _commas(value: str) -> str:
    return ",".join(value.split())


def _flag(value: str) -> str:
    return "1" if value.strip().lower() in _TRUE else ""


_TRANSLATION: dict[str, tuple[str, Callable[[str], str]]] = {
    "index-url": ("UV_DEFAULT_INDEX", str.strip),
    "extra-index-url": ("UV_INDEX", _words),
    "find-links": ("UV_FIND_LINKS", _commas),
    "trusted-host": ("UV_INSECURE_HOST", _words),
    "default-timeout": ("UV_HTTP_TIMEOUT", str.strip),
    "timeout": ("UV_HTTP_TIMEOUT", str.strip),
    "cert": ("SSL_CERT_FILE", str.strip),
    "client-cert": ("SSL_CLIENT_CERT", str.strip),
    "proxy": ("ALL_PROXY", str.strip),
    "constraint": ("UV_CONSTRAINT", _words),
    "pre": ("UV_PRERELEASE", lambda value: "allow" if _flag(value) else ""),
}


def uv_environment(settings: Mapping[str, str], base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for uv. What the user set for uv itself is kept.

    Variables rather than options, so that a password in an index address never shows in the list of processes.
    """
    environment = dict(os.environ if base is None else base)
    for name in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "CONDA_PREFIX"):
        environment.pop(name, None)
    for option, (variable, translate) in _TRANSLATION.items():
        value = translate(settings[option]) if option in settings else ""
        if value:
            environment.setdefault(variable, value)
    # pip takes the best version of all indexes; uv by default stops at the first index that has the name.
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    environment |= {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
    return environment


def uv_options(settings: Mapping[str, str]) -> list[str]:
    """Return the settings for which uv has options only, no variables."""
    options = ["--no-index"] if _flag(settings.get("no-index", "")) else []
    for name in ("only-binary", "no-binary"):
        for package in settings.get(name, "").replace(",", " ").split():
            options += [f"--{name}", package]
    return options


def fingerprint(settings: Mapping[str, str], base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the part of the configuration that decides what gets installed, without credentials."""
    environment = uv_environment(settings, base) | {"options": " ".join(uv_options(settings))}
    names = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "options", "UV_CONSTRAINT", "UV_PRERELEASE",
             "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX_STRATEGY")  # fmt: skip
    return {name: _USERINFO.sub("", environment[name]) for name in names if name in environment}


def masked(text: str) -> str:
    """Return ``text`` without user names and passwords in addresses."""
    return _USERINFO.sub("****@", text)
