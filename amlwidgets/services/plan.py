"""Which azureml-core calls each stage makes. Pure: a specification in, ``Call`` objects out.

Source: azureml-core 1.61 (``Model.register``, ``Environment.build``, ``Image.create``, ``Model.deploy``,
``Webservice``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.core.spec import DeploymentSpec, ModelSource
from amlwidgets.core.stages import Stage, Target
from amlwidgets.services.code import Call, Ref

if TYPE_CHECKING:
    from collections.abc import Callable

_MODEL = "azureml.core.model"
_ENVIRONMENT = "azureml.core.environment"
_WEBSERVICE = "azureml.core.webservice"
_IMAGE = "azureml.core.image"


def calls_of(stage: Stage, spec: DeploymentSpec) -> list[Call]:
    """Return the calls of ``stage``, in order.

    They share the variables ws, model, environment and build (or image), and service.
    """
    return _PLANS[stage](spec)


def _preflight(spec: DeploymentSpec) -> list[Call]:  # noqa: ARG001 - every plan takes the specification
    return [Call("Workspace.from_config", result="ws", module="azureml.core")]


def _register(spec: DeploymentSpec) -> list[Call]:
    if spec.model_source == ModelSource.REGISTERED:
        version: dict[str, Any] = {"version": spec.model_version} if spec.model_version else {}
        return [Call("Model", {"name": spec.model_name, **version}, "model", _MODEL, (Ref("ws"),))]
    if spec.model_source == ModelSource.RUN:
        return [
            Call("Run.get", {"run_id": spec.run_id}, "run", "azureml.core", (Ref("ws"),)),
            Call("run.register_model", {"model_name": spec.model_name, "model_path": spec.model_path}, "model"),
        ]
    arguments = {"workspace": Ref("ws"), "model_path": spec.model_path, "model_name": spec.model_name}
    return [Call("Model.register", arguments, "model", _MODEL)]


def environment_call(spec: DeploymentSpec) -> Call:
    """Return the call that defines the environment; it costs nothing and is made again after a restart."""
    if spec.conda_file:
        arguments = {"name": spec.environment_label, "file_path": spec.conda_file}
        return Call("Environment.from_conda_specification", arguments, "environment", _ENVIRONMENT)
    return Call("Environment.get", {"name": spec.environment_name}, "environment", _ENVIRONMENT, (Ref("ws"),))


def _image(spec: DeploymentSpec) -> list[Call]:
    if spec.uses_image:
        return _image_create(spec)
    return [
        environment_call(spec),
        Call("environment.build", {}, "build", positional=(Ref("ws"),)),
        Call("build.wait_for_completion", {"show_output": True}),
    ]


def _image_create(spec: DeploymentSpec) -> list[Call]:
    config = {"execution_script": spec.entry_script, "runtime": "python", "conda_file": spec.conda_file}
    create = {
        "workspace": Ref("ws"),
        "name": spec.image_label,
        "models": [Ref("model")],
        "image_config": Ref("image_config"),
    }
    return [
        Call("ContainerImage.image_configuration", config, "image_config", _IMAGE),
        Call("Image.create", create, "image", _IMAGE),
        Call("image.wait_for_creation", {"show_output": True}),
    ]


def _deployment_config(spec: DeploymentSpec) -> Call:
    if spec.target == Target.LOCAL:
        return Call("LocalWebservice.deploy_configuration", {"port": spec.port}, "deployment_config", _WEBSERVICE)
    kind = "AksWebservice" if spec.target == Target.AKS else "AciWebservice"
    arguments = {"cpu_cores": spec.cpu_cores, "memory_gb": spec.memory_gb, "auth_enabled": spec.auth_enabled}
    return Call(f"{kind}.deploy_configuration", arguments, "deployment_config", _WEBSERVICE)


def _schedule(spec: DeploymentSpec) -> list[Call]:
    deploy: dict[str, Any] = {"workspace": Ref("ws"), "name": spec.service_name}
    if spec.uses_image:
        deploy["image"] = Ref("image")
    else:
        deploy |= {"models": [Ref("model")], "inference_config": Ref("inference_config")}
    deploy["deployment_config"] = Ref("deployment_config")
    before: list[Call] = []
    if spec.target == Target.AKS:
        before = [Call("AksCompute", {}, "cluster", "azureml.core.compute", (Ref("ws"), spec.aks_cluster))]
        deploy["deployment_target"] = Ref("cluster")
    deploy["overwrite"] = True
    if spec.uses_image:
        return [
            *before,
            _deployment_config(spec),
            Call("Webservice.deploy_from_image", deploy, "service", _WEBSERVICE),
        ]
    return [
        *before,
        _inference_config(spec),
        _deployment_config(spec),
        Call("Model.deploy", deploy, "service", _MODEL),
    ]


def _inference_config(spec: DeploymentSpec) -> Call:
    inference: dict[str, Any] = {"entry_script": spec.entry_script}
    if spec.source_directory:
        inference["source_directory"] = spec.source_directory
    inference["environment"] = Ref("environment")
    return Call("InferenceConfig", inference, "inference_config", _MODEL)


def _start(spec: DeploymentSpec) -> list[Call]:  # noqa: ARG001 - every plan takes the specification
    return [
        Call("service.wait_for_deployment", {"show_output": True}),
        Call("service.get_logs", prints=True),
    ]


def _score(spec: DeploymentSpec) -> list[Call]:
    return [Call("service.run", {"input_data": spec.sample}, "prediction")]


_PLANS: dict[Stage, Callable[[DeploymentSpec], list[Call]]] = {
    Stage.PREFLIGHT: _preflight,
    Stage.REGISTER: _register,
    Stage.IMAGE: _image,
    Stage.SCHEDULE: _schedule,
    Stage.START: _start,
    Stage.SCORE: _score,
}
