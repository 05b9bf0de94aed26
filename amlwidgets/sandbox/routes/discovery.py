"""Where the services of a workspace are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.sandbox.api import Call, Routes, json_response
from amlwidgets.sandbox.identity import REGION

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()


@ROUTES.add("GET", "/discovery", open_=True)
def discovery(_call: Call) -> Response:
    """Return the base addresses; they never change, since azureml-core keeps them in a file for good."""
    experiments = f"https://{REGION}.experiments.azureml.net"
    return json_response(
        {
            "api": f"https://{REGION}.api.azureml.ms",
            "experimentation": experiments,
            "history": experiments,
            "hyperdrive": experiments,
            "modelmanagement": f"https://{REGION}.modelmanagement.azureml.net",
            "studio": "https://ml.azure.com",
        }
    )
