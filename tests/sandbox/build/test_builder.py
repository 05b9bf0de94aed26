"""Real builds with real uv and real pip; the packages come from a folder."""

from __future__ import annotations

import re
import subprocess
import threading
import time

import pytest

from amlwidgets.sandbox.build import UvBuilder

from .conftest import MINOR, definition


def build(builder, environment, **more):
    lines = []
    result = builder.build(environment, lines.append, more.pop("cancelled", threading.Event()), **more)
    return result, "".join(lines)


def last(log):
    return log.rstrip().splitlines()[-1]


def test_success_is_a_working_environment(builder):
    result, log = build(builder, definition(pip=("pie",)), files=["score.py"])
    assert result.ok, log
    assert not result.reused
    version = [result.prefix / "bin" / "python", "-c", "import apple, sys; print(apple.version, sys.version_info[1])"]
    assert subprocess.check_output(version, text=True).split() == ["1.0", MINOR.split(".")[1]]
    assert "+ apple==1.0" in log
    assert "Step 1/8 : FROM mcr.example/base:1" in log
    assert "ADD score.py /var/azureml-app/score.py" in log
    image = builder.image(result.key)
    assert image["packages"] == 2
    assert image["size"] > 0
    assert image["digest"] in last(log)
    assert "FROM mcr.example/base:1" in builder.dockerfile(result.key)
    assert (builder.store.folder(result.key) / "freeze.txt").read_text() == "apple==1.0\npie==1.0\n"


def test_equal_content_is_built_once(builder):
    first, _ = build(builder, definition(pip=("apple",)))
    other_name = definition(pip=("apple",)) | {"name": "another", "version": "3"}
    second, log = build(builder, other_name)
    assert second.reused
    assert second.prefix == first.prefix
    assert "Using cache" in log
    assert "\nsandbox: Dockerfile written, " in "\n" + log
    assert "\nsandbox: push: the image is in the sandbox's registry store already\n" in log
    found = builder.find(first.key)
    assert found is not None
    assert found.prefix == first.prefix


def test_what_was_built_is_found_by_another_builder(builder, offline):
    result, _ = build(builder, definition(pip=("apple",)))
    assert UvBuilder(builder.store.root, environment=offline).find(result.key) is not None


def test_an_environment_without_packages(builder):
    result, _ = build(builder, definition())
    assert result.ok


@pytest.mark.parametrize(
    ("pip", "messages"),
    [
        (("nosuchthing==3",), ["No solution found", "ERROR: Could not find a version that satisfies the requirement",
                               "ERROR: No matching distribution found for nosuchthing==3"]),
        (("apple==7",), ["(from versions: 1.0, 2.0)", "ERROR: No matching distribution found for apple==7"]),
        (("pie", "apple==2.0"), ["The conflict is caused by:", "ResolutionImpossible"]),
        (("apple 2.0 and more",), ["ERROR: Invalid requirement: 'apple 2.0 and more'"]),
        (("-r missing.txt",), ["Could not open requirements file"]),
    ],
)  # fmt: skip
def test_pips_own_message_is_in_the_log(builder, pip, messages):
    result, log = build(builder, definition(pip=pip))
    assert not result.ok
    for message in messages:
        assert message in log
    assert last(log) == f"sandbox: {result.error}"
    assert re.match(r"The command '(python -m )?pip .*install --no-input", result.error)
    assert "/bin/sh" not in log, "no shell was asked"
    assert str(builder.store.root) not in last(log)
    assert result.error.endswith("returned a non-zero code: 1")
    assert builder.find(result.key) is None


def test_a_failed_build_is_tried_again(builder, wheels, offline):
    from .conftest import write_wheel

    environment = definition(pip=("late",))
    assert not build(builder, environment)[0].ok
    write_wheel(wheels, "late", "1.0")
    assert build(builder, environment)[0].ok


def test_unknown_conda_packages(builder):
    result, log = build(builder, definition("some-c-library=1.2", "cudatoolkit=10.1"))
    assert not result.ok
    refused = "cannot be mapped onto a pip package here; "
    assert f"\nsandbox: the conda package some-c-library=1.2 {refused}if pip has it, put it under pip, by" in log
    assert f"\nsandbox: the conda package cudatoolkit=10.1 {refused}the process runtime has no GPU\n" in log
    assert all(line.startswith("sandbox: ") for line in log.splitlines()), "no conda spoke here"
    assert last(log) == f"sandbox: {result.error}"


def test_a_missing_interpreter_names_those_present(builder):
    result, log = build(builder, definition(python="python=3.99"))
    assert not result.ok
    assert "sandbox: python=3.99 is not on this machine, and no Python is downloaded" in log
    assert all(line.startswith("sandbox: ") for line in log.splitlines()), "no conda spoke here"
    assert MINOR in log.partition("Present: ")[2]


def test_a_step_names_the_commands_that_are_run(builder, monkeypatch):
    from amlwidgets.sandbox.build.build import Build

    ran, call = [], Build._call

    def recorded(self, command, **more):
        ran.append(self._shown(command))
        return call(self, command, **more)

    monkeypatch.setattr(Build, "_call", recorded)
    result, log = build(builder, definition(pip=("apple",)))
    assert result.ok

    def words(text):
        kept = [word for word in text.split() if word != "--no-index"]
        if "--find-links" in kept:
            at = kept.index("--find-links")
            del kept[at : at + 2]
        return [word for word in kept if not word.startswith("/") and word[0] not in "0123456789"]

    steps = [line.partition("RUN ")[2] for line in log.splitlines() if " : RUN " in line]
    named = [words(part) for step in steps for part in step.split(" && ")]
    commands = [words(command) for command in ran]
    assert len(named) == 3
    assert all(step in commands for step in named), (named, commands)


def test_conda_versions_reach_pip(builder):
    result, log = build(builder, definition("numpy=1.26"))
    assert not result.ok
    assert "conda package numpy=1.26 is taken from pip as numpy==1.26.*" in log
    assert "No matching distribution found for numpy==1.26.*" in log


def test_problems_of_the_definition_end_in_the_log(builder):
    result, log = build(builder, {"python": {"userManagedDependencies": True}})
    assert not result.ok
    assert "user-managed dependencies live in the base image" in log


def test_a_full_disk_is_a_failure_with_a_reason(builder, monkeypatch):
    def full(key):
        raise OSError(28, "No space left on device", key)

    monkeypatch.setattr(builder.store, "fresh", full)
    result, log = build(builder, definition(pip=("apple",)))
    assert not result.ok
    assert "No space left on device" in log


def test_lines_appear_while_the_build_runs(builder, gate):
    seen, environment = [], definition(pip=("slow",))
    thread = threading.Thread(target=builder.build, args=(environment, seen.append, threading.Event()))
    thread.start()
    wait_for((gate / "builds").exists)
    assert any("RUN uv pip compile" in text for text in seen)
    assert thread.is_alive()
    (gate / "open").touch()
    thread.join(30)
    assert "digest: sha256:" in seen[-1]


def test_cancelling_ends_the_whole_tree(builder, gate):
    import psutil

    cancelled, results = threading.Event(), []
    work = threading.Thread(
        target=lambda: results.append(build(builder, definition(pip=("slow",)), cancelled=cancelled))
    )
    work.start()
    wait_for((gate / "builds").exists)
    process = psutil.Process(int((gate / "builds").read_text()))
    cancelled.set()
    work.join(5)
    ((result, log),) = results
    assert not result.ok
    assert last(log) == "sandbox: the build was cancelled"
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    (gate / "open").touch()
    assert build(builder, definition(pip=("slow",)))[0].ok


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(0.01)
