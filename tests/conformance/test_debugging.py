"""Containers that fail for real on a Docker engine: found by the probes, repaired by edit and reload, scored."""

import json
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests
import sandbox_support as support
from docker_support import docker, needs_engine

from amlwidgets.core.checks import CheckState
from amlwidgets.docker_engine import engine
from amlwidgets.errors import BadInput, NotAllowed, NotConnected, ServiceFailed
from amlwidgets.services.local.compare import differences
from amlwidgets.services.local.container import LocalContainer
from amlwidgets.services.local.debugger import attach
from amlwidgets.services.local.engine import check_engine
from amlwidgets.services.local.images import Location, pull
from amlwidgets.services.local.ours import LABEL, clean, owner
from amlwidgets.services.local.probes import ask

pytestmark = [pytest.mark.sandbox, *needs_engine]

CONDA = "name: x\ndependencies:\n- python=3.11\n- pip:\n  - azureml-defaults\n  - scikit-learn==1.7.2\n"
WRONG_FOLDER = """
import json, os
def init():
    global model
    model = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "models", "m.txt")).read()
def run(data):
    return {"model": model, "echo": json.loads(data)}
"""
REGISTER = """
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice
model = Model.register(ws, model_path="m.txt", model_name="m")
env = Environment.from_conda_specification("env", "myenv.yml")
inference = InferenceConfig(entry_script="score.py", environment=env)
service = Model.deploy(ws, "debugged", [model], inference, AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=0.5))
try:
    service.wait_for_deployment()
except Exception as error:
    print(type(error).__name__)
"""


def ours() -> list[str]:
    """Containers and images that this process has made; others on this machine may debug theirs meanwhile."""
    mine = f"label={LABEL}={owner()}"
    return [
        line for what in (["ps", "-a"], ["images"]) for line in docker(*what, "-q", "--filter", mine).stdout.split()
    ]


