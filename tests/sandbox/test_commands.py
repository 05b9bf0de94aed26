"""``amlwidgets sandbox …`` as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import sandbox_support as support

from amlwidgets.errors import NotConnected
from amlwidgets.sandbox import client

pytestmark = pytest.mark.sandbox
PROGRAM = [sys.executable, "-m", "amlwidgets.cli", "sandbox"]


@pytest.fixture
def command(sandbox, tmp_path):
    environment = support.clean_environment(AMLWIDGETS_SANDBOX_HOME=str(sandbox.home), HOME=str(tmp_path))

    def run(*words, folder=tmp_path, **more):
        return subprocess.run(
            [*PROGRAM, *words],
            cwd=folder,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    run.environment = environment
    return run


def test_life_of_a_sandbox(tmp_path):
    environment = support.clean_environment(HOME=str(tmp_path))

    def run(*words):
        return subprocess.run(
            [*PROGRAM, *words, "--home", str(tmp_path / "h")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("status").returncode == 1
    assert run("env").returncode == 1
    assert "sandbox-not-running" in run("env").stderr
    started = run("start", "--speed", "1")
    assert (started.returncode, "speed 1" in started.stdout) == (0, True)
    again = run("start")
    assert "already runs" in again.stdout
    assert "It keeps speed 1" in again.stdout
    status = json.loads(run("status", "--format", "json").stdout)
    assert (status["running"], status["speed"], status["models"]) == (True, "1", 0)
    assert run("stop").returncode == 0
    assert "No sandbox runs" in run("stop").stdout
    assert run("status").returncode == 1


def test_run_writes_a_config_once_and_says_so(command, tmp_path):
    script = tmp_path / "s.py"
    script.write_text("from azureml.core import Workspace\nprint(Workspace.from_config().name)\n")
    first = command("run", "--", "python", "s.py")
    assert (first.returncode, first.stdout) == (0, "sandbox\n"), first.stderr
    assert "Wrote .azureml/config.json" in first.stderr
    config = tmp_path / ".azureml" / "config.json"
    text = config.read_text()
    below = tmp_path / "sub" / "folder"
    below.mkdir(parents=True)
    second = command("run", "--", "python", "../../s.py", folder=below)
    assert (second.returncode, second.stdout, second.stderr) == (0, "sandbox\n", "")
    assert config.read_text() == text
    assert not (below / ".azureml").exists()


def test_run_makes_the_workspace_that_a_file_names(command, tmp_path):
    names = {
        "subscription_id": "0f0f0f0f-0000-4000-8000-000000000000",
        "resource_group": "mine",
        "workspace_name": "w1",
    }
    (tmp_path / "config.json").write_text(json.dumps(names))
    (tmp_path / "s.py").write_text("from azureml.core import Workspace\nprint(Workspace.from_config().name)\n")
    done = command("run", "--", "python", "s.py")
    assert (done.returncode, done.stdout) == (0, "w1\n"), done.stderr
    assert not (tmp_path / ".azureml").exists()


def test_a_foreign_config_is_left_alone(command, tmp_path):
    (tmp_path / "config.json").write_text('{"theme": "dark"}')
    assert command("run", "--", "true").returncode == 0
    assert (tmp_path / "config.json").read_text() == '{"theme": "dark"}'
    (tmp_path / ".azureml" / "config.json").write_text("{}")
    broken = command("run", "--", "true")
    assert broken.returncode == 2
    assert "names no workspace" in broken.stderr


def test_exit_codes_are_passed_on(command):
    assert command("run", "--", sys.executable, "-c", "raise SystemExit(7)").returncode == 7
    assert command("run", "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert command("run", "--", "no-such-program").returncode == 2
    assert command("run").returncode == 2
    assert command("start", "--speed", "fast").returncode == 2
    assert command("nonsense").returncode == 2


def test_ctrl_c_goes_to_the_command(command, tmp_path):
    code = (
        "import time\ntry:\n    print('up', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    raise SystemExit(5)"
    )
    process = subprocess.Popen(
        [*PROGRAM, "run", "--", sys.executable, "-c", code],
        cwd=tmp_path,
        env=command.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "up\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 5


def test_env_leads_a_shell_to_the_sandbox(command, tmp_path):
    printed = command("env").stdout
    script = f'{printed}\ntest -z "$HOSTNAME" && {sys.executable} -c \'import os; print(os.environ["MSI_ENDPOINT"])\''
    done = subprocess.run(
        ["sh", "-c", script], env=command.environment | {"HOSTNAME": "h"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("http://127.0.0.1:")


def test_reset_asks(command, sandbox, tmp_path):
    (tmp_path / "m.txt").write_text("x")
    support.run_client(
        "from azureml.core import Model\nModel.register(ws, model_path='m.txt', model_name='m')", tmp_path, sandbox
    )
    refused = command("reset")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert sandbox.status()["models"] == 1
    assert command("reset", "--yes").returncode == 0
    assert sandbox.status()["models"] == 0
    assert "sandbox" in sandbox.status()["workspaces"]


def test_port_that_is_taken(tmp_path):
    import socket

    from amlwidgets.errors import BadInput

    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(BadInput, match="is taken"):
        client.start(tmp_path / "h", port=other.getsockname()[1])
    with pytest.raises(BadInput, match="between 1 and"):
        client.start(tmp_path / "h", port=70_000)
    with pytest.raises(BadInput, match="'quick' or '1'"):
        client.start(tmp_path / "h", speed="2")
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        client.start(blocked / "h")


def test_a_folder_of_other_things_is_left_as_it_is(tmp_path):
    """A start clears its parts, “containers” among them, and closes the folder to others."""
    from amlwidgets.errors import BadInput

    place = tmp_path / "project"
    mine = place / "containers" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    place.chmod(0o755)
    with pytest.raises(BadInput, match="holds other things, such as containers"):
        client.start(place)
    assert mine.read_text() == "mine"
    assert place.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in place.iterdir()] == ["containers"]


def test_two_starts_at_once_give_one_sandbox(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda _: client.start(tmp_path / "h"), range(4)))
    assert len({sandbox.pid for sandbox in found}) == 1
    found[0].stop()


@pytest.mark.parametrize(
    ("file", "how"),
    [
        ("identity.json", "overwritten"),
        ("sandbox.sqlite", "overwritten"),
        ("ca.pem", "overwritten"),
        ("ca-key.pem", "overwritten"),
        ("ca-key.pem", "removed"),
    ],
)
def test_a_damaged_state_folder_is_told_in_one_sentence(tmp_path, file, how):
    home = tmp_path / "h"
    support.start_sandbox(home).stop()
    (home / file).unlink() if how == "removed" else (home / file).write_bytes(b"{garbage " * 500)
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.name == file or path.suffix == ".pem"}
    environment = support.clean_environment(HOME=str(tmp_path))
    command = [*PROGRAM, "start", "--home", str(home)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert f"{home / file} is damaged or missing. Put it back from a copy, or move" in done.stderr
    assert {path.name: path.read_bytes() for path in home.iterdir() if path.name in before} == before


def test_the_daemon_keeps_its_files_private_and_its_log_short(sandbox, tmp_path):
    from amlwidgets.sandbox import daemon

    loose = [p for p in (sandbox.home / "sandbox.sqlite", sandbox.home / "blobs") if p.stat().st_mode & 0o077]
    assert loose == []
    log = tmp_path / "daemon.log"
    log.write_text("".join(f"line {number}\n" for number in range(2000)))
    with log.open("a") as appending:
        daemon.shorten(log, 1000)
        appending.write("next\n")
    lines = log.read_text().splitlines()
    assert lines[-2:] == ["line 1999", "next"]
    assert lines[0].startswith("line 19")
    assert log.stat().st_size < 1100


def test_run_leaves_nothing_in_the_sdks_cache_of_workspaces(command, sandbox, tmp_path):
    cache = tmp_path / ".azureml" / ".discovery"
    cache.parent.mkdir()
    real = {"/subscriptions/real/resourceGroups/g/x/workspaces/w/0-1|https://y": {"default": {"a": "b"}}}
    cache.write_text(json.dumps(real))
    cache.chmod(0o644)
    own, script = tmp_path / "own", "from azureml.core import Workspace as W; W.from_config().models; "
    own.mkdir()
    (own / "config.json").write_text(
        json.dumps({"subscription_id": "some-real-one", "resource_group": "g", "workspace_name": "mine"})
    )
    for folder in (tmp_path, own):
        show = f"print(len(open({str(cache)!r}).read()))"
        done = command("run", "--", sys.executable, "-c", script + show, folder=folder)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout.split()[-1]) > len(json.dumps(real)), "the SDK writes there"
        assert json.loads(cache.read_text()) == real
        assert cache.stat().st_mode & 0o777 == 0o644
    cache.write_text("{broken")
    assert command("run", "--", "true").returncode == 0
    assert cache.read_text() == "{broken"


def test_a_sandbox_that_is_slow_to_answer_is_not_said_to_be_gone(sandbox):
    os.kill(sandbox.pid, signal.SIGSTOP)  # it listens, and answers nothing
    try:
        with pytest.raises(
            NotConnected, match=r"has not answered for 0\.2 s; it may still do what was asked of it"
        ) as slow:
            sandbox._call("GET", "/sandbox/status", timeout=0.2)
    finally:
        os.kill(sandbox.pid, signal.SIGCONT)
    assert slow.value.code == "sandbox-busy"
    assert sandbox.status()["pid"] == sandbox.pid
