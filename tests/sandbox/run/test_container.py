"""Containers: the real server, the user's scripts, and what comes of them."""

from __future__ import annotations

import socket

import psutil
import pytest

from amlwidgets.sandbox.run import Backoff, ProcessRuntime

from .conftest import log_of, mentioning, modes, score, wait_for, wait_state

pytestmark = [pytest.mark.sandbox, pytest.mark.network]


@pytest.mark.parametrize("mode", modes())
def test_a_good_script_gets_ready_and_answers(host, mode):
    container = host.start(runtime=ProcessRuntime(isolate=mode))
    status = wait_state(container, "Ready")
    assert score(container, b'"hello"') == (200, '{"got": "\\"hello\\""}')
    assert status.restarts == 0
    assert status.exit_code is None
    assert status.peak_memory_bytes > 10_000_000 or mode == "none"
    assert "ready for serving traffic" in log_of(container)


def test_status_before_and_after(host):
    container = host.start()
    assert container.status().state in {"Starting", "Running"}
    wait_state(container, "Ready")
    container.stop()
    status = container.status()
    assert (status.state, status.reason, status.exit_code) == ("Terminated", "Completed", 0)
    assert status.started_at <= status.finished_at
    container.stop()  # a second time does no harm


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def init():\n    raise ValueError('no threshold')\n\n\ndef run(data):\n    return 1\n", "no threshold"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def init(:\n", "SyntaxError"),
        ("def init():\n    pass\n", "run() function defined"),
        (None, "No such file or directory"),
    ],
    ids=["init raises", "missing module", "syntax error", "no run", "no script"],
)
def test_a_bad_script_crash_loops_with_the_servers_exit_code(host, script, message):
    container = host.start(script)
    status = wait_for(lambda: (s := container.status()).restarts >= 1 and s.state == "Waiting" and s)
    assert (status.reason, status.exit_code) == ("CrashLoopBackOff", 3)
    log = log_of(container)
    assert message in log
    assert log.count("Booting worker with pid") >= 2, "every attempt is appended to the same log"


def test_a_script_whose_run_raises_answers_500_and_stays_ready(host):
    container = host.start("def init():\n    pass\n\n\ndef run(data):\n    return 1 / 0\n")
    wait_state(container, "Ready")
    assert score(container)[0] == 500
    assert "ZeroDivisionError: division by zero" in log_of(container)
    assert container.status().state == "Ready"


def test_an_environment_without_the_server_fails_in_the_shell(host, bare_prefix):
    container = host.start(prefix=bare_prefix)
    status = wait_state(container, "Waiting")
    assert status.exit_code == 127
    assert "azmlinfsrv: not found" in log_of(container)


def test_a_taken_port_is_replaced_by_another_and_nothing_leaves_loopback(host):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        container = host.start(port=taken)
        assert container.spec.port not in (0, taken)
        wait_state(container, "Ready")
        assert score(container)[0] == 200
        assert listening_elsewhere(container) == []


def test_the_port_is_the_containers_between_two_servers(host):
    container = host.start("import no_such_module\n", runtime=ProcessRuntime(backoff=Backoff(600, 600, 600)))
    wait_state(container, "Waiting")
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        assert thief.connect_ex(("127.0.0.1", container.spec.port)), "nobody listens meanwhile"
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind(("127.0.0.1", container.spec.port))


def test_the_same_port_serves_every_attempt(host):
    marker = host.folder / "second"
    script = (
        f"import pathlib\n\n\ndef init():\n    mark = pathlib.Path({str(marker)!r})\n"
        "    if not mark.exists():\n        mark.touch()\n        raise ValueError('first time')\n\n\n"
        "def run(data):\n    return 1\n"
    )
    container = host.start(script)
    port = container.spec.port
    assert wait_state(container, "Ready").restarts == 1
    assert container.spec.port == port
    assert score(container)[0] == 200


def listening_elsewhere(container) -> list[str]:
    """Return the addresses apart from loopback on which the container's port is listened on."""
    found = psutil.net_connections("inet")
    return [
        c.laddr.ip
        for c in found
        if c.status == psutil.CONN_LISTEN and c.laddr.port == container.spec.port and c.laddr.ip != "127.0.0.1"
    ]


def test_a_folder_that_cannot_be_used_is_told(host):
    spec_root = host.folder / "web"
    spec_root.mkdir()
    (spec_root / "tmp").write_text("a file where a folder is needed")
    container = host.start()
    status = wait_state(container, "Waiting")
    assert status.exit_code == 128
    assert "sandbox: the container cannot be started" in log_of(container)


