"""Model.deploy to ACI with the unmodified azureml-core: the good way and the ways in which it fails."""

from __future__ import annotations

import pytest
import sandbox_support as support

pytestmark = [pytest.mark.sandbox, pytest.mark.network]

DEPLOY = """
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice, Webservice
import requests
env = Environment.from_conda_specification("serving", "myenv.yml")
def deploy(name, models=None, script="score.py", memory=0.5, env=env, **more):
    inference = InferenceConfig(entry_script=script, environment=env, source_directory=more.pop("source", None))
    config = AciWebservice.deploy_configuration(cpu_cores=0.5, memory_gb=memory, **more)
    service = Model.deploy(ws, name, models or [], inference, config)
    return service
def register(name="serve"):
    return Model.register(ws, model_path="m.txt", model_name=name)
"""


def test_deploy_score_update_delete(run, tmp_path):
    found = run(
        DEPLOY
        + """
model = register()
service = deploy("good", [model])
service.wait_for_deployment(show_output=True)
first = [service.state, service.run('{"a": 1}'), service.get_logs()]
raw = requests.post(service.scoring_uri, data='{"b": 2}', headers={"Content-Type": "application/json"})
listed = [w.name for w in Webservice.list(ws, model_name="serve")]
Path("m.txt").write_text("forty-three")
newer = register()
service.update(models=[newer], inference_config=InferenceConfig(entry_script="score.py", environment=env))
service.wait_for_deployment()
second = [service.state, service.run('{"c": 3}'), service.scoring_uri]
service.update(tags={"k": "v"}, description="now described")
refused = failure(newer.delete)
service.delete()
result([first, raw.status_code, listed, second, service.tags, service.description, refused, list(ws.webservices),
        failure(Webservice, ws, "good"), failure(service.run, "{}")])
"""
    )
    first, status, listed, second, tags, description, refused, left, missing, after = found
    assert first[0] == "Healthy"
    assert first[1] == {"echo": {"a": 1}, "model": "forty-two"}
    assert "models: ['m.txt']" in first[2]
    assert "Users's init has completed successfully" in first[2]
    assert status == 200
    assert listed == ["good"]
    assert second[:2] == ["Healthy", {"echo": {"c": 3}, "model": "forty-three"}]
    assert second[2].startswith("http://")
    assert second[2].endswith(".eastus.azurecontainer.io/score")
    assert (tags, description) == ({"k": "v"}, "now described")
    assert "ModelInUse" in refused or "used by" in refused
    assert left == []
    assert "WebserviceNotFound" in missing
    assert "404" in after


def test_keys(run):
    found = run(
        DEPLOY
        + """
service = deploy("keyed", [register()], auth_enabled=True)
service.wait_for_deployment()
def score(key=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return requests.post(service.scoring_uri, data="{}", headers=headers).status_code
keys = service.get_keys()
before = [score(), score("wrong"), score(keys[0]), score(keys[1]), service.run('{"x": 1}')["echo"]]
service.regen_key("Primary", set_key="a-key-of-my-own")
after = [score(keys[0]), score("a-key-of-my-own"), score(keys[1])]
service.update(auth_enabled=False)
result([before, after, score()])
service.delete()
"""
    )
    assert found == [[401, 401, 200, 200, {"x": 1}], [401, 200, 200], 200]


def test_source_directory_and_model_paths(run, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "helper.py").write_text("FACTOR = 7\n")
    (source / "score.py").write_text(
        "import json, os\n"
        "import helper\n"
        "from azureml.core.model import Model\n"
        "def init():\n    global paths\n"
        "    paths = [os.environ['AZUREML_MODEL_DIR'], Model.get_model_path('one'), Model.get_model_path('two', 1)]\n"
        "def run(data):\n    return {'paths': paths, 'factor': helper.FACTOR}\n"
    )
    found = run(
        DEPLOY
        + """
service = deploy("sources", [register("one"), register("two")], source="source")
service.wait_for_deployment()
result(service.run("{}"))
service.delete()
"""
    )
    assert found["factor"] == 7
    assert found["paths"][0].endswith("azureml-models")
    assert found["paths"][1].endswith("azureml-models/one/1/m.txt")
    assert found["paths"][2].endswith("azureml-models/two/1/m.txt")


def test_script_that_raises_in_init(run, tmp_path):
    (tmp_path / "bad.py").write_text("def init():\n    raise RuntimeError('no such luck')\ndef run(d):\n    return d\n")
    found = run(
        DEPLOY
        + """
service = deploy("raises", script="bad.py")
text = failure(service.wait_for_deployment)
result([text, service.state, service.get_logs(), service.error, failure(service.run, "{}")])
service.delete()
"""
    )
    text, state, log, error, scoring = found
    assert "current service state: Failed" in text
    assert "More information can be found using '.get_logs()'" in text
    assert '"code": "CrashLoopBackOff"' in text
    assert '"exitCode":3' in text
    assert state == "Failed"
    assert "RuntimeError: no such luck" in log
    assert "Worker failed to boot." in log
    assert error["code"] == "AciDeploymentFailed"
    assert '"RestartCount": 3' in error["message"]
    assert "no such luck" not in error["message"], "the log is for get_logs()"
    assert "scoring_uri unavailable" in scoring


