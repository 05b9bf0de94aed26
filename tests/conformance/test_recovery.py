"""A killed sandbox loses nothing, and a full disk is said to be full."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import pytest
import sandbox_support as support
from test_clusters import AKS
from test_deploy import DEPLOY
from test_images import IMAGES

from amlwidgets.sandbox import client

pytestmark = pytest.mark.sandbox


def kill(sandbox):
    os.kill(sandbox.pid, signal.SIGKILL)
    support.until(lambda: client.connect(sandbox.home) is None, what="the end of the killed sandbox")


@pytest.fixture
def own(tmp_path):
    (tmp_path / "myenv.yml").write_text(support.CONDA)
    (tmp_path / "score.py").write_text(support.GOOD_SCORE)
    (tmp_path / "m.txt").write_text("forty-two")
    sandbox = support.start_sandbox(tmp_path / "home")
    yield sandbox
    running = client.connect(sandbox.home)
    if running is not None:
        running.stop()


@pytest.mark.network
def test_kill_and_start_again(own, tmp_path):
    # One service is finished, the operation of another is in the middle of its image.
    first = support.run_client(
        DEPLOY
        + """
model = register()
service = deploy("finished", [model])
service.wait_for_deployment()
Path("slow.yml").write_text("dependencies:\\n- python=3.11\\n- pip:\\n  - azureml-defaults\\n  - six\\n")
slow = deploy("underway", [model], env=Environment.from_conda_specification("slow", "slow.yml"))
live = {"x-amlwidgets-live": "1", **ws._auth_object.get_authentication_header()}
while "operationDetails" not in requests.get(slow._operation_endpoint, headers=live).json():
    pass
result([service.get_keys(), slow._operation_endpoint])
""",
        tmp_path,
        own,
    )
    containers = container_pids(own)
    kill(own)
    again = support.start_sandbox(own.home)
    assert again.url == own.url, "kernels that already run go on"
    assert again.identity == own.identity
    found = support.run_client(
        DEPLOY
        + f"OPERATION = {first[1]!r}"
        + """
headers = ws._auth_object.get_authentication_header()
begin = time.monotonic()
finished = Webservice(ws, "finished")
score = finished.run('{"after": "restart"}')
operation = requests.get(OPERATION, headers=headers, timeout=80).json()
slow = Webservice(ws, "underway")
result([score, operation["state"], slow.state, slow.run('{"x": 1}')["echo"], list(ws.models), finished.get_keys(),
        Webservice(ws, "finished").state])
finished.delete()
slow.delete()
""",
        tmp_path,
        again,
    )
    assert found[0] == {"echo": {"after": "restart"}, "model": "forty-two"}
    assert found[1:4] == ["Succeeded", "Healthy", {"x": 1}]
    assert found[4] == ["serve"]
    assert found[5] == first[0]
    assert found[6] == "Healthy"
    assert containers
    assert not [pid for pid in containers if alive(pid)], "nothing of the killed sandbox runs on"
    stopped_with = container_pids(again)
    again.stop()
    assert not [pid for pid in stopped_with if alive(pid)]


@pytest.mark.network
def test_replicas_come_back_with_their_address_and_keys(own, tmp_path):
    (tmp_path / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    first = support.run_client(
        AKS
        + 'service = deploy("lasting", num_replicas=2)\nservice.wait_for_deployment()\nresult(service.get_keys())\n',
        tmp_path,
        own,
    )
    replicas = container_pids(own)
    assert replicas
    kill(own)
    again = support.start_sandbox(own.home)
    found = support.run_client(
        AKS
        + """
service = Webservice(ws, "lasting")
answer = service.run('{"still": "here"}')
while service.deployment_status["availableReplicas"] < 2:
    service = Webservice(ws, "lasting")
