"""Which interpreter carries an environment."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from amlwidgets.sandbox.build.interpreters import Interpreter, choose, present
from amlwidgets.sandbox.build.tools import Tools

HERE = [Interpreter(version, Path("/x")) for version in ("3.12.1", "3.11.7", "3.11.2", "3.8.18")]


@pytest.mark.parametrize(
    ("constraint", "version"),
    [
        ("==3.11.*", "3.11.7"),
        ("==3.11.2", "3.11.2"),
        (">=3.8,<3.12", "3.11.7"),
        ("==3.8.13.*", "3.8.18"),  # same minor version: what is built for the one runs on the other
        ("==3.8.13", "3.8.18"),
        ("==3.9.*", None),
        (">=3.13", None),
    ],
)
def test_choice(constraint, version):
    chosen = choose(constraint, HERE)
    assert (chosen.version if chosen else None) == version


def test_our_own_interpreter_is_present_and_newest_comes_first():
    found = present(Tools.find_uv())
    assert platform.python_version() in [i.version for i in found]
    minors = [tuple(map(int, i.version.split("."))) for i in found]
    assert minors == sorted(minors, reverse=True)
    assert choose("", found).version == platform.python_version()
    assert choose("", found).minor == ".".join(platform.python_version_tuple()[:2])
