"""Failures of image builds: real pip, uv and gcc."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from provoke.base import BIN, free_port, provokes, said

if TYPE_CHECKING:
    from pathlib import Path

PIP = (sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check")
SETUP = (
    "from setuptools import Extension, setup\n\n"
    "setup(name='fastthing', version='1.0', ext_modules=[Extension('fastthing', ['fastthing.c'])])\n"
)


def downloads(folder: Path, *requirements: str) -> str:
    return said(*PIP, "download", "--no-deps", "-d", "wheels", *requirements, cwd=folder)


@provokes("pip-package-not-found", "pip download idna==99.9", mark="network")
def pip_no_version(folder: Path) -> str:
    return downloads(folder, "idna==99.9")


@provokes("pip-package-not-found", "uv pip compile of a name that nobody has", mark="network")
def uv_no_package(folder: Path) -> str:
    return said(BIN / "uv", "pip", "compile", "-", cwd=folder, text="amlwidgets-no-such-thing-x1\n")


@provokes(
    "pip-dependency-conflict", "pip install --dry-run of packages whose pins contradict each other", mark="network"
)
def pip_conflict(folder: Path) -> str:
    return said(*PIP, "download", "-d", "wheels", "requests==2.31.0", "urllib3==2.3.0", "botocore==1.29.0", cwd=folder)


@provokes("pip-hash-mismatch", "pip download -r with a wrong sha256", mark="network")
def pip_hash(folder: Path) -> str:
    (folder / "r.txt").write_text(f"idna==3.4 --hash=sha256:{'0' * 64}\n")
    return downloads(folder, "-r", "r.txt")


@provokes("requirement-syntax-invalid", "pip download -r of a file with conda's single =", mark="network")
def pip_syntax(folder: Path) -> str:
    (folder / "r.txt").write_text("idna=3.4\n")
    return downloads(folder, "-r", "r.txt")


@provokes("requirement-syntax-invalid", "uv pip compile of idna=3.4", mark="network")
def uv_syntax(folder: Path) -> str:
    return said(BIN / "uv", "pip", "compile", "-", cwd=folder, text="idna=3.4\n")


@provokes("build-network-timeout", "pip download from an index that refuses connections", mark="network")
def pip_no_index(folder: Path) -> str:
    index = f"https://127.0.0.1:{free_port()}/simple"
    return said(
        *PIP, "download", "-i", index, "--retries", "1", "-d", "wheels", "idna", cwd=folder, PIP_CONFIG_FILE=os.devnull
    )


@provokes(
    "build-tool-missing",
    "pip wheel of a source package with a C module, without gcc on the PATH",
    mark="network",
    needs=("python:setuptools",),
)
def pip_no_gcc(folder: Path) -> str:
    (folder / "setup.py").write_text(SETUP)
    (folder / "fastthing.c").write_text("#include <Python.h>\n")
    return said(*PIP, "wheel", "--no-deps", "--no-build-isolation", ".", cwd=folder, PATH=str(folder), CC="gcc")


@provokes("build-tool-missing", "gcc of a C module whose header is not installed", mark="network", needs=("gcc",))
def gcc_no_header(folder: Path) -> str:
    (folder / "fast.c").write_text("#include <unixodbc/sql_x.h>\n")
    return said("gcc", "-c", "fast.c", cwd=folder)


@provokes("pip-uninstall-blocked", "pip install over a package that distutils has installed", mark="network")
def pip_distutils(folder: Path) -> str:
    subprocess.run([BIN / "uv", "venv", "-q", "--seed", "-p", sys.executable, "env"], cwd=folder, check=True)
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    (site / "PyYAML-3.11.egg-info").write_text("Metadata-Version: 1.1\nName: PyYAML\nVersion: 3.11\n")
    return said(folder / "env" / "bin" / "python", "-m", "pip", "install", "PyYAML==6.0.2", cwd=folder)


@provokes(
    "image-build-out-of-disk", "pip download into a file system of 300 kB", mark="network", needs=("root", "mount")
)
def pip_disk_full(folder: Path) -> str:
    full = folder / "small"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(full)], check=True)
    try:
        return said(*PIP, "download", "--no-deps", "-d", full, "numpy", cwd=folder, TMPDIR=str(full))
    finally:
        subprocess.run(["umount", str(full)], check=True)


@provokes(
    "missing-system-library", "importing a C library whose own library was removed", needs=("gcc",), mark="network"
)
def no_shared_library(folder: Path) -> str:
    (folder / "a.c").write_text("int a(void) { return 1; }\n")
    (folder / "b.c").write_text("int a(void); int b(void) { return a(); }\n")
    for command in (
        ["gcc", "-shared", "-fPIC", "-Wl,-soname,libgomp-x.so.1", "-o", "libgomp-x.so.1", "a.c"],
        ["gcc", "-shared", "-fPIC", "-o", "libmodel.so", "b.c", "./libgomp-x.so.1"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    (folder / "libgomp-x.so.1").unlink()
    (folder / "score.py").write_text("import ctypes\n\nctypes.CDLL('./libmodel.so')\n")
    return said(sys.executable, "score.py", cwd=folder)


@provokes("pip-package-not-found", "uv pip compile for a Python that the package no longer supports", mark="network")
def uv_python_too_old(folder: Path) -> str:
    return said(BIN / "uv", "pip", "compile", "--python-version", "3.7", "-", cwd=folder, text="numpy==1.26.4\n")


@provokes("pip-package-not-found", "pip install of a package that asks for a newer Python", mark="network")
def pip_python_too_old(folder: Path) -> str:
    (folder / "newer").mkdir()
    (folder / "newer" / "pyproject.toml").write_text(
        '[project]\nname = "newer"\nversion = "1.0"\nrequires-python = ">=3.99"\n'
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    return said(*PIP, "install", "--dry-run", "--no-deps", "./newer", cwd=folder)
