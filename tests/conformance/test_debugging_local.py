"""A local web service of azureml-core is looked into, edited and reloaded, and stays the user's own."""

import json

import pytest
import sandbox_support as support
from docker_support import needs_engine

pytestmark = [pytest.mark.sandbox, *needs_engine]

LOCAL = """
import os
from pathlib import Path
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import LocalWebservice
from amlwidgets.services.local.opening import open_target
from amlwidgets.services.local.probes import ask
from amlwidgets.services.local.session import LocalSession
model = Model.register(ws, model_path="m.txt", model_name="m")
env = Environment.from_conda_specification("env", "myenv.yml")
config = InferenceConfig(entry_script="score.py", environment=env)
name = "local" + str(os.getpid())
service = Model.deploy(ws, name, [model], config, LocalWebservice.deploy_configuration())
service.wait_for_deployment()
target = open_target(service)
session = LocalSession(target)
before = session.send("[1]")
where = ask(target.inside, "where").data["app_root"]
session.save(Path("score.py").read_text().replace('"echo"', '"again"'))
state = session.reload()
after = session.send("[1]")
session.undo()
restored = Path("score.py").read_text()
target.close()
alive = target.state().status
service.delete()
result([target.kind, before.answer, where, state.ready, after.answer, restored, target.note, alive])
"""


def test_a_local_web_service_is_edited_and_reloaded_by_the_sdk(docker_sandbox, tmp_path):
    (tmp_path / "myenv.yml").write_text(support.CONDA)
    (tmp_path / "score.py").write_text(support.GOOD_SCORE)
    (tmp_path / "m.txt").write_text("forty-two")
    kind, before, where, ready, after, restored, note, alive = support.run_client(LOCAL, tmp_path, docker_sandbox)
    assert (kind, where, ready) == ("local service", "/var/azureml-app", True)
    assert json.loads(before)["echo"] == json.loads(after)["again"] == [1]
    assert restored == support.GOOD_SCORE
    assert "not for production" in note
    assert alive == "running", "the service is the user's own: the session leaves it"
