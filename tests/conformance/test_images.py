"""The older API with the unmodified azureml-core: images, services of images, and the ways in which they fail."""

from __future__ import annotations

import pytest
import sandbox_support as support

pytestmark = [pytest.mark.sandbox, pytest.mark.network]


@pytest.fixture(autouse=True)
def empty(sandbox):
    """Versions count from 1, whatever a test before this one left."""
    sandbox.reset()


IMAGES = """
from azureml.core import Model
from azureml.core.image import ContainerImage, Image
from azureml.core.webservice import AciWebservice, Webservice
import requests
def register(name="serve"):
    return Model.register(ws, model_path="m.txt", model_name=name)
def configuration(**more):
    return ContainerImage.image_configuration(**({"execution_script": "score.py", "runtime": "python",
                                                  "conda_file": "myenv.yml"} | more))
def build(name, models=(), **more):
    image = Image.create(name=name, models=list(models), image_config=configuration(**more), workspace=ws)
    image.wait_for_creation(show_output=True)
    return image
ACI = AciWebservice.deploy_configuration(cpu_cores=0.5, memory_gb=0.5)
"""


def test_create_list_pick_and_change_images(run):
    found = run(
        IMAGES
        + """
model = register()
first = Image.create(name="one", models=[model], image_config=configuration(tags={"area": "x"}), workspace=ws)
created = first.creation_state
first.wait_for_creation(show_output=True)
second = ContainerImage.create(name="one", models=[], image_config=configuration(description="newer"), workspace=ws)
second.wait_for_creation()
other = build("two", [model])
log = requests.get(first.image_build_log_uri).text
dockerfile = requests.get(first.generated_dockerfile_uri).text
by_tag = [Image(ws, "one", tags=[["area", "x"]]).id, failure(Image, ws, "two", tags=["area"])]
first.add_tags({"more": "1"})
first.add_properties({"p": "q"})
again = Image(ws, id="one:1")
first.update({"only": "this"})
serialized = first.serialize()
result({
    "states": [created, first.creation_state], "ids": [first.id, second.id, other.id],
    "mapping": sorted((name, image.version) for name, image in ws.images.items()),
    "newest": Image(ws, "one").id, "by version": Image(ws, "one", version=1).id,
    "by tag": by_tag,
    "listed": sorted(i.id for i in Image.list(ws, image_name="one")),
    "with model": sorted(i.id for i in Image.list(ws, model_name="serve")),
    "with id": sorted(i.id for i in Image.list(ws, model_id=model.id)),
    "location": first.image_location, "models": [m.id for m in again.models], "kind": type(again).__name__,
    "tags": [again.tags, Image(ws, id="one:1").tags], "properties": Image(ws, id="one:1").properties,
    "serialized": [serialized["id"], serialized["imageFlavor"], serialized["assets"][0]["id"]],
    "log": log, "dockerfile": dockerfile, "missing": failure(Image, ws, "none"),
    "model in use": failure(model.delete), "description": second.description,
})
for image in (first, second, other):
    image.delete()
assert not ws.images
model.delete()
"""
    )
    assert found["states"][1] == "Succeeded"
    assert found["ids"] == ["one:1", "one:2", "two:1"]
    assert found["mapping"] == [["one", 2], ["two", 1]]
    assert (found["newest"], found["by version"]) == ("one:2", "one:1")
    assert found["by tag"][0] == "one:1"
    assert "ImageNotFound: Image with name two, tags ['area'] not found" in found["by tag"][1]
    assert found["listed"] == ["one:1", "one:2"]
    assert found["with model"] == found["with id"] == ["one:1", "two:1"]
    assert found["location"].endswith(".azurecr.io/one:1")
    assert (found["models"], found["kind"]) == (["serve:1"], "ContainerImage")
    assert found["tags"] == [{"area": "x", "more": "1"}, {"only": "this"}]
    assert found["properties"]["p"] == "q"
    assert found["serialized"] == ["one:1", "WebApiContainer", "driver"]
    assert "models added: serve:1" in found["log"]
    assert "azureml-model-management-sdk==1.0.1b6.post1" in found["log"]
    assert "sandbox: tagged " in found["log"]
    assert found["dockerfile"].splitlines()[0].startswith("FROM ")
    assert "ADD score.py /var/azureml-app/score.py" in found["dockerfile"]
    assert "ImageNotFound: Image with name none" in found["missing"]
    assert "serve:1 is in the images one:1, two:1" in found["model in use"]
    assert found["description"] == "newer"


