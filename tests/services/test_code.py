import ast

import pytest

from amlwidgets.core.spec import DeploymentSpec, ModelSource
from amlwidgets.core.stages import STAGES, Generation, Stage, Target
from amlwidgets.services.code import Call, Ref, execute, render
from amlwidgets.services.plan import calls_of

SPECS = {
    "aci": DeploymentSpec(model_path="m.pkl", model_name="m", conda_file="env.yml", service_name="svc"),
    "aks": DeploymentSpec(target=Target.AKS, aks_cluster="c", conda_file="e.yml", source_directory="src"),
    "image": DeploymentSpec(generation=Generation.IMAGE_CREATE, model_name="m", conda_file="e.yml", service_name="svc"),
    "image-aks": DeploymentSpec(generation=Generation.IMAGE_CREATE, target=Target.AKS, aks_cluster="c"),
    "image-local": DeploymentSpec(generation=Generation.IMAGE_CREATE, target=Target.LOCAL, conda_file="e.yml"),
    "local": DeploymentSpec(target=Target.LOCAL, environment_name="AzureML-x"),
    "registered": DeploymentSpec(model_source=ModelSource.REGISTERED, model_name="m", model_version=3),
    "run": DeploymentSpec(model_source=ModelSource.RUN, run_id="r1", model_path="outputs/m.pkl", model_name="m"),
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("stage", STAGES)
def test_the_shown_code_is_python(stage, name):
    ast.parse(render(calls_of(stage, SPECS[name])))


def test_code_and_call_are_the_same_thing():
    calls = [
        Call("Fraction", {"numerator": 3, "denominator": 4}, "part", "fractions"),
        Call("part.limit_denominator", {"max_denominator": 2}, "rough"),
        Call("dumps", {}, "text", "json", ([Ref("name"), "it's", 'say "x"', None],)),
    ]
    called = {"name": "n"}
    for call in calls:
        execute(call, called)
    shown = {"name": "n"}
    exec(render(calls), shown)  # noqa: S102 - the very code that is shown
    assert {k: shown[k] for k in ("part", "rough", "text")} == {k: called[k] for k in ("part", "rough", "text")}


def functions(stage, name):
    return [call.function for call in calls_of(stage, SPECS[name])]


def test_the_older_api_makes_an_image_and_deploys_it():
    assert functions(Stage.IMAGE, "image") == [
        "ContainerImage.image_configuration",
        "Image.create",
        "image.wait_for_creation",
    ]
    assert functions(Stage.SCHEDULE, "image") == ["AciWebservice.deploy_configuration", "Webservice.deploy_from_image"]
    assert functions(Stage.SCHEDULE, "image-aks")[0] == "AksCompute"
    assert "deployment_target=cluster" in render(calls_of(Stage.SCHEDULE, SPECS["image-aks"]))
    # A local service runs no Image.
    for stage in STAGES:
        assert functions(stage, "image-local") == [
            name.replace("Environment.get", "Environment.from_conda_specification")
            for name in functions(stage, "local")
        ]


def test_long_calls_are_broken_and_imports_are_grouped():
    code = render(calls_of(Stage.SCHEDULE, SPECS["aci"]))
    assert "from azureml.core.model import InferenceConfig, Model\n" in code
    assert max(len(line) for line in code.splitlines()) <= 96
