"""Logs of a service of the sandbox through the real client, and of a container of a real Docker engine."""

import contextlib
import io
import re
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest
from docker_support import missing

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.services.log_container import ContainerSource
from amlwidgets.services.log_pick import source_of

COUNTING = """
import threading
from pathlib import Path
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice
from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.services.log_pick import source_of
Path("count.py").write_text("n = 0\\ndef init():\\n    pass\\ndef run(data):\\n    global n\\n    for _ in range(20):\\n"
    "        print(f'counted {n}', flush=True)\\n        n += 1\\n    return n\\n")
env = Environment.from_conda_specification("serving", "myenv.yml")
small = AciWebservice.deploy_configuration(cpu_cores=0.5, memory_gb=0.5)
service = Model.deploy(ws, "counts", [], InferenceConfig(entry_script="count.py", environment=env), small)
service.wait_for_deployment()
notes = Path("notes.log")
notes.write_text("2020-01-01 00:00:00 before all\\n")
source = source_of({"service": service, "notes": notes})
log = LogBuffer(source.name)
def follow():
    stop = threading.Event()
    thread = threading.Thread(target=source.run, args=(log, stop))
    thread.start()
    return stop, thread
stop, thread = follow()
for n in range(60):
    service.run("1")
    if n in (20, 40):
        # All views are closed; later one is opened again.
        stop.set()
        thread.join()
        service.run("1")
        stop, thread = follow()
last = "counted 1239"
for _ in range(1500):
    if last in log.text():
        break
    stop.wait(0.02)
stop.set()
thread.join()
log.settle()
service.delete()
origins = log.origins_of(range(len(log)))
result([log.text(), [source.names[n] for n in origins], [b.stage for b in log.stages.begins]])
"""


@pytest.mark.sandbox
def test_a_polled_service_is_read_without_gaps_or_duplicates_and_merged(run):
    text, names, stages = run(COUNTING)
    lines = text.splitlines()
    counted = [int(n) for n in re.findall(r"counted (\d+)", text)]
    assert counted == list(range(1240))
    assert (lines[0], names[0]) == ("2020-01-01 00:00:00 before all", "notes")
    assert set(names[1:]) == {"service"}
    assert stages[:2] == ["start", "score"]


@pytest.fixture(scope="module")
def engine():
    """The engine, and a small image made from this machine's own shell."""
    if missing():
        pytest.skip(missing())
    import docker

    client = docker.from_env()
    programs = [Path(shutil.which(name)).resolve() for name in ("dash", "sleep")]
    libraries = {
        found for p in programs for found in re.findall(r"(/\S+) \(0x", subprocess.check_output(["ldd", p], text=True))
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for place, file in [
            ("bin/sh", programs[0]),
            ("bin/sleep", programs[1]),
            *((name[1:], Path(name)) for name in libraries),
        ]:
            tar.add(file.resolve(), arcname=place)
    image = client.images.get(
        client.api.import_image_from_data(data.getvalue(), repository="amlwidgets-test-shell").split('"')[-2]
    )
    yield client, image.id
    client.images.remove(image.id, force=True)
    client.close()


def until(condition):
    waiting = threading.Event()
    for _ in range(1500):
        if condition():
            return
        waiting.wait(0.02)
    pytest.fail("it did not come")


def follow(source, log):
    stop, said = threading.Event(), []
    thread = threading.Thread(target=lambda: said.append(source.run(log, stop)), daemon=True)
    thread.start()
    return stop, thread, said


def allow(container, number):
    """Let the container go on: it waits for a file."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(f"go{number}"))
    container.put_archive("/", data.getvalue())


SCRIPT = """
n=0
upto() { while [ $n -lt $1 ]; do echo "line $n"; n=$((n+1)); done; }
upto 6000; while [ ! -e /go1 ]; do sleep 0.02; done
upto 7000; echo "an error" >&2; while [ ! -e /go2 ]; do sleep 0.02; done
upto 8000; printf "no end of line"
"""


@pytest.mark.docker
def test_a_container_is_read_from_its_tail_and_followed_over_a_pause(engine):
    client, image = engine
    container = client.containers.run(image, ["/bin/sh", "-c", SCRIPT], detach=True)
    try:
        source, log = ContainerSource(container, tail=5000), LogBuffer("log")
        until(lambda: container.logs(tail=1).endswith(b"line 5999\n"))
        stop, thread, _ = follow(source, log)
        until(lambda: len(log) == 5000)
        assert log.window(0, 1) == ["line 1000"]
        stop.set()
        thread.join(30)
        allow(container, 1)
        until(lambda: b"an error" in container.logs(stdout=False))
        stop, thread, said = follow(source, log)
        until(lambda: len(log) == 6001)
        allow(container, 2)
        thread.join(30)
        assert said == ["The container has ended."]
        lines = log.window(0, 99_999)
        assert [line for line in lines if line.startswith("line")] == [f"line {n}" for n in range(1000, 8000)]
        assert sorted(line for line in lines if not line.startswith("line")) == ["an error", "no end of line"]
    finally:
        container.remove(force=True)


@pytest.mark.docker
def test_containers_are_merged_by_the_engines_own_times(engine):
    client, image = engine
    loop = "for n in 0 1 2 3 4 5 6 7 8 9; do echo {} $n; sleep 0.03; done"
    names = ("left", "right")
    with contextlib.ExitStack() as left_over:
        containers = {}
        for name in names:
            containers[name] = client.containers.run(image, ["/bin/sh", "-c", loop.format(name)], detach=True)
            left_over.callback(containers[name].remove, force=True)
        source = source_of(containers)
        log = LogBuffer("log")
        _, thread, said = follow(source, log)
        thread.join(60)
        assert "ended" in said[0]
        lines = log.window(0, 99)
        for name in names:
            assert [line for line in lines if line.startswith(name)] == [f"{name} {n}" for n in range(10)]
        times = [
            stamp for _, stamp in sorted((lines.index(line.split(" ", 1)[1]), line.split(" ", 1)[0])
            for c in containers.values() for line in c.logs(timestamps=True).decode().splitlines())
        ]  # fmt: skip
        assert times == sorted(times), "the order is that of the engine's own times, which the view does not show"
        assert [names[n] for n in log.origins_of(range(20))] == [line.split()[0] for line in lines]
