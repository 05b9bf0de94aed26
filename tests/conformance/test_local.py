"""Local web services and packages: the unmodified client, and a real Docker engine."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest
import sandbox_support as support
from docker_support import docker, needs_engine

from amlwidgets import diagnose

pytestmark = [pytest.mark.sandbox, *needs_engine]

PREAMBLE = """
import os
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import LocalWebservice
model = Model.register(ws, model_path="m.txt", model_name="m")
env = Environment.from_conda_specification("env", "myenv.yml")
inference_config = InferenceConfig(entry_script="score.py", environment=env)
def deploy(name, port=None, wait=True):
    name += str(os.getpid())  # containers of local services are told apart by their names alone, on the whole machine
    deployment_config = LocalWebservice.deploy_configuration(port=port)
    service = Model.deploy(ws, name, [model], inference_config, deployment_config)
    if wait:
        service.wait_for_deployment(True)
    return service
"""


@pytest.fixture(scope="module")
def sandbox(docker_sandbox):
    return docker_sandbox


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_local_service_lives_as_the_guide_says(run, tmp_path):
    changed = support.GOOD_SCORE.replace('"echo"', '"louder"')
    (tmp_path / "other.txt").write_text("forty-three")
    found = run(
        PREAMBLE
        + f"""
service = deploy("mymodel", {free_port()})
found = [service.port, service.state, service.run(input_data=bytes(json.dumps({{"data": [1]}}), encoding="utf8"))]
Path("score.py").write_text({changed!r})
service.reload()
found.append(service.run(json.dumps(1)))
found.append(service.get_logs())
other = Model.register(ws, model_path="other.txt", model_name="m.txt")
again = LocalWebservice(ws, service.name)
found.append([again.state, again.port])
Path("score.py").write_text(Path("score.py").read_text().replace("m.txt", "other.txt"))
service.update(models=[other], inference_config=inference_config, deployment_config=service._deployment_config)
service.wait_for_deployment()
found.append(service.run(json.dumps(2)))
service.delete()
found.append(service.state)
result(found)
""",
        timeout=280,
    )
    port, state, first, reloaded, log, again, updated, end = found
    assert port.isdigit()
    assert state == "running"
    assert first == {"echo": {"data": [1]}, "model": "forty-two"}
    assert reloaded == {"louder": 1, "model": "forty-two"}
    assert "Users's init has completed successfully" in log
    assert again == ["running", port]
    assert updated == {"louder": 2, "model": "forty-three"}
    assert end == "deleted"


FAILING = {
    "missing-python-module": "import no_such_module\n",
    "init-exception": "def init():\n    raise ValueError('no threshold')\n\n\ndef run(data):\n    return 1\n",
}
"""Cause → entry script that fails for it."""

CRASHED = ("Container has crashed. Did your init method fail?", "Container port (5001) is unreachable")


def test_scripts_that_fail_at_start_are_told_in_the_sdks_words_and_diagnosed(run):
    found = run(
        PREAMBLE
        + f"""
service, found = deploy("broken", wait=False), {{}}
for cause, script in {FAILING!r}.items():
    Path("score.py").write_text(script)
    service.reload()
    found[cause] = [failure(service.wait_for_deployment, True), service.get_logs()]
service.delete()
result(found)
"""
    )
    assert set(found) == set(FAILING)
    for cause, (error, log) in found.items():
        # Which of its sentences the client says depends on what it looks at first: the container, or its port.
        assert any(words in error for words in CRASHED), error
        assert diagnose(log).top.cause == cause
        assert diagnose(f"{log}\n{error}").top.cause == cause


def test_an_environment_without_the_server_is_told(run, tmp_path):
    (tmp_path / "myenv.yml").write_text(support.CONDA.replace("azureml-defaults", "six"))
    printed = run(PREAMBLE + "print(failure(deploy, 'serverless'))")
    assert any(words in printed for words in CRASHED)
    assert "azmlinfsrv: not found" in printed
    assert diagnose(printed).top.cause == "missing-inference-server"


def test_a_port_that_is_taken_is_told_and_diagnosed(run):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        by_program, by_container = run(
            PREAMBLE
            + f"""
