"""Images of sandboxes whose state folder is gone: no sandbox removes them any more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.engine import ownership
from amlwidgets.sandbox.engine.client import LABEL, REPOSITORY, STORE
from amlwidgets.sandbox.images import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_STORED = re.compile(rf"{re.escape(STORE)}/[0-9a-f]{{12}}/(?P<rest>.+)")
_GIVEN = re.compile(rf"{re.escape(REPOSITORY)}/[\w.\-]+:latest|{re.escape(REGISTRY)}/(?P<rest>.+)")
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost):\d+/(?P<rest>.+)")
"""How names look that the sandbox gives; on loopback everybody's registries have names like these."""


@dataclass(frozen=True, slots=True)
class Stale:
    """An image that nobody uses any more.

    Attributes:
        id: Its digest.
        names: Its names; empty for one that a later build has taken the name of.
        size: Bytes; what it shares with others is counted for each.
        home: State folder of the sandbox that made it.
    """

    id: str
    names: tuple[str, ...]
    size: int
    home: str


def find(client: Any) -> list[Stale]:
    """Return this user's images of sandboxes that are gone, newest first.

    Left alone is what others made, what somebody built upon an image of ours or has given another name, and what a
    container uses.

    Args:
        client: A docker-py client.
    """
    if not (me := ownership.owner()):
        return []
    filters = {"label": [f"{ownership.OWNER}={me}", LABEL]}
    listed = sorted(client.api.images(filters=filters), key=lambda image: -image["Created"])
    homes = {str(image["Labels"][LABEL]) for image in listed}
    gone = {home for home in homes if _is_gone(Path(home))} - _at_work(homes)
    used = {container["ImageID"] for container in client.api.containers(all=True)}
    found = [_stale(image) for image in listed if image["Labels"][LABEL] in gone and image["Id"] not in used]
    return [image for image in found if _are_given(image.names) and _is_made(client, image.id)]


def remove(client: Any, images: Sequence[Stale]) -> list[Stale]:
    """Remove images by their names, never by force; return those that are gone.

    Args:
        client: A docker-py client.
        images: What :func:`find` has returned.
    """
    removed: list[Stale] = []
    # What others are built upon can be removed after these only.
    while gone := [image for image in images if image not in removed and _removed(client, image)]:
        removed += gone
    return removed


def unproved(client: Any) -> int:
    """Return how many images of sandboxes that are gone do not say whose they are.

    They are of an older version, or of a user whose data folder cannot be used.
    """
    labels = [image["Labels"] for image in client.api.images(filters={"label": LABEL})]
    homes = {str(label[LABEL]) for label in labels if ownership.OWNER not in label}
    gone = {home for home in homes if _is_gone(Path(home))} - _at_work(homes)
    return sum(ownership.OWNER not in label and label[LABEL] in gone for label in labels)


def _stale(image: dict[str, Any]) -> Stale:
    names = tuple(name for name in image["RepoTags"] or () if name != "<none>:<none>")
    return Stale(str(image["Id"]), names, int(image["Size"]), str(image["Labels"][LABEL]))


def _is_gone(home: Path) -> bool:
    """Whether there is no such folder; one that cannot be looked at is there."""
    if not home.is_absolute():
        return False
    try:
        home.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _at_work(homes: Iterable[str]) -> set[str]:
    """Return the state folders of sandboxes that run, also where their folder was deleted meanwhile."""
    import psutil

    said = {word for process in psutil.process_iter(["cmdline"]) for word in process.info["cmdline"] or ()}
    return said.intersection(homes)


def _are_given(names: Sequence[str]) -> bool:
    """Whether all names are such as the sandbox gives, or azureml-core to a local web service.

    The latter is one word, like many a name of a user: it counts where it stands alone.
    """
    if any("/" not in name for name in names):
        return len(names) == 1 and names[0].endswith(":latest")
    given = {name: _STORED.fullmatch(name) or _GIVEN.fullmatch(name) for name in names}
    known = {match["rest"] for match in given.values() if match} | {name for name, match in given.items() if match}
    others = (_LOOPBACK.fullmatch(name) for name, match in given.items() if not match)
    return all(match and (match["rest"] in known or match["rest"].startswith("open-")) for match in others)


def _is_made(client: Any, image: str) -> bool:
    from docker.errors import NotFound

    try:
        steps = client.api.history(image)
    except NotFound:
        return False
    return bool(steps) and ownership.is_last_step(str(steps[0]["CreatedBy"]))


def _removed(client: Any, image: Stale) -> bool:
    from docker.errors import APIError, NotFound

    for name in image.names or (image.id,):
        try:
            client.api.remove_image(name)
        except NotFound:
            continue
        except APIError:
            return False
    return True