def test_the_back_off_grows(host):
    container = host.start("import no_such_module\n", runtime=ProcessRuntime(backoff=Backoff(0.01, 1000, 60)))
    wait_for(lambda: container.status().restarts >= 2)
    assert [Backoff().seconds(n) for n in (1, 2, 3, 6, 50)] == [10, 20, 40, 300, 300]


def test_a_worker_that_dies_is_replaced_by_the_server(host):
    script = (
        "import os\n\n\ndef init():\n    pass\n\n\n"
        "def run(data):\n    if 'die' in data:\n        os._exit(9)\n    return 1\n"
    )
    container = host.start(script)
    wait_state(container, "Ready")
    with pytest.raises(OSError, match="closed|reset|Remote"):
        score(container, b'"die"')
    wait_for(lambda: log_of(container).count("Booting worker with pid") == 2)
    wait_state(container, "Ready")
    assert score(container)[0] == 200
    assert container.status().restarts == 0


def test_the_environment_holds_the_contract_and_no_secrets(host, monkeypatch):
    monkeypatch.setenv("SOME_SECRET", "do-not-tell")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:1")
    script = (
        "import os, socket\n\n\ndef init():\n    pass\n\n\ndef run(data):\n"
        "    return {'env': dict(os.environ), 'cwd': os.getcwd(), 'host': socket.gethostname()}\n"
    )
    container = host.start(script, environment={"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"})
    wait_state(container, "Ready")
    text = score(container)[1]
    assert "do-not-tell" not in text
    assert "PROXY" not in text.upper().replace("PROXY_HEADERS", "")
    import json

    answer = json.loads(text)
    env = answer["env"]
    assert env["EXAMPLE_ENV_VAR"] == "EXAMPLE_VALUE"
    assert env["HOSTNAME"] == "web"
    assert env["PATH"].endswith("/bin:/usr/bin:/bin")
    assert env["AML_APP_ROOT"] == answer["cwd"]
    assert env["AZUREML_MODEL_DIR"] == f"{answer['cwd']}/azureml-models/m/1"
    if modes()[0] != "none":
        assert answer["cwd"] == "/var/azureml-app"
        assert answer["host"] == "web"


def test_tracebacks_read_as_in_azure(host):
    if modes()[0] == "none":
        pytest.skip("this machine allows no namespaces")
    container = host.start("def init():\n    raise ValueError('x')\n\n\ndef run(data):\n    return 1\n")
    wait_state(container, "Waiting")
    assert 'File "/var/azureml-app/score.py", line 2, in init' in log_of(container)
    assert 'File "/azureml-envs/azureml_' in log_of(container)


def test_only_loopback_is_listened_on(host):
    container = host.start()
    wait_state(container, "Ready")
    assert f"Listening at: http://127.0.0.1:{container.spec.port}" in log_of(container)


def test_the_model_is_there(host):
    script = (
        "import os, pathlib\n\n\ndef init():\n    global answer\n"
        "    answer = pathlib.Path(os.environ['AZUREML_MODEL_DIR'], 'weights.txt').read_text()\n\n\n"
        "def run(data):\n    return answer\n"
    )
    container = host.start(script)
    wait_state(container, "Ready")
    assert score(container) == (200, '"42"')
    assert "Model directory is not set" not in log_of(container)


@pytest.mark.parametrize("mode", modes())
def test_stop_leaves_no_process(host, mode):
    script = (
        "import subprocess\n\n\ndef init():\n"
        "    subprocess.Popen(['sleep', '98765.{port}'], start_new_session=True)\n\n\ndef run(data):\n    return 1\n"
    )
    container = host.start(script.replace("{port}", mode), runtime=ProcessRuntime(isolate=mode), name=f"stop-{mode}")
    runaway = f"98765.{mode}"
    wait_for(lambda: mentioning(runaway) or "invalid" in log_of(container))
    wait_state(container, "Ready")
    container.stop()
    assert not mentioning(f"--port {container.spec.port}")
    assert not mentioning(runaway)
    assert not mentioning(str(container.spec.root))


def test_stop_is_prompt_while_starting(host):
    container = host.start("import time\n\n\ndef init():\n    time.sleep(600)\n\n\ndef run(data):\n    return 1\n")
    wait_for(lambda: "Invoking user's init function" in log_of(container))
    container.stop()
    assert container.status().state == "Terminated"
    assert not mentioning(f"--port {container.spec.port}")
