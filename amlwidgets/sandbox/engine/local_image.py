"""Images for the shell: what a deployed service or an older image holds, as an image of this machine's engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.docker_engine import engine
from amlwidgets.sandbox import container_images, services
from amlwidgets.sandbox.api import NOT_FOUND, ApiError
from amlwidgets.sandbox.engine import base, registry
from amlwidgets.sandbox.engine.packages import Packages
from amlwidgets.sandbox.images import REGISTRY

if TYPE_CHECKING:
    import threading

    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.protocols import Write


def find(app: App, scope: str, wanted: str) -> tuple[str, dict[str, Any]]:
    """Return the image name (``repository:tag``) and content of a service, or of an image ``name[:version]``.

    Args:
        app: The sandbox.
        scope: Key of the workspace.
        wanted: Name of the service or the image; an image's location counts as well.

    Raises:
        ApiError: There is neither, or the image was not built.
    """
    wanted = wanted.removeprefix(f"{REGISTRY}/")
    service = app.store.get(services.KIND, scope, wanted)
    if service is not None and not service.get("imageId"):
        return f"{wanted}:{max(1, service['revision'])}", service["environmentImageRequest"]
    if service is not None:
        wanted = service["imageId"]
    if ":" not in wanted:
        newest = app.store.latest(container_images.KIND, scope, wanted)
        if newest is None:
            raise ApiError(NOT_FOUND, "NotFound", f"There is neither a service nor an image {wanted}.")
        wanted = container_images.identifier(newest)
    return wanted, container_images.for_service(app, scope, wanted)


def make(app: App, scope: str, wanted: str, write: Write, stop: threading.Event | None = None) -> dict[str, str]:
    """Build the image of a service, or an older image, and give it the names under which it can be run.

    Returns:
        ``location`` (the name that Azure's registry would have, known to this engine only) and ``registry`` (the
        name by which it can be pulled from the sandbox); ``base`` (what it was built on, in words).

    Raises:
        ApiError: There is no such thing.
        BuildError: It cannot be built.
    """
    name, request = find(app, scope, wanted)
    with engine() as client:
        write(f"sandbox: {base.words(client, app.home)}\n")
    served = Packages(app).image(scope, request, name, write, stop=stop)
    repository, _, tag = name.rpartition(":")
    with engine() as client:
        client.images.get(served).tag(f"{REGISTRY}/{repository}", tag)
        chosen = base.words(client, app.home)
    return {"location": f"{REGISTRY}/{name}", "registry": served, "user": registry.USER, "base": chosen}
