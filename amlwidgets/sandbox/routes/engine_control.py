"""Control routes about the Docker engine; like all of them they want the secret of the state folder."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from amlwidgets.errors import AmlWidgetsError
from amlwidgets.sandbox.api import ApiError, Call, Routes, json_response, scope_key
from amlwidgets.sandbox.engine import local_image, registry
from amlwidgets.sandbox.engine.packages import BuildError
from amlwidgets.sandbox.identity import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE
from amlwidgets.sandbox.routes.control import guard

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()


@ROUTES.add("POST", "/sandbox/image", open_=True)
def image(call: Call) -> Response:
    """Build the image of a service or of an older image for the engine; the answer has its names and the log."""
    guard(call)
    body = call.document()
    scope = scope_key(
        str(body.get("subscription_id") or SUBSCRIPTION),
        str(body.get("resource_group") or RESOURCE_GROUP),
        str(body.get("workspace_name") or WORKSPACE),
    )
    name, log, stop = str(body.get("name") or ""), list[str](), threading.Event()
    call.app.local_images[name] = (log, stop)
    try:
        names = local_image.make(call.app, scope, name, log.append, stop)
    except (AmlWidgetsError, BuildError) as exc:
        text = "".join(log)[-4000:]
        raise ApiError(409, "ImageNotBuilt", f"The image cannot be built: {exc}\n{text}") from exc
    finally:
        call.app.local_images.pop(name, None)
    names["password"] = registry.password(call.app.identity)
    return json_response({**names, "log": "".join(log)})


@ROUTES.add("POST", "/sandbox/image/log", open_=True)
def image_log(call: Call) -> Response:
    """Return what the build of an image has logged so far, from an offset; cancel it when that is asked."""
    guard(call)
    body = call.document()
    log, stop = call.app.local_images.get(str(body.get("name") or ""), ([], None))
    if stop is not None and body.get("cancel") is True:
        stop.set()
    text, offset = "".join(log), body.get("offset")
    return json_response(
        {"log": text[offset if isinstance(offset, int) and offset > 0 else 0 :], "builds": stop is not None}
    )
