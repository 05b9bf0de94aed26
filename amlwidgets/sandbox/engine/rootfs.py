"""Makes a root file system of the machine's own distribution, with Python, for the base image.

``mmdebstrap`` does it with the machine's own apt: same mirrors, same keys, no chroot to clean up, and it works for root
as well as, by user namespaces, for everybody else. It is in Debian and Ubuntu; elsewhere an image is pulled instead.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from amlwidgets.errors import NotInstalled, ServiceFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PACKAGES = ("ca-certificates", "python3", "python3-venv", "libgomp1")
"""libgomp1 is what the wheels of scikit-learn, xgboost and lightgbm expect of a system."""

_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")
_SECONDS = 1800


def available() -> bool:
    """Whether this machine can make one."""
    return shutil.which("mmdebstrap") is not None and _suite() is not None


def make(target: Path, say: Callable[[str], None]) -> None:
    """Write the root file system as a tar archive.

    Args:
        target: The archive.
        say: Receives what is being done, a line at a time.

    Raises:
        NotInstalled: ``mmdebstrap`` is absent, or the system has no apt.
        ServiceFailed: It failed; the message ends with its last line.
    """
    suite = _suite()
    if not available() or suite is None:
        raise NotInstalled(
            "The program mmdebstrap is not here, with which a base image is made.",
            code="no-mmdebstrap",
            todo="Install it: sudo apt-get install mmdebstrap",
        )
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command += [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
    command += [suite, str(target), *_mirrors(suite)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        errors="replace", env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    )  # fmt: skip
    last = ""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    with process.stdout as lines:
        for line in lines:
            last = line.strip() or last
            if line.startswith(("I: ", "W: ", "E: ")):
                say(f"mmdebstrap: {line[3:].strip()}")
    if process.wait(_SECONDS):
        raise ServiceFailed(
            f"The root file system of the base image could not be made: {last}",
            code="base-rootfs",
            todo="See what mmdebstrap said above; a mirror of the distribution has to be reachable.",
        )


def _suite() -> str | None:
    """Return the code name of this Debian or Ubuntu, None elsewhere."""
    if shutil.which("apt-get") is None:
        return None
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME")
    except OSError:
        return None


def _mirrors(suite: str) -> list[str]:
    """Return the machine's own mirror; none where it cannot be told, which takes the distribution's."""
    answer = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY)"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    for line in answer.stdout.splitlines():
        match = re.fullmatch(r"(\S+) (\S+) main Packages", line)
        if match and match[2] == suite:
            return [match[1]]
    return []
