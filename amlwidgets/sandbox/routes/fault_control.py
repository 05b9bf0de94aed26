"""Faults that a test asks for; see :mod:`amlwidgets.sandbox.faults`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.sandbox.api import ApiError, Call, Routes, json_response
from amlwidgets.sandbox.routes.control import guard

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()


@ROUTES.add("POST", "/sandbox/faults", open_=True)
def set_faults(call: Call) -> Response:
    """Replace the rules."""
    guard(call)
    rules = call.document().get("rules")
    if not isinstance(rules, list):
        raise ApiError(400, "BadRequest", "rules has to be a list.")
    call.app.faults.set(rules)
    return json_response({"faults": call.app.faults.view()})


@ROUTES.add("GET", "/sandbox/faults", open_=True)
def get_faults(call: Call) -> Response:
    """Return the rules, with what they have done so far."""
    guard(call)
    return json_response({"faults": call.app.faults.view()})