@pytest.fixture(scope="module")
def image(docker_sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("debugged")
    (folder / "myenv.yml").write_text(CONDA)
    (folder / "score.py").write_text(WRONG_FOLDER)
    (folder / "m.txt").write_text("forty-two")
    support.run_client(REGISTER, folder, docker_sandbox)
    return docker_sandbox.image("debugged")["location"]


@pytest.fixture
def start(image):
    begun = []

    def start_(**options):
        begun.append(LocalContainer.start(image, **options))
        return begun[-1]

    yield start_
    for container in begun:
        container.close()
    assert ours() == []


def test_a_wrong_model_folder_is_found_edited_and_scored(start):
    local = start(memory_gb=0.5, cpu=1)
    state = local.wait()
    assert (state.status, state.exit_code) == ("exited", 3)
    assert "init() failed" in state.words
    # The container has ended: a copy of its files is looked at.
    called = ask(local.inside, "call")
    assert called.state is CheckState.FAIL
    assert "FileNotFoundError" in called.sentence
    folder = ask(local.inside, "model_dir")
    assert folder.state is CheckState.OK
    assert any(row[0].endswith("m.txt") for row in folder.table)

    local.write("score.py", local.read("score.py").replace(', "models"', ""))
    assert ask(local.inside, "call", sample="1").state is CheckState.FAIL, "the copy is of before the edit"
    state = local.reload()
    assert state.ready, state
    answer = requests.post(local.address, data="[1, 2]", headers={"Content-Type": "application/json"}, timeout=10)
    assert answer.json() == {"model": "forty-two", "echo": [1, 2]}
    assert ask(local.inside, "call", sample="[3]").state is CheckState.OK
    assert ask(local.inside, "ports").sentence == "The server listens on port 5001."
    limit = ask(local.inside, "disk").data["memory_limit_bytes"]
    assert limit == 512 << 20
    usage = local.usage()
    assert 10 << 20 < usage.memory_bytes < usage.limit_bytes == 512 << 20


OTHER_VERSION = """
import pickle, pathlib
from sklearn.linear_model import Ridge
data = pickle.dumps(Ridge(alpha=1e-9).fit([[0.], [1.]], [0, 1])).replace(b"1.7.2", b"1.3.9")
pathlib.Path("/var/azureml-app/azureml-models/m/1/model.pkl").write_bytes(data)
"""
STRICT = """\
import json
import os
import pickle
import warnings

warnings.simplefilter("error")


def init():
    global model
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"), "rb") as file:
        model = pickle.load(file)


def run(data):
    return model.predict(json.loads(data)["data"]).round(3).tolist()
"""


def test_versions_of_pickle_and_image_are_compared_repaired_and_scored(start):
    local = start()
    local.write("score.py", "def init():\n    pass\n\n\ndef run(data):\n    return 1\n")
    assert local.reload().ready
    local.write("prepare.py", OTHER_VERSION)
    assert local.inside.run(["python", "prepare.py"]).exit_code == 0
    local.write("score.py", STRICT)
    assert local.reload().exit_code == 3
    called = ask(local.inside, "call")
    assert called.state is CheckState.FAIL
    assert "InconsistentVersionWarning" in called.sentence
    pickles = ask(local.inside, "pickles")
    installed = ask(local.inside, "packages").data["packages"]
    found = differences(installed, pickles=pickles.data["files"])
    assert found[0].words == "model.pkl was saved with scikit-learn 1.3.9; the container has 1.7.2."
    assert found[0].matters

    local.write("score.py", local.read("score.py").replace('warnings.simplefilter("error")\n', ""))
    assert local.reload().ready
    assert requests.post(local.address, json={"data": [[2.0]]}, timeout=10).json() == [2.0]


def test_out_of_memory_and_hanging_are_told_apart(start):
    local = start(memory_gb=0.4)
    local.wait()
    hungry = "def init():\n    global hog\n    hog = bytearray(900 << 20)\n\n\ndef run(data):\n    return 1\n"
    local.write("score.py", hungry)
    state = local.reload()

    assert state.oom_killed
    assert "needed more memory than its limit of 429 MB" in state.words
    with pytest.raises(ServiceFailed, match=r"killed \(exit code 137\)"):
        ask(local.inside, "call")
    local.write("score.py", "import time\n\n\ndef init():\n    time.sleep(600)\n\n\ndef run(data):\n    return 1\n")
    state = local.reload(seconds=4)
    assert "init() may hang" in state.words
    with pytest.raises(ServiceFailed, match="did not end within 2 s"):
        ask(local.inside, "call", seconds=2)
    local.write("score.py", "def init():\n    pass\n\n\ndef run(data):\n    return 'well'\n")
    assert local.reload().ready
    assert requests.post(local.address, json={}, timeout=10).json() == "well"


def test_the_host_is_looked_at(image):
    checks = {check.id: check for check in check_engine(image=image, memory_gb=1)}
    assert list(checks) == ["engine", "run", "disk", "memory", "architecture"]
    assert all(check.state in (CheckState.OK, CheckState.WARN) for check in checks.values()), checks
    assert checks["architecture"].state is CheckState.OK


def test_a_taken_port_and_an_absent_image(image, start):
    first = start()
    with pytest.raises(BadInput, match=f"listens on port {first.port}"):
        LocalContainer.start(image, port=first.port)
    with pytest.raises(BadInput, match="no image absent:1"):
        LocalContainer.start("absent:1")


def test_what_a_killed_kernel_left_is_removed_and_nothing_else(image, start):
    mine = start()
    code = (
        "import sys\nfrom amlwidgets.services.local.container import LocalContainer\n"
        "c = LocalContainer.start(sys.argv[1])\nprint(c.name, flush=True)\nimport time; time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, image], stdout=subprocess.PIPE, text=True) as kernel:
        name = kernel.stdout.readline().strip()
        kernel.kill()
    foreign = docker("run", "-d", "--label", "other=1", "--entrypoint", "sleep", image, "600").stdout.strip()
    try:
        with engine() as client:
            assert clean(client) == [name]
        assert foreign[:12] in docker("ps", "-q").stdout
        assert mine.state().status != "removed"
    finally:
        docker("rm", "-f", foreign)


def test_a_container_that_is_gone(start):
    local = start()
    docker("rm", "-f", local.name)
    began = time.monotonic()
    assert local.wait(30).status == "removed"
    assert time.monotonic() - began < 20
    with pytest.raises(ServiceFailed, match="is gone"):
        ask(local.inside, "where")


class Client:
    """A client of the debug adapter protocol, as far as a breakpoint needs it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.file, self.number, self.events = self.socket.makefile("rb"), 0, []

    def send(self, command: str, **arguments) -> int:
        self.number += 1
        text = json.dumps({"seq": self.number, "type": "request", "command": command, "arguments": arguments}).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        return self.number

    def read(self) -> dict:
        length = 0
        while (line := self.file.readline().strip()) or not length:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.file.read(length))

    def event(self, name: str) -> dict:
        for seen in self.events:
            if seen["event"] == name:
                self.events.remove(seen)
                return seen.get("body", {})
        while True:
            message = self.read()
            if message["type"] == "event" and message["event"] == name:
                return message.get("body", {})
            if message["type"] == "event":
                self.events.append(message)

    def ask(self, command: str, **arguments) -> dict:
        number = self.send(command, **arguments)
        while True:
            message = self.read()
            if message["type"] == "response" and message["request_seq"] == number:
                assert message["success"], message
                return message.get("body", {})
            if message["type"] == "event":
                self.events.append(message)


SUMMING = """\
import json


def init():
    pass


def run(data):
    values = json.loads(data)
    total = sum(values)
    return {"total": total}
"""


def test_a_debugger_stops_in_the_script_reads_a_variable_and_goes_on(start, tmp_path):
    local = start()
    local.write("score.py", SUMMING)
    (tmp_path / "score.py").write_text(SUMMING)
    debugging = attach(local, folder=tmp_path)
    try:
        launch = json.loads((tmp_path / ".vscode" / "launch.json").read_text())["configurations"][0]
        assert launch["connect"]["port"] == debugging.port
        wait_for_log(debugging.container.container, "Waiting for a debugger on port 5678")
        client = Client(launch["connect"]["port"])
        client.ask("initialize", adapterID="test", pathFormat="path", linesStartAt1=True, columnsStartAt1=True)
        mappings = [{"localRoot": str(tmp_path), "remoteRoot": launch["pathMappings"][0]["remoteRoot"]}]
        attached = client.send("attach", pathMappings=mappings, justMyCode=False)
        client.event("initialized")
        line = SUMMING.splitlines().index('    return {"total": total}') + 1
        client.ask("setBreakpoints", source={"path": str(tmp_path / "score.py")}, breakpoints=[{"line": line}])
        client.ask("configurationDone")
        assert attached
        assert debugging.container.wait(60).ready
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(
                requests.post(debugging.container.address, json=[1, 2, 39], timeout=60).json()
            )
        )
        asking.start()
        stopped = client.event("stopped")
        frame = client.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"][0]
        assert (frame["name"], frame["line"], frame["source"]["path"]) == ("run", line, str(tmp_path / "score.py"))
        scope = client.ask("scopes", frameId=frame["id"])["scopes"][0]
        values = client.ask("variables", variablesReference=scope["variablesReference"])["variables"]
        assert {v["name"]: v["value"] for v in values}["total"] == "42"
        client.ask("continue", threadId=stopped["threadId"])
        asking.join(30)
        assert answers == [{"total": 42}]
    finally:
        debugging.close()
    assert not (tmp_path / ".vscode").exists()
    assert local.state().status == "running"
    assert "debugpy" not in local.read("score.py")


def wait_for_log(container, text: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while text not in container.logs().decode():
        assert time.monotonic() < end, container.logs().decode()
        time.sleep(0.1)


def test_an_image_is_pulled_with_progress_from_a_registry(docker_sandbox, image):
    made = docker_sandbox.image("debugged")
    told, stop = [], threading.Event()
    with engine() as client:
        pulled = pull(
            client, Location(made["registry"], made["user"], made["password"]), tell=lambda p: told.append(p.sentence())
        )
        assert pulled.id == client.images.get(image).id
        assert told
        assert made["password"] not in repr(Location("x", "u", made["password"]))
        with pytest.raises(NotAllowed, match="does not let you pull"):
            pull(client, Location(made["registry"], made["user"], "wrong"))
        with pytest.raises(BadInput, match="There is no image"):
            pull(client, Location(made["registry"].rpartition(":")[0] + ":absent", made["user"], made["password"]))
        with pytest.raises(NotConnected, match=r"127\.0\.0\.1:1 does not answer"):
            pull(client, Location("127.0.0.1:1/x:1"))
        stop.set()
        with pytest.raises(ServiceFailed, match="cancelled"):
            pull(client, Location(made["registry"], made["user"], made["password"]), cancelled=stop)


def test_an_engine_that_stops_answering_is_a_state(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        checks = check_engine(port=taken.getsockname()[1])
    assert [check.state for check in checks] == [CheckState.FAIL, CheckState.FAIL]
    assert "DOCKER_HOST is tcp://127.0.0.1:1" in checks[0].todo
    assert "listens on port" in checks[1].detail
    with pytest.raises(NotConnected, match="No Docker engine answers at tcp"):
        LocalContainer.start("x")