result([answer, service.state, service.get_keys()])
""",
        tmp_path,
        again,
    )
    assert found == ['{"still": "here"}', "Healthy", first]
    assert not [pid for pid in replicas if alive(pid)], "nothing of the killed sandbox runs on"


@pytest.mark.network
def test_image_whose_build_is_killed_is_built_by_the_next_sandbox(own, tmp_path):
    (tmp_path / "slow.yml").write_text(support.CONDA + "  - six\n")
    operation = support.run_client(
        IMAGES
        + """
image = Image.create(ws, "cut-short", [], configuration(conda_file="slow.yml"))
live = {"x-amlwidgets-live": "1", **ws._auth_object.get_authentication_header()}
while "operationDetails" not in requests.get(image._operation_endpoint, headers=live).json():
    pass
result([image.creation_state, image._operation_endpoint])
""",
        tmp_path,
        own,
    )
    kill(own)
    again = support.start_sandbox(own.home)
    found = support.run_client(
        IMAGES
        + f"OPERATION = {operation[1]!r}"
        + """
image = Image(ws, "cut-short")
image._operation_endpoint = OPERATION
image.wait_for_creation()
service = Webservice.deploy_from_image(ws, "cut-short", image, ACI)
service.wait_for_deployment()
result([image.creation_state, image.id, service.state])
service.delete()
""",
        tmp_path,
        again,
    )
    assert operation[0] == "Running"
    assert found == ["Succeeded", "cut-short:1", "Healthy"]


def container_pids(sandbox) -> list[int]:
    """Processes that work in the folders of the sandbox's containers."""
    import psutil

    mark = str(sandbox.home / "containers")
    found = []
    for process in psutil.process_iter(["environ", "cmdline"]):
        text = " ".join([*(process.info["environ"] or {}).values(), *(process.info["cmdline"] or [])])
        if mark in text and process.pid != sandbox.pid:
            found.append(process.pid)
    return found


def alive(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_stop_and_start_keeps_everything(own, tmp_path):
    before = support.run_client(
        """
from azureml.core import Environment, Model
Model.register(ws, model_path="m.txt", model_name="kept", tags={"a": "b"})
env = Environment("kept")
env.python.user_managed_dependencies = True
env.register(ws)
result(ws.get_details()["workspaceid"])
""",
        tmp_path,
        own,
    )
    own.stop()
    again = support.start_sandbox(own.home)
    found = support.run_client(
        """
from azureml.core import Environment, Model
model = Model(ws, "kept")
result([ws.get_details()["workspaceid"], model.tags, Path(model.download("out")).read_text(),
        Environment.get(ws, "kept").version])
""",
        tmp_path,
        again,
    )
    assert found == [before, {"a": "b"}, "forty-two", "1"]


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk needs the right to mount one")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(folder)], check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    support.until(lambda: subprocess.run(["umount", str(folder)], check=False).returncode == 0, what="the unmounting")


def test_full_disk(small_disk, tmp_path):
    sandbox = support.start_sandbox(small_disk / "home")
    try:
        found = support.run_client(
            """
from azureml.core import Model
Path("five.bin").write_bytes(bytes(5_000_000))
Path("ten.bin").write_bytes(bytes(10_000_000))
Path("one.bin").write_bytes(bytes(1_000_000))
first = Model.register(ws, model_path="five.bin", model_name="five")
text = failure(Model.register, ws, model_path="ten.bin", model_name="ten")
after = Model.register(ws, model_path="one.bin", model_name="one")
result([text, sorted(ws.models), Path(first.download("out")).stat().st_size, after.id])
""",
            tmp_path,
            sandbox,
        )
        assert "disk that holds the sandbox's state is full" in found[0]
        assert str(small_disk) in found[0]
        assert found[1:] == [["five", "one"], 5_000_000, "one:1"]
        assert sum(path.stat().st_size for path in (small_disk / "home" / "blobs").iterdir()) == 6_000_000
        assert list((small_disk / "home" / "blobs-staged").iterdir()) == []
    finally:
        sandbox.stop()
