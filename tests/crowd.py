"""A sandbox whose store is full: clones of one real model and one real service, for tests and benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sandbox_support as support

from amlwidgets.sandbox import services
from amlwidgets.sandbox.store import Store

MODELS, SERVICES = 1000, 200
_ORIGINALS = """
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice
model = Model.register(ws, model_path="m.txt", model_name="model-0")
env = Environment.from_conda_specification("none", "myenv.yml")
config = AciWebservice.deploy_configuration(cpu_cores=0.5, memory_gb=0.5)
service = Model.deploy(ws, "service-0", [model], InferenceConfig(entry_script="score.py", environment=env), config)
print(failure(service.wait_for_deployment))
"""


def populate(home: Path, folder: Path) -> Any:
    """Start a sandbox on ``home`` with many models and services; ``folder`` holds what the originals are made of.

    The services have failed (their environment cannot be built), so that no containers are needed.
    """
    sandbox = support.start_sandbox(home)
    support.run_client(_ORIGINALS, folder, sandbox)
    sandbox.stop()
    store = Store(home)
    ((scope, service),) = store.scoped(services.KIND)
    (model,) = store.all("model")
    assert service["state"] == "Failed", json.dumps(service)[:500]
    with store.transaction():
        for number in range(1, MODELS):
            name = f"model-{number}"
            store.put("model", scope, name, model | {"name": name, "id": f"{name}:1"}, 1)
        for number in range(1, SERVICES):
            name = f"service-{number}"
            request = service["environmentImageRequest"] | {"modelIds": [f"model-{number}:1"]}
            clone = service | {"name": name, "label": f"label-{number}", "environmentImageRequest": request}
            store.put(services.KIND, scope, name, clone)
    store.close()
    return support.start_sandbox(home)