by_program = failure(deploy, "taken", {other.getsockname()[1]})
service = deploy("first", {free_port()}, wait=False)
by_container = failure(deploy, "second", int(service.port))
service.delete()
result([by_program, by_container])
"""
        )
    assert "Docker container start has failed, the port you are attempting to use is already in use:" in by_container
    assert "Docker container start has failed" in by_program
    assert [diagnose(text).top.cause for text in (by_program, by_container)] == ["port-in-use", "port-in-use"]


def test_a_build_that_cannot_resolve_fails_with_pips_words(run, tmp_path):
    (tmp_path / "myenv.yml").write_text(support.CONDA.replace("azureml-defaults", "six==99.99.99"))
    printed = run(PREAMBLE + "print(failure(deploy, 'unresolved'))")
    assert "Error: docker image build has failed" in printed
    assert "No matching distribution found for six==99.99.99" in printed
    assert diagnose(printed).top.cause == "pip-package-not-found"


def test_no_engine_is_told_in_the_sdks_words_and_diagnosed(run, tmp_path):
    error = run(
        f"import os\nos.environ['DOCKER_HOST'] = 'unix://{tmp_path}/none.sock'\n"
        + PREAMBLE
        + "result(failure(deploy, 'nowhere'))"
    )
    assert "Failed to create Docker client. Is Docker running/installed?" in error
    assert diagnose(error).top.cause == "docker-daemon-down"


def test_packages_of_both_kinds(run, sandbox, tmp_path):
    location, registry, files, dockerfile, version = run(
        PREAMBLE
        + """
package = Model.package(ws, [model], inference_config, image_name="mypackage", image_label="7")
package.wait_for_creation(show_output=True)
package.pull()
registry = package.get_container_registry()
context = Model.package(ws, [model], inference_config, generate_dockerfile=True)
context.wait_for_creation(show_output=True)
context.save("saved")
files = sorted(str(p.relative_to("saved")) for p in Path("saved").rglob("*") if p.is_file())
dockerfile = Path("saved/Dockerfile").read_text()
result([package.location, [registry.address, registry.username], files, dockerfile, model.version])
""",
        timeout=280,
    )
    assert location == f"127.0.0.1:{sandbox.identity.port}/mypackage:7"
    assert registry == ["sandboxregistry.azurecr.io", "sandboxregistry"]
    assert f"azureml-app/azureml-models/m/{version}/m.txt" in files
    assert "azureml-app/score.py" in files
    assert "no conda is asked here" in dockerfile
    listing = docker("run", "--rm", location, "sh", "-c", "ls && cat $AZUREML_MODEL_DIR/m.txt")
    assert "score.py" in listing.stdout
    assert listing.stdout.endswith("forty-two")
    built = docker("build", "--quiet", str(tmp_path / "saved"))
    assert built.returncode == 0, built.stderr
    check_the_registry_gives_nothing_without_its_password(sandbox, location)


def check_the_registry_gives_nothing_without_its_password(sandbox, image):
    registry = f"127.0.0.1:{sandbox.identity.port}"
    docker("rmi", image)
    refused = docker("pull", image)
    assert refused.returncode != 0
    assert "no basic auth credentials" in refused.stderr
    import amlwidgets.sandbox.engine.registry as served

    password = served.password(sandbox.identity)
    assert docker("login", registry, "-u", served.USER, "--password-stdin", text="wrong").returncode != 0
    try:
        assert docker("login", registry, "-u", served.USER, "--password-stdin", text=password).returncode == 0
        assert docker("pull", image).returncode == 0
    finally:
        docker("logout", registry)
    repository = image.partition("/")[2].replace(":", "/manifests/")
    for host in ("127.0.0.1", "localhost"):
        for path in (repository, "amlwidgets/base/manifests/latest", "open-guessed/base/manifests/latest"):
            address = f"http://127.0.0.1:{sandbox.identity.port}/v2/{path}"
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    urllib.request.Request(address, headers={"Host": f"{host}:{sandbox.identity.port}"}), timeout=30
                )


def test_the_older_image_configuration_is_deployed_locally(run, tmp_path):
    (tmp_path / "myenv.yml").write_text(support.CONDA.replace("- pip:", "- tabulate\n- pip:"))
    (tmp_path / "score.py").write_text("import tabulate\n" + support.GOOD_SCORE)
    found = run(
        PREAMBLE
        + """
from azureml.core.image import ContainerImage
from azureml.core.webservice import Webservice
config = ContainerImage.image_configuration(execution_script="score.py", runtime="python", conda_file="myenv.yml")
service = Webservice.deploy_local_from_model(ws, f"older{os.getpid()}", [model], config, LocalWebservice.deploy_configuration())
service.wait_for_deployment(True)
answer = service.run(json.dumps(1))
service.delete()
result(answer)
""",
        timeout=280,
    )
    assert found == {"echo": 1, "model": "forty-two"}