def test_script_that_eats_its_memory(run, tmp_path):
    (tmp_path / "hungry.py").write_text(
        "def init():\n    global kept\n    kept = [bytes(10_000_000) for _ in range(100)]\n"
        "    kept = [bytearray(b'x' * 10_000_000) for _ in range(200)]\ndef run(d):\n    return d\n"
    )
    found = run(
        DEPLOY
        + """
service = deploy("hungry", script="hungry.py", memory=0.4)
result([failure(service.wait_for_deployment), service.get_logs()])
service.delete()
"""
    )
    assert "OOMKilled" in found[0]
    assert "limit 0.4 GB" in found[0]
    assert "times at the memory limit of 0.4 GB; the server in it started them again" in found[0]
    assert "init() function" not in found[0], "it was not init() that failed"
    assert '"detailStatus":"OOMKilled"' in found[0]
    assert "Handling signal: term" not in found[1], "the sandbox's own tear-down is not the service's story"
    assert "Shutting down" not in found[1]
    assert found[1].count("Booting worker with pid") >= 3


def test_environment_that_cannot_be_built(run, tmp_path):
    (tmp_path / "broken.yml").write_text(support.CONDA.replace("azureml-defaults", "azureml-defaults==99.99.99"))
    found = run(
        DEPLOY
        + """
service = deploy("unbuilt", env=Environment.from_conda_specification("unbuildable", "broken.yml"))
text = failure(service.wait_for_deployment)
link = text.split("found here: ")[1].split()[0]
result([text, service.state, requests.get(link).text, service.get_logs()])
service.delete()
"""
    )
    assert '"code": "EnvironmentBuildFailed"' in found[0]
    assert found[1] == "Failed"
    assert "99.99.99" in found[2]
    assert found[3] == "", "there was no container, so there is no log of one"


def test_names_and_models_are_checked(run):
    found = run(
        DEPLOY
        + """
import copy
model = register()
service = deploy("taken", [model], dns_name_label="taken-label")
service.wait_for_deployment()
ghost = copy.copy(model)
ghost.__dict__["id"] = "ghost:9"
result([failure(deploy, "taken", [model]), failure(deploy, "ghostly", [ghost]),
        failure(deploy, "another", [model], dns_name_label="taken-label"), service.scoring_uri])
service.delete()
"""
    )
    assert "there is already a service with name taken" in found[0]
    assert "ghost:9 not found" in found[1]
    assert "The DNS name label" in found[2]
    assert found[3] == "http://taken-label.eastus.azurecontainer.io/score"


def test_live_reader_sees_the_operation_grow(run):
    found = run(
        DEPLOY
        + """
from azureml._model_management._util import get_requests_session
service = deploy("watched", [register()])
address, headers = service._operation_endpoint, service._auth.get_authentication_header()
states, offset, stream = [], 0, ""
first = requests.get(address, headers=headers | {"x-amlwidgets-live": "1"}).json()["state"]
while not states or states[-1] in ("NotStarted", "Running"):
    answer = requests.get(address, headers=headers, params={"offset": offset}).json()
    states.append(answer["state"])
    offset += len(answer["streamingOperationLog"])
    stream += answer["streamingOperationLog"]
    time.sleep(0.02)
held = requests.get(address, headers=headers).json()
log = requests.get(held["operationLog"]).text
result([first, states[-1], len(set(states)), [e.split("|")[1] for e in stream.split("#")],
        held["operationDetails"], log])
service.delete()
"""
    )
    assert found[0] in ("NotStarted", "Running"), "a live reader is not held until the end"
    assert found[1] == "Succeeded"
    assert found[2] >= 2
    assert found[3][:2] == ["Creating Container Registry if not exists.", "Registering the environment."]
    assert found[3][2] in ("Building image..", "Use the existing image.")
    assert found[3][3:] == [
        "Generating deployment configuration.",
        "Submitting deployment to compute.",
        "Checking the status of deployment watched..",
        "Checking the status of inference endpoint watched.",
    ]
    assert found[4] == {"subOperationType": "DeployService"}
    steps = [line for line in found[5].splitlines() if line.startswith("sandbox: ")]
    order = [
        "Dockerfile written",
        "build",
        "push: the image is",
        "files added: ",
        "models fetched: 1 with 1 files, 9 bytes",
    ]
    at = [next(i for i, line in enumerate(steps) if line.startswith(f"sandbox: {words}")) for words in order]
    assert at == sorted(at)


def test_in_real_time_the_client_prints_its_own_stream(tmp_path):
    (tmp_path / "score.py").write_text(support.GOOD_SCORE)
    (tmp_path / "m.txt").write_text("forty-two")
    (tmp_path / "myenv.yml").write_text(support.CONDA)
    sandbox = support.start_sandbox(tmp_path / "home", speed="1")
    try:
        printed = support.run_client(
            DEPLOY
            + """
service = deploy("slow-one", [register()])
service.wait_for_deployment(show_output=True)
""",
            tmp_path,
            sandbox,
        )
    finally:
        sandbox.stop()
    # The client adds a dot for every poll that brought nothing.
    lines = [line[26:].rstrip(".") for line in printed.splitlines() if line.startswith("20")]
    assert lines[:3] == ["Creating Container Registry if not exists", "Registering the environment", "Building image"]
    assert "Checking the status of deployment slow-one" in lines
    assert 'ACI service creation operation finished, operation "Succeeded"' in printed