def test_the_first_poll_does_not_wait_for_the_build(run, tmp_path):
    (tmp_path / "fresh.yml").write_text(support.CONDA + "  - tomli==2.0.1\n")
    found = run(
        IMAGES
        + """
image = Image.create(name="slow", models=[], image_config=configuration(conda_file="fresh.yml"), workspace=ws)
state = image.creation_state
failed = failure(Webservice.deploy_from_image, ws, "early", image, ACI)
image.wait_for_creation()
result([state, failed, image.creation_state])
"""
    )
    assert found[0] == "Running"
    assert 'Unable to create service with image slow:1 in non "Succeeded" creation state.' in found[1]
    assert found[2] == "Succeeded"


def test_deploy_from_image_update_and_delete(run):
    found = run(
        IMAGES
        + """
model = register()
image = build("served", [model])
service = Webservice.deploy_from_image(deployment_config=ACI, image=image, name="of-image", workspace=ws)
service.wait_for_deployment(show_output=True)
first = [service.state, service.run('{"a": 1}'), service.image.id, service.image_id, [m.id for m in service.models]]
listed = [[w.name for w in Webservice.list(ws, **by)] for by in (
    {"image_name": "served"}, {"image_id": "served:1"}, {"image_id": "served:2"}, {"image_digest": service.image_digest},
    {"model_name": "serve"})]
in_use = failure(image.delete)
Path("m.txt").write_text("forty-three")
newer = build("served", [register()])
address = service.scoring_uri
service.update(image=newer)
service.wait_for_deployment()
second = [service.state, service.run('{"b": 2}'), service.image.id, service.scoring_uri == address]
image.delete()
still = failure(newer.delete)
from azureml.core import Environment
from azureml.core.model import InferenceConfig
with_environment = InferenceConfig(entry_script="score.py", environment=Environment.from_conda_specification("e", "myenv.yml"))
mixed = failure(service.update, models=[], inference_config=with_environment)
log = service.get_logs()
service.delete()
newer.delete()
result([first, listed, in_use, second, still, mixed, log, list(ws.images)])
"""
    )
    first, listed, in_use, second, still, mixed, log, left = found
    assert first == ["Healthy", {"echo": {"a": 1}, "model": "forty-two"}, "served:1", "served:1", ["serve:1"]]
    assert listed == [["of-image"], ["of-image"], [], ["of-image"], ["of-image"]]
    assert "currently being used in one or more webservices: of-image" in in_use
    assert second == ["Healthy", {"echo": {"b": 2}, "model": "forty-three"}, "served:2", True]
    assert "of-image" in still
    assert "unable to use Environment object to update Webservice created with Image object" in mixed
    assert "Users's init has completed successfully" in log
    assert left == []


def test_deploy_and_deploy_from_model_do_all_at_once(run):
    found = run(
        IMAGES
        + """
one = Webservice.deploy(ws, "all-at-once", ["m.txt"], configuration(), ACI)
one.wait_for_deployment()
two = Webservice.deploy_from_model(ws, "from-model", [register()], configuration(), ACI)
two.wait_for_deployment()
Path("m.txt").write_text("newer")
from azureml.core.model import InferenceConfig
parts = InferenceConfig(runtime="python", entry_script="score.py", conda_file="myenv.yml")
two.update(models=[register()], inference_config=parts)
two.wait_for_deployment()
result([one.run('{"a": 1}'), two.run('{"b": 2}'), sorted(ws.images), sorted(ws.models), two.image.id,
        failure(Webservice.deploy_from_model, ws, "from-model", [], configuration(), ACI)])
for service in (one, two):
    service.delete()
for image in Image.list(ws):
    image.delete()
"""
    )
    assert found[0]["model"] == "forty-two"
    assert found[1]["model"] == "newer"
    assert found[2] == ["all-at-once", "from-model"]
    assert "m.txt" in found[3]
    assert found[4] == "from-model:2"
    assert "there is already a service with name from-model" in found[5]


def test_image_on_a_cluster(run):
    found = run(
        IMAGES
        + """
from azureml.core.compute import AksCompute
from azureml.core.webservice import AksWebservice
cluster = AksCompute(ws, "sandbox-aks")
config = AksWebservice.deploy_configuration(cpu_cores=0.1, memory_gb=0.5, autoscale_enabled=False, num_replicas=2)
first, second = build("clustered", [register()]), build("clustered", [register()])
service = Webservice.deploy_from_image(ws, "clustered", first, config, cluster)
service.wait_for_deployment()
before = [service.state, service.run('{"a": 1}')["echo"], service.image.id, service.compute_type]
service.update(image=second)
service.wait_for_deployment()
result([before, service.state, service.image.id, failure(second.delete), service.run('{"b": 2}')["echo"]])
service.delete()
"""
    )
    assert found[0] == ["Healthy", {"a": 1}, "clustered:1", "AKS"]
    assert found[1:3] == ["Healthy", "clustered:2"]
    assert "clustered" in found[3]
    assert found[4] == {"b": 2}


