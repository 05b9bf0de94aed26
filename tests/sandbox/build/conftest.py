"""A package index of our own: real wheels in a folder, so that real uv and real pip resolve without a network."""

from __future__ import annotations

import os
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from amlwidgets.sandbox.build import UvBuilder

if TYPE_CHECKING:
    from pathlib import Path

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"

_SLOW_BACKEND = """
import os, pathlib, time, zipfile
gate = pathlib.Path({gate!r})
def build_wheel(folder, config_settings=None, metadata_directory=None):
    with (gate / "builds").open("a") as log:
        log.write(str(os.getpid()) + chr(10))
    deadline = time.monotonic() + 60
    while not (gate / "open").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    name = "slow-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("slow.py", "")
        wheel.writestr("slow-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: slow\\nVersion: 1.0\\n")
        wheel.writestr("slow-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("slow-1.0.dist-info/RECORD", "")
    return name
"""


def write_wheel(folder: Path, name: str, version: str, requires: tuple[str, ...] = ()) -> None:
    """Write a real wheel with one empty module."""
    info = f"{name}-{version}.dist-info"
    metadata = "".join(f"Requires-Dist: {line}\n" for line in requires)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def write_slow_source(folder: Path, gate: Path) -> None:
    """Write a source package whose build waits until ``gate/open`` exists, and notes each build in ``gate/builds``."""
    base, source = "slow-1.0", folder / "slow-1.0"
    source.mkdir()
    (source / "backend.py").write_text(_SLOW_BACKEND.format(gate=str(gate)))
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "slow"\nversion = "1.0"\n'
    )
    (source / "PKG-INFO").write_text("Metadata-Version: 2.2\nName: slow\nVersion: 1.0\n")
    with tarfile.open(folder / f"{base}.tar.gz", "w:gz") as archive:
        archive.add(source, base)


def definition(*conda: str, pip: tuple[str, ...] = (), python: str = f"python={MINOR}", **more) -> dict:
    """Return an environment definition in the form in which the client sends it."""
    dependencies = [*([python] if python else []), *conda, {"pip": list(pip)}]
    return {
        "name": "some-name",
        "version": None,
        "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
        "python": {
            "userManagedDependencies": False,
            "interpreterPath": "python",
            "condaDependencies": {"name": "project", "channels": ["conda-forge"], "dependencies": dependencies},
        },
        "docker": {"baseImage": "mcr.example/base:1", "baseDockerfile": None, "buildContext": None},
        "inferencingStackVersion": None,
        **more,
    }


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "apple", "1.0")
    write_wheel(folder, "apple", "2.0")
    write_wheel(folder, "pie", "1.0", ("apple<2",))
    return folder


@pytest.fixture
def offline(wheels, tmp_path) -> dict[str, str]:
    """Variables under which pip and uv know the folder of wheels and nothing else."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
    return kept | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
    }


@pytest.fixture
def gate(tmp_path, offline) -> Path:
    """A folder: ``slow`` can be installed, and its build waits until ``gate/open`` exists."""
    folder, sources = tmp_path / "gate", tmp_path / "sources"
    folder.mkdir()
    sources.mkdir()
    write_slow_source(sources, folder)
    offline["PIP_FIND_LINKS"] += f" {sources}"
    return folder


@pytest.fixture
def builder(tmp_path, offline) -> UvBuilder:
    return UvBuilder(tmp_path / "images", environment=offline)
