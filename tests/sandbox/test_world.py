"""Two worlds in one kernel: never both, and back without a trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sandbox_support as support

pytestmark = pytest.mark.sandbox

START = "from amlwidgets import sandbox\nfrom amlwidgets.sandbox import world\nbox = sandbox.connect(HOME)\n"


@pytest.fixture
def run(sandbox, tmp_path):
    def run_code(code, **variables):
        environment = support.clean_environment(HOME=str(tmp_path), **variables)
        return support.run_python(f"import os\nHOME = {str(sandbox.home)!r}\n{START}{code}", tmp_path, environment)

    return run_code


def test_on_and_off_leave_no_trace(run):
    found = run(
        """
before = dict(os.environ)
world.switch_on(box)
inside = [world.state(), "HOSTNAME" in os.environ, os.environ["HTTPS_PROXY"].endswith(f":{box.identity.port}")]
world.switch_on(box)
ws = box.workspace()
world.switch_off()
world.switch_off()
after = dict(os.environ)
world.switch_on(box)
again = box.workspace().name
result([inside, before == after, world.state(), ws.name, again, failure(world.switch_on, OTHER)])
""".replace("OTHER", "type(box)(box.home / 'x', 1, box.url, 'quick')"),
        HOSTNAME="myhost",
        HTTPS_PROXY="http://old.example.org:3128",
        no_proxy="x",
    )
    assert found[:5] == [["sandbox", False, True], True, "sandbox", "sandbox", "sandbox"]
    assert "other-sandbox" in found[5]


def test_off_takes_the_sandbox_out_of_the_sdks_cache_of_workspaces(run):
    found = run("""
cache = Path.home() / ".azureml" / ".discovery"
world.switch_on(box)
box.workspace().models
inside = json.loads(cache.read_text())
cache.write_text(json.dumps(inside | {"/subscriptions/real/w/1|u": {}}))
world.switch_off()
result([len(inside), json.loads(cache.read_text())])
""")
    assert found == [1, {"/subscriptions/real/w/1|u": {}}]


def test_on_with_a_broken_config_leaves_everything_as_it_was(run, sandbox):
    found = run(
        """
from amlwidgets.sandbox import notebook
config = Path(".azureml/config.json")
config.parent.mkdir()
config.write_text("{broken")
before = dict(os.environ)
text = failure(notebook.sandbox_command, ["on"])
after = [world.state(), before == dict(os.environ), config.read_text()]
config.unlink()
notebook.sandbox_command(["on"])
on = world.state()
config.write_text("{broken")
failure(notebook.sandbox_command, ["on"])
result([text, after, on, world.state()])
""",
        AMLWIDGETS_SANDBOX_HOME=str(sandbox.home),
    )
    assert "config-broken" in found[0]
    assert found[1:] == [["off", True, "{broken"], "sandbox", "sandbox"]


def test_a_kernel_with_a_real_workspace_is_refused(run):
    found = run("""
from azureml.core import Workspace
ws = Workspace.__new__(Workspace)
ws._workspace_name = "production"
before = dict(os.environ)
text = failure(world.switch_on, box)
unchanged = before == dict(os.environ)
del ws
world.switch_on(box)
result([text, unchanged, world.state()])
""")
    assert "production" in found[0]
    assert "two-worlds" in found[0]
    assert found[1:] == [True, "sandbox"]


def test_a_workspace_needs_the_switch(run):
    assert "sandbox-off" in run("result(failure(box.workspace))")


def test_a_process_that_began_inside_cannot_leave(run, sandbox, tmp_path):
    environment = support.client_environment(sandbox, tmp_path)
    found = support.run_python(
        "from amlwidgets.sandbox import world\nresult([world.state(), failure(world.switch_off)])",
        tmp_path,
        environment,
    )
    assert found[0] == "sandbox"
    assert "started-in-sandbox" in found[1]


def test_other_https_clients_keep_the_public_authorities(sandbox):
    import certifi

    bundle = support.clean_environment() | sandbox.environment()
    text = Path(bundle["REQUESTS_CA_BUNDLE"]).read_text()
    public = Path(certifi.where()).read_text().count("BEGIN CERTIFICATE")
    assert text.count("BEGIN CERTIFICATE") > public
    assert (sandbox.home / "ca.pem").read_text().splitlines()[1] in text


def test_importing_it_is_light():
    code = """
import sys
import amlwidgets.sandbox
import amlwidgets.sandbox.client
heavy = {"azureml", "cryptography", "requests", "ssl", "sqlite3", "numpy", "docker", "psutil"} & set(sys.modules)
print(sorted(heavy))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"
