"""Deployments on the sandbox, in this process."""

import pytest

SKLEARN_FREE = "dependencies:\n  - python=3.11\n  - pip:\n      - azureml-defaults>=1.0.45\n"
GOOD = (
    "import json\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return {'sum': sum(json.loads(data)['data'][0])}\n"
)


@pytest.fixture
def in_sandbox(sandbox_home, tmp_path, monkeypatch):
    """This process is in the sandbox's world, and works in a folder with a deployment that would succeed."""
    from amlwidgets.sandbox import client, world

    monkeypatch.chdir(tmp_path)
    sandbox = world.switch_on(client.start(sandbox_home))
    sandbox.workspace_config()
    (tmp_path / "score.py").write_text(GOOD)
    (tmp_path / "env.yml").write_text(SKLEARN_FREE)
    (tmp_path / "model.txt").write_text("42\n")
    yield sandbox
    world.switch_off()


@pytest.fixture
def deploy(in_sandbox, tmp_path):
    """Make a deployment of the working folder; keyword arguments are settings."""
    from amlwidgets.services.defaults import guess_spec
    from amlwidgets.services.deploy_run import DeployRun

    def make(**settings):
        values = {
            "model_path": "model.txt",
            "model_name": "answer",
            "service_name": "svc",
            "sample": '{"data": [[1, 2]]}',
        }
        return DeployRun(guess_spec(str(tmp_path), **values | settings))

    return make
