"""The same behaviour of both runtimes: processes of the machine, and containers of a Docker engine."""

from __future__ import annotations

import json

import pytest
from run.conftest import log_of, score, wait_for, wait_state

pytestmark = [pytest.mark.sandbox, pytest.mark.network]

EATS = (
    "def init():\n    pass\n\n\ndef run(data):\n    if 'eat' in data:\n        rest = []\n        while True:\n"
    "            rest.append(bytearray(b'x' * 10_000_000))\n    return 1\n"
)


def start(host, script, **more):
    return host.start(script, runtime=host.runtime, **more)


def test_a_good_script_gets_ready_answers_and_stops(host):
    container = start(host, "def init():\n    print('loading')\n\n\ndef run(data):\n    return {'got': data}\n")
    status = wait_state(container, "Ready")
    assert score(container, b'"hello"') == (200, '{"got": "\\"hello\\""}')
    assert (status.restarts, status.exit_code, status.oom_kills) == (0, None, 0)
    assert "ready for serving traffic" in log_of(container)
    wait_for(lambda: container.status().peak_memory_bytes > 10_000_000)
    container.stop()
    status = container.status()
    assert (status.state, status.reason, status.exit_code) == ("Terminated", "Completed", 0)
    assert status.started_at <= status.finished_at
    container.stop()  # a second time does no harm
    with pytest.raises(OSError):
        score(container)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def init():\n    raise ValueError('no threshold')\n\n\ndef run(data):\n    return 1\n", "no threshold"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        (None, "No such file or directory"),
    ],
    ids=["init raises", "missing module", "no script"],
)
def test_a_bad_script_crash_loops_with_the_servers_exit_code(host, script, message):
    container = start(host, script)
    status = wait_for(lambda: (s := container.status()).restarts >= 1 and s.state == "Waiting" and s)
    assert (status.reason, status.exit_code) == ("CrashLoopBackOff", 3)
    assert message in log_of(container)
    assert log_of(container).count("Booting worker with pid") >= 2, "every attempt is appended to the same log"


def test_a_worker_over_its_memory_is_killed_counted_and_replaced(host):
    container = start(host, EATS, memory_gb=0.25)
    wait_state(container, "Ready")
    with pytest.raises(OSError):
        score(container, b'"eat"')
    assert wait_for(lambda: container.status().oom_kills) >= 1
    wait_for(lambda: log_of(container).count("Booting worker with pid") == 2)
    status = wait_state(container, "Ready")
    assert score(container)[0] == 200
    assert status.restarts == 0, "the server's master goes on"


def test_a_model_that_never_fits_is_killed_again_and_again(host):
    script = "kept = []\n\n\ndef init():\n    while True:\n        kept.append(bytearray(b'x' * 5_000_000))\n\n\ndef run(data):\n    return 1\n"
    container = start(host, script, memory_gb=0.15)
    status = wait_for(lambda: (s := container.status()).oom_kills >= 2 and s, 60)
    assert status.state != "Ready"
    assert log_of(container).count("Booting worker with pid") >= 2


def test_a_slow_init_is_running_and_not_ready_until_it_ends(host):
    script = (
        "import pathlib, time\n\n\ndef init():\n    print('waiting')\n"
        "    while not pathlib.Path('/tmp/go').exists():\n        time.sleep(0.05)\n\n\ndef run(data):\n    return 1\n"
    )
    container = start(host, script.replace("'/tmp/go'", "__file__ + '.absent'"))
    wait_for(lambda: "Invoking user's init function" in log_of(container))
    assert container.status().state == "Running"
    container.stop()
    assert container.status().state == "Terminated"


def test_the_same_port_serves_every_attempt_and_refuses_in_between(host):
    container = start(host, "import no_such_module\n")
    port = container.spec.port
    wait_for(lambda: container.status().restarts >= 2)
    assert container.spec.port == port
    with pytest.raises(OSError):
        score(container)


def test_a_worker_that_dies_is_replaced_by_the_server(host):
    script = (
        "import os\n\n\ndef init():\n    pass\n\n\n"
        "def run(data):\n    if 'die' in data:\n        os._exit(9)\n    return 1\n"
    )
    container = start(host, script)
    wait_state(container, "Ready")
    with pytest.raises(OSError):
        score(container, b'"die"')
    wait_for(lambda: log_of(container).count("Booting worker with pid") == 2)
    wait_state(container, "Ready")
    assert score(container)[0] == 200
    assert container.status().restarts == 0


def test_the_container_sees_the_contract_and_its_model(host, monkeypatch):
    monkeypatch.setenv("SOME_SECRET", "do-not-tell")
    script = (
        "import os, pathlib, socket\n\n\ndef init():\n    pass\n\n\ndef run(data):\n"
        "    model = pathlib.Path(os.environ['AZUREML_MODEL_DIR'], 'weights.txt').read_text()\n"
        "    return {'env': dict(os.environ), 'cwd': os.getcwd(), 'host': socket.gethostname(), 'model': model}\n"
    )
    container = start(host, script, environment={"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"})
    wait_state(container, "Ready")
    text = score(container)[1]
    assert "do-not-tell" not in text
    answer = json.loads(text)
    env = answer["env"]
    assert answer["model"] == "42"
    assert env["EXAMPLE_ENV_VAR"] == "EXAMPLE_VALUE"
    assert env["HOSTNAME"] == "web"
    assert env["AML_APP_ROOT"] == answer["cwd"]
    assert env["AZUREML_MODEL_DIR"] == f"{answer['cwd']}/azureml-models/m/1"
    assert env["AZUREML_ENTRY_SCRIPT"].endswith("score.py")
    assert env["TZ"] == "UTC"
