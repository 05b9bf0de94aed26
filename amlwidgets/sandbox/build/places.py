"""Further places of packages that a conda file names: those that do not answer are left out, and the log says so.

``CondaDependencies.create()`` writes two old addresses of the public index into every file. Where one does not answer,
pip warns, tries the others and goes on; uv ends. So they are tried first.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from amlwidgets.sandbox.protocols import Write

SECONDS = 5.0
"""How long a place may take to answer."""

_FURTHER = ("--extra-index-url", "--find-links", "-f")


def answering(requirements: Iterable[str], write: Write, *, answers: Callable[[str], bool] | None = None) -> list[str]:
    """Return ``requirements`` without further places that cannot be reached.

    Args:
        requirements: Lines of a requirements file.
        write: Receives a line for each place that is left out; only its host is named, as addresses hold passwords.
        answers: Says whether an address answers; None asks it.
    """
    ask = answers or _answers
    known: dict[str, bool] = {}
    kept = []
    for line in requirements:
        address = _further_place(line)
        if address:
            host = urlsplit(address).hostname or ""
            if host not in known:
                known[host] = ask(address)
                if not known[host]:
                    write(f"sandbox: {host} does not answer; packages are looked for in the other places\n")
            if not known[host]:
                continue
        kept.append(line)
    return kept


def _further_place(line: str) -> str:
    """Return the web address of a further place that a line names; empty for every other line."""
    word, _, rest = line.strip().replace("=", " ", 1).partition(" ")
    address = rest.strip()
    return address if word in _FURTHER and address.startswith(("http://", "https://")) else ""


def _answers(address: str) -> bool:
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - http and https only, see above
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True  # it answers, whatever it says
    except (OSError, ValueError):
        return False
