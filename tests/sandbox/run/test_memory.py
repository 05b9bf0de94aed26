"""The memory limit: really enforced, with what the server makes of it."""

from __future__ import annotations

import secrets

import pytest

from amlwidgets.sandbox.run import ProcessRuntime, cgroups, watch
from amlwidgets.sandbox.run.limits import Limits

from .conftest import log_of, score, wait_for, wait_state

pytestmark = [pytest.mark.sandbox, pytest.mark.network]

EATS_IN_INIT = "def init():\n    global m\n    m = b'x' * (1 << 30)\n\n\ndef run(data):\n    return 1\n"
EATS_IN_A_CHILD = (
    "import subprocess, sys\n\n\ndef init():\n"
    "    subprocess.run([sys.executable, '-c', \"m = b'x' * (1 << 30)\"], check=True)\n\n\n"
    "def run(data):\n    return 1\n"
)
EATS_IN_RUN = (
    "def init():\n    pass\n\n\ndef run(data):\n    if 'eat' in data:\n        m = b'x' * (1 << 30)\n    return 1\n"
)


def kernel_limits():
    group = cgroups.make(f"amlwidgets-probe-{secrets.token_hex(4)}", 1 << 28)
    if group:
        group.remove()
    return group is not None


@pytest.fixture(params=["kernel", "looking"])
def runtime(request):
    if request.param == "kernel" and not kernel_limits():
        pytest.skip("this machine lets us make no control group")
    return ProcessRuntime(kernel_limits=request.param == "kernel")


def test_a_gigabyte_in_init_is_killed_again_and_again(host, runtime):
    container = host.start(EATS_IN_INIT, runtime=runtime, memory_gb=0.5)
    status = wait_for(lambda: (s := container.status()).oom_kills >= 3 and s, seconds=60)
    assert status.state == "Running"
    assert status.reason == "OOMKilled"
    log = log_of(container)
    assert "was sent SIGKILL! Perhaps out of memory?" in log
    assert log.count("Booting worker with pid") >= 3
    assert "ready for serving traffic" not in log
    assert status.peak_memory_bytes >= 0.45 * 1024**3


def test_what_a_child_takes_counts(host, runtime):
    container = host.start(EATS_IN_A_CHILD, runtime=runtime, memory_gb=0.5)
    wait_for(lambda: container.status().oom_kills >= 1)
    wait_for(lambda: "died with <Signals.SIGKILL: 9>" in log_of(container))


def test_a_request_that_eats_too_much_costs_the_worker(host, runtime):
    container = host.start(EATS_IN_RUN, runtime=runtime, memory_gb=0.5)
    wait_state(container, "Ready")
    with pytest.raises(OSError, match="closed|reset|Remote"):
        score(container, b'"eat"')
    wait_for(lambda: log_of(container).count("Booting worker with pid") == 2)
    wait_state(container, "Ready")
    assert score(container)[0] == 200
    assert container.status().oom_kills == 1


def test_within_the_limit_nothing_is_killed(host, runtime):
    script = EATS_IN_INIT.replace("1 << 30", "200 << 20")
    container = host.start(script, runtime=runtime, memory_gb=0.75)
    wait_state(container, "Ready")
    assert container.status().oom_kills == 0


def test_the_limit_of_cpu_is_told(host):
    container = host.start(cpu=0.5)
    words = container.status().cpu_limited
    assert words.startswith(("0.5 cores, enforced by the kernel", "bound to 1 whole core", "not enforced"))


def test_cpu_is_really_limited(host):
    if not kernel_limits():
        pytest.skip("this machine lets us make no control group")
    script = (
        "import time\n\n\ndef init():\n    pass\n\n\n"
        "def run(data):\n    begin, used = time.monotonic(), time.process_time()\n"
        "    while time.process_time() - used < 0.2:\n        pass\n    return time.monotonic() - begin\n"
    )
    container = host.start(script, cpu=0.2)
    wait_state(container, "Ready")
    assert float(score(container)[1]) > 0.6, "0.2 s of work take about a second at a fifth of a core"


def test_groups_are_given_back(host):
    spec = host.spec()
    limits = Limits(spec, free_start=True)
    group = limits.group
    limits.close()
    assert group is None or not any(folder.exists() for folder in group.folders)


def test_generations_are_skipped():
    import os

    mine = watch.descendants(os.getpid())
    assert mine[0] == os.getpid()
    assert os.getpid() not in watch.descendants(os.getpid(), skip=1)