def test_dependencies_keep_their_places(run, tmp_path):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").write_text("")
    (tmp_path / "helpers" / "score.py").write_text("FACTOR = 7\n")
    (tmp_path / "tables" / "deep").mkdir(parents=True)
    (tmp_path / "tables" / "deep" / "t.csv").write_text("1,2\n")
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "lookup.json").write_text('{"k": "v"}')
    (tmp_path / "service_schema.json").write_text('{"input": {}, "output": {}}')
    (tmp_path / "extra.docker").write_text("# for the container\nENV GREETING=hello \\\n    OTHER='two words'\n")
    (tmp_path / "score.py").write_text(
        "import json, os\nfrom pathlib import Path\nfrom helpers.score import FACTOR\ndef init():\n    pass\n"
        "def run(data):\n"
        "    here = Path(__file__).parent\n"
        "    names = sorted(str(p.relative_to(here)) for p in here.rglob('*') if p.is_file() and p.suffix != '.pyc')\n"
        "    return {'factor': FACTOR, 'names': names, 'greeting': os.environ['GREETING'], 'o': os.environ['OTHER']}\n"
    )
    found = run(
        IMAGES
        + f"""
image = build("whole", dependencies=["helpers/__init__.py", "helpers/score.py", "tables", "{outside}/lookup.json"],
              schema_file="service_schema.json", docker_file="extra.docker")
service = Webservice.deploy_from_image(ws, "whole", image, ACI)
service.wait_for_deployment()
result([service.run("{{}}"), requests.get(image.generated_dockerfile_uri).text])
service.delete()
image.delete()
"""
    )
    answer, dockerfile = found
    assert (answer["factor"], answer["greeting"], answer["o"]) == (7, "hello", "two words")
    wanted = ["helpers/__init__.py", "helpers/score.py", "lookup.json", "score.py", "service_schema.json"]
    assert set(wanted) | {"tables/deep/t.csv"} <= set(answer["names"])
    assert "ENV GREETING=hello" in dockerfile
    assert "ADD tables/deep/t.csv /var/azureml-app/tables/deep/t.csv" in dockerfile


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (
            "conda_file",
            support.CONDA + "  - no-such-package-anywhere-amlwidgets\n",
            "no-such-package-anywhere-amlwidgets",
        ),
        ("conda_file", "name: [unclosed\n", "the conda file is not YAML"),
        (
            "docker_file",
            "RUN apt-get install -y libgomp1\n",
            "'RUN apt-get install -y libgomp1' needs the Docker runtime",
        ),
    ],
)
def test_build_that_fails(run, tmp_path, file, content, words):
    (tmp_path / "broken").write_text(content)
    found = run(
        IMAGES
        + f"""
import contextlib, io
image = Image.create(ws, "broken", [], configuration({file}="broken"))
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    text = failure(image.wait_for_creation, show_output=True)
result([text, printed.getvalue(), image.creation_state, image.image_build_log_uri,
        requests.get(image.image_build_log_uri).text, failure(Webservice.deploy_from_image, ws, "none", image, ACI),
        image.generated_dockerfile_uri])
image.delete()
"""
    )
    text, printed, state, link, log, deploying, dockerfile = found
    assert "Image creation polling reached non-successful terminal state, current state: Failed" in text
    assert "Error response from server:\nStatusCode: 400\nMessage: Docker image build failed." in text
    assert f"More information about this error is available here: {link}" in printed
    assert "For more help with troubleshooting, see https://aka.ms/debugimage" in printed
    assert state == "Failed"
    assert words in log
    assert 'non "Succeeded" creation state' in deploying
    assert dockerfile is None


