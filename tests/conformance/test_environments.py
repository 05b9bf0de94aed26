"""Environments: register, label, build in the cloud, curated ones."""

from __future__ import annotations

import re

import pytest
import sandbox_support as support

pytestmark = pytest.mark.sandbox


def test_versions_and_labels(run):
    found = run("""
from azureml.core import Environment
env = Environment("versions")
env.python.user_managed_dependencies = True
first = env.register(ws)
same = Environment.get(ws, "versions").register(ws)
env.environment_variables = {"A": "1"}
second = env.register(ws)
Environment.label(ws, "versions", "1", ["prod"])
Environment.label(ws, "versions", "2", ["prod", "test"])
result([first.version, same.version, second.version,
        Environment.get(ws, "versions").version, Environment.get(ws, "versions", label="prod").version,
        Environment.get(ws, "versions", version="1").environment_variables,
        "versions" in Environment.list(ws), "AzureML-Minimal" in Environment.list(ws),
        failure(Environment.get, ws, "nobody"), failure(Environment.get, ws, "versions", label="none")])
""")
    assert found[:5] == ["1", "1", "2", "2", "2"]
    assert "A" not in found[5]
    assert found[6:8] == [True, True]
    assert "Environment nobody does not exist" in found[8]
    assert "has the label none" in found[9]


def test_curated_environments_say_what_they_are(run):
    found = run("""
from azureml.core import Environment
import requests, os
env = Environment.get(ws, "AzureML-Minimal")
env.docker.base_image = "changed"
result([env.python.conda_dependencies.serialize_to_string(), failure(env.register, ws)])
""")
    assert "azureml-defaults" in found[0]
    assert "curated environment and cannot be changed" in found[1]
    from amlwidgets.sandbox.curated import CURATED

    assert all("sandbox" in environment["description"] for environment in CURATED.values())


@pytest.mark.network
def test_build_log_grows_and_ends(run, tmp_path):
    (tmp_path / "own.yml").write_text("dependencies:\n- python=3.11\n- pip:\n  - tabulate\n")
    found = run("""
from azureml.core import Environment
import requests
env = Environment.from_conda_specification("built", "own.yml")
build = env.build(ws)
live = {"x-amlwidgets-live": "1", **ws._auth_object.get_authentication_header()}
seen = []
while not seen or seen[-1][0] in ("Queued", "Running"):
    now = requests.get(build._location, headers=live).json()
    seen.append((now["status"], len(requests.get(now["logUrl"]).text) if now["logUrl"] else 0))
    time.sleep(0.01)
build.wait_for_completion(show_output=True)
details = Environment.get(ws, "built").get_image_details(ws)
again = env.build(ws)
again.wait_for_completion()
result([seen, build.status, build.get_log(), build.log_url, details.image_exist, details.image, again.status])
""")
    seen, status, log, url, exists, image, again = found
    lengths = [length for _, length in seen]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) >= 3, "the log can be read while it grows"
    assert (status, again) == ("Succeeded", "Succeeded")
    assert "tabulate" in log
    assert "Successfully tagged" in log
    assert "/build-logs/" in url
    assert exists is True
    assert re.match(r"127\.0\.0\.1:\d+/azureml/azureml_", image), (
        "a name that a Docker engine on this machine can ask for"
    )


@pytest.mark.network
def test_build_that_cannot_resolve_fails_with_the_real_message(run, tmp_path):
    (tmp_path / "broken.yml").write_text(support.CONDA.replace("azureml-defaults", "azureml-defaults==99.99.99"))
    found = run("""
from azureml.core import Environment
build = Environment.from_conda_specification("broken", "broken.yml").build(ws)
build.wait_for_completion()
result([build.status, build.get_log()])
""")
    assert found[0] == "Failed"
    assert "99.99.99" in found[1]
