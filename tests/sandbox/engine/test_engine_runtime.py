"""What only the engine gives: limits set in the kernel by it, docker exec, published ports, and cleaning by label."""

from __future__ import annotations

import pytest
from docker_support import docker, needs_engine
from run.conftest import GOOD, Host, log_of, wait_for, wait_state

from amlwidgets.docker_engine import engine
from amlwidgets.sandbox.engine import cleaning
from amlwidgets.sandbox.engine.builder import image_of
from amlwidgets.sandbox.engine.client import filter_of, mine
from amlwidgets.sandbox.engine.runtime import DockerRuntime
from amlwidgets.sandbox.run import Backoff

pytestmark = [pytest.mark.sandbox, *needs_engine]


@pytest.fixture
def host(tmp_path, server_image, engine_home):
    made = Host(tmp_path, server_image)
    made.runtime = DockerRuntime(engine_home, backoff=Backoff(0.05, 0.2, 60))
    yield made
    for container in made.containers:
        container.stop()


def only(home):
    """Name and attributes of the one container that carries the label of ``home``."""
    with engine() as client:
        (found,) = client.containers.list(all=True, filters=filter_of(home))
        return found.name, found.attrs


def test_limits_ports_and_exec_are_the_engines(host, engine_home):
    container = host.start(GOOD, runtime=host.runtime, cpu=0.5, memory_gb=0.3)
    wait_state(container, "Ready")
    name, attrs = only(engine_home)
    assert attrs["HostConfig"]["Memory"] == attrs["HostConfig"]["MemorySwap"] == int(0.3 * 1024**3)
    assert attrs["HostConfig"]["CpuQuota"] == 50_000
    bindings = attrs["NetworkSettings"]["Ports"]["5001/tcp"]
    assert bindings == [{"HostIp": "127.0.0.1", "HostPort": str(container.spec.port)}]
    inside = docker("exec", name, "sh", "-c", "pwd && ls && pip --version")
    assert inside.stdout.splitlines()[:1] == ["/var/azureml-app"]
    assert "score.py" in inside.stdout
    assert "python 3." in inside.stdout


def test_a_container_killed_from_outside_is_started_again(host, engine_home):
    container = host.start(GOOD, runtime=host.runtime)
    wait_state(container, "Ready")
    docker("kill", only(engine_home)[0])
    wait_for(lambda: container.status().restarts == 1)
    assert wait_state(container, "Ready").exit_code == 137
    docker("rm", "-f", only(engine_home)[0])
    wait_for(lambda: container.status().restarts == 2)
    wait_state(container, "Ready")


def test_a_full_memory_at_the_first_process_is_oomkilled(host):
    spec_script = "def init():\n    pass\n\n\ndef run(data):\n    return 1\n"
    container = host.start(spec_script, runtime=host.runtime, memory_gb=0.012)
    status = wait_for(lambda: (s := container.status()).restarts >= 1 and s, 60)
    assert status.exit_code in (137, 3)
    assert status.oom_kills >= 1


def test_an_image_that_is_gone_is_told_in_the_log(host, tmp_path):
    from pathlib import Path

    container = host.start(GOOD, runtime=host.runtime, prefix=Path("/azureml-envs/azureml_absent"))
    status = wait_state(container, "Waiting")
    assert status.exit_code == 128
    assert "No such image" in log_of(container)


def test_an_engine_that_is_gone_is_told_and_waited_for(host, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    container = host.start(GOOD, runtime=host.runtime)
    wait_state(container, "Waiting")
    assert "No Docker engine answers" in log_of(container)
    monkeypatch.delenv("DOCKER_HOST")
    wait_state(container, "Ready")


def test_what_a_killed_sandbox_left_is_removed_and_nothing_else(host, engine_home, tmp_path):
    container = host.start(GOOD, runtime=host.runtime)
    wait_state(container, "Ready")
    other = tmp_path / "other"
    other.mkdir()
    cleaning.remember(other)
    assert cleaning.left_behind(other) == 0
    wait_state(container, "Ready")
    assert cleaning.left_behind(engine_home) == 1


def test_local_services_are_named_before_they_are_removed(server_image, tmp_path):
    """They are told by the labels that azureml-core gives them."""
    cleaning.remember(tmp_path)
    assert cleaning.local_services(tmp_path) == []
    labels = mine(tmp_path) | {"amlIsService": "", "amlServiceName": "my-local"}
    with engine() as client:
        client.containers.create(image_of(server_image), labels=labels)
    assert cleaning.local_services(tmp_path) == ["my-local"]
    assert cleaning.containers(tmp_path) == 1
    assert cleaning.local_services(tmp_path) == []


def test_a_built_environment_holds_the_servers_bytecode(server_image):
    """Every container begins with the image's files, so what is not compiled in them would be compiled at each start."""
    with engine() as client:
        found = client.containers.run(
            image_of(server_image),
            ["sh", "-c", "find /azureml-envs -path '*azureml_inference_server_http/server/*.pyc'"],
            remove=True,
        )
    assert b"create_app" in found
