"""Conda's requirements, carried over to pip where a package is the same thing in both worlds."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_SPEC = re.compile(
    r"""^\s*(?:(?P<channel>[\w.\-/]+)::)?       # conda-forge::
        (?P<name>[A-Za-z0-9_][\w.\-]*)\s*
        (?P<rest>.*?)\s*$""",
    re.VERBOSE,
)
_VERSION = re.compile(r"^\d[\w.+!]*(\.\*|\*)?$")


class CondaSpecError(ValueError):
    """A requirement that conda itself would not read, or that cannot be carried over; the message says why."""


@dataclass(frozen=True, slots=True)
class CondaSpec:
    """One line of a conda file's dependencies.

    Attributes:
        name: Package name in lower case.
        constraint: The version part as pip writes it (``"==1.2.*"``), empty for any.
        text: The line as it stood.
    """

    name: str
    constraint: str
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A conda package that cannot be had here, and why (empty when it is simply not known)."""

    text: str
    why: str


@cache
def table() -> dict[str, Any]:
    """Return the table of packages (``conda_packages.toml``)."""
    return tomllib.loads(resources.files(__package__).joinpath("conda_packages.toml").read_text("utf-8"))


def parse(text: str) -> CondaSpec:
    """Read one requirement in conda's syntax.

    ``=1.2`` means every 1.2, ``==1.2`` exactly that, ``*`` anything; ``>=1,<2`` is the same as in pip. A bare version
    after a blank (``numpy 1.2``) is exact, as conda documents.

    Raises:
        CondaSpecError: not a requirement, alternatives (``1.2|1.3``), or a build string, which only conda has.
    """
    match = _SPEC.match(text)
    if match is None:
        raise CondaSpecError(f"invalid package specification: {text}")
    rest = re.sub(r"\s*([=<>!~,|])\s*", r"\1", match["rest"])
    if rest.startswith("["):
        raise CondaSpecError(f"{text}: the bracket syntax has no counterpart in pip")
    return CondaSpec(match["name"].lower(), _constraint(rest, text), text.strip())


def _constraint(rest: str, text: str) -> str:
    """Return pip's form of conda's version part."""
    if rest in ("", "*", "=*", "==*"):
        return ""
    if "|" in rest:
        raise CondaSpecError(f"{text}: alternatives (|) have no counterpart in pip")
    version, blank, build = rest.partition(" ")
    if not blank and version.startswith("=") and "=" in version.lstrip("="):
        version, _, build = version.rpartition("=")
    if build and build != "*":
        raise CondaSpecError(f"{text}: a build string ({build}) exists in conda only")
    return ",".join(_clause(part, text) for part in version.split(","))


def _clause(part: str, text: str) -> str:
    """Return one clause; conda's single ``=`` is a prefix match."""
    operator = re.match(r"^(===|==|>=|<=|!=|~=|>|<|=)?", part)
    sign = operator.group() if operator else ""
    version = part[len(sign) :]
    if not _VERSION.match(version):
        raise CondaSpecError(f"invalid version in: {text}")
    prefix = version.rstrip("*").rstrip(".")
    if sign == "=" or (sign in ("", "==", "!=") and version.endswith("*")):
        return f"{'!=' if sign == '!=' else '=='}{prefix}.*"
    return f"{sign or '=='}{prefix}"


def to_pip(spec: CondaSpec) -> str | Refusal | None:
    """Return the pip requirement that is the same thing, None when there is nothing to install, or a refusal."""
    data = table()
    if spec.name in data["ignored"]:
        return None
    if spec.name in data["refused"]:
        return Refusal(spec.text, data["refused"][spec.name])
    if spec.name in data["renamed"]:
        return f"{data['renamed'][spec.name]['pip']}{spec.constraint}"
    if spec.name in data["same"]["names"]:
        return f"{spec.name}{spec.constraint}"
    return Refusal(spec.text, "")
