"""The image of a service of the sandbox is built with its log told as it grows, and the build can be cancelled."""

import threading
import time

import pytest
from docker_support import docker, needs_engine
from test_exec import deployed

from amlwidgets.errors import ServiceFailed
from amlwidgets.services.local.opening import How, build_image

pytestmark = [pytest.mark.sandbox, *needs_engine]


def test_progress_and_cancel(run, sandbox, tmp_path):
    never = f"six!=0.0.{time.time_ns() % 10**9}"
    (tmp_path / "myenv.yml").write_text(
        f"name: x\ndependencies:\n- python=3.11\n- pip:\n  - azureml-inference-server-http\n  - {never}\n"
    )
    deployed(run, "built")
    failures = []

    def build():
        try:
            sandbox.image("built")
        except ServiceFailed as error:
            failures.append(error.message)

    work = threading.Thread(target=build)
    work.start()
    seen = ""
    while "Step " not in seen:
        assert work.is_alive(), failures
        seen += sandbox.image_log("built", len(seen))
        time.sleep(0.05)
    sandbox.image_log("built", cancel=True)
    work.join(60)
    assert not work.is_alive()
    assert "cannot be built" in failures[0]
    assert "sandboxregistry.azurecr.io/built" not in docker("images", "--format", "{{.Repository}}").stdout

    told = []
    made = build_image(sandbox, "built", How(lambda words, part=None: told.append((words, part))))
    steps = [part for words, part in told if words.startswith("Step ")]
    assert steps == sorted(steps) or steps.count(0.0) > 1, "each of several builds goes on"
    assert any(words.startswith("Base image amlwidgets/base:") and " MB" in words for words, _ in told)
    assert made["base"].startswith("Base image amlwidgets/base:")
    assert docker("image", "inspect", made["location"]).returncode == 0
    assert sandbox.image_log("built") == ""