def test_script_that_fails(run, tmp_path):
    (tmp_path / "bad.py").write_text("def init():\n    pass\ndef run(d):\n    raise ValueError('not today')\n")
    (tmp_path / "worse.py").write_text("def init():\n    raise KeyError('gone')\ndef run(d):\n    return d\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "score.py").write_text("def init():\n    pass\ndef run(d):\n    return d\n")
    found = run(
        IMAGES
        + """
service = Webservice.deploy_from_image(ws, "raises", build("raises", execution_script="bad.py"), ACI)
service.wait_for_deployment()
answer = requests.post(service.scoring_uri, data="{}", headers={"Content-Type": "application/json"})
first = [service.state, answer.status_code, answer.headers.get("x-ms-run-function-failed"), service.get_logs()]
service.delete()
lost = Webservice.deploy_from_image(ws, "crashes", build("crashes", execution_script="worse.py"), ACI)
second = [failure(lost.wait_for_deployment), lost.state, lost.get_logs(), lost.image.id]
lost.delete()
result([first, second, failure(configuration, execution_script="below/score.py"), failure(configuration, runtime="r")])
"""
    )
    first, second, outside, runtime = found
    assert first[:3] == ["Healthy", 500, "True"]
    assert "ValueError: not today" in first[3]
    assert '"code": "CrashLoopBackOff"' in second[0]
    assert "crashes:1 locally" in second[0]
    assert (second[1], second[3]) == ("Failed", "crashes:1")
    assert "KeyError: 'gone'" in second[2]
    assert "Unable to use an execution script not in current directory" in outside
    assert "Provided runtime not supported" in runtime


def test_what_is_refused_is_named(run):
    found = run(
        IMAGES
        + """
import copy
from azureml.core.webservice import Webservice
ghost = copy.copy(register())
ghost.__dict__["id"] = "ghost:9"
image = build("known")
unknown = Image(ws, "known")
unknown.__dict__["id"] = "unknown:7"
mms, headers = image._mms_endpoint.rpartition("/images/")[0] + "/images", image._auth.get_authentication_header()
def post(**changes):
    payload = configuration().build_create_payload(ws, "raw", []) | changes
    answer = requests.post(mms, json=payload, headers=headers)
    return [answer.status_code, answer.json()["message"]]
result({
    "gpu": failure(build, "gpu", enable_gpu=True), "cuda": failure(build, "cuda", cuda_version="10.0"),
    "spark": failure(build, "spark", runtime="spark-py"), "ghost": failure(build, "ghostly", [ghost]),
    "unknown": failure(Webservice.deploy_from_image, ws, "unknown", unknown, ACI),
    "field": post(colour="red"), "name": post(name="Bad_Name"), "driver": post(driverProgram="other"),
    "file": post(dockerFileUri="aml://artifact/LocalUpload/nowhere/x"), "arm": post(targetRuntime={
        "runtimeType": "Python", "targetArchitecture": "arm32v7", "properties": {}}),
    "fixed": requests.patch(image._mms_endpoint, headers=headers,
                            json=[{"op": "replace", "path": "/modelIds", "value": ["x:1"]}]).json()["message"],
    "left": sorted(ws.images),
})
image.delete()
"""
    )
    assert "does not implement POST images with targetRuntime.properties.installCuda" in found["gpu"]
    assert "targetRuntime.properties.cudaVersion" in found["cuda"]
    assert "runtimeType SparkPython" in found["spark"]
    assert "ghost:9 not found" in found["ghost"]
    assert "Image with id unknown:7 not found" in found["unknown"]
    assert found["field"] == [501, "The sandbox does not implement POST images with colour."]
    assert found["name"][0] == 400
    assert "'Bad_Name' is not a name for an image" in found["name"][1]
    assert found["driver"] == [400, "The driver program other is none of the assets."]
    assert found["file"][0] == 400
    assert found["arm"] == [501, "The sandbox does not implement POST images with targetArchitecture arm32v7."]
    assert "modelIds of an image cannot be changed" in found["fixed"]
    assert found["left"] == ["known"]


def test_inference_config_of_parts(run):
    """Runtime and conda file become an environment; with a Docker file the client goes the way of images."""
    found = run(
        IMAGES
        + """
from azureml.core.model import InferenceConfig
Path("source").mkdir()
Path("source/score.py").write_text(Path("score.py").read_text())
Path("source/myenv.yml").write_text(Path("myenv.yml").read_text())
Path("source/steps").write_text("LABEL made-by=us\\n")
model = register()
parts = Model.deploy(ws, "of-parts", [model],
                     InferenceConfig(runtime="python", entry_script="score.py", conda_file="myenv.yml"), ACI)
parts.wait_for_deployment()
old = Model.deploy(ws, "of-image", [model], InferenceConfig(runtime="python", entry_script="score.py",
    source_directory="source", conda_file="myenv.yml", extra_docker_file_steps="steps"), ACI)
old.wait_for_deployment()
result([parts.environment.name, parts.image_id, parts.run('{"a": 1}'), old.image_id, old.run('{"b": 2}')])
parts.delete()
old.delete()
"""
    )
    assert found[:2] == ["of-parts-env", None]
    assert found[2]["echo"] == {"a": 1}
    assert found[3] == "of-image:1"
    assert found[4]["echo"] == {"b": 2}
