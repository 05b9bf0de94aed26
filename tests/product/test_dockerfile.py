"""The Dockerfile, built by a real engine on the sandbox's base image instead of the public one, and its tour run without Docker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from docker_support import docker, needs_engine

from amlwidgets.sandbox.engine import base, building, settings
from amlwidgets.sandbox.engine.client import engine

ROOT = Path(__file__).resolve().parents[2]
BASE, IMAGE = "amlwidgets-test/base-of-the-tour", "amlwidgets-test/tour"
built_by_the_engine = [*needs_engine, pytest.mark.long, pytest.mark.timeout(900)]


def marked(test):
    for mark in built_by_the_engine:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The image of the tour; both images are removed at the end."""
    home = tmp_path_factory.mktemp("docker")
    said: list[str] = []
    variables, _left_out = settings.arguments()
    with engine(timeout=800) as client:
        steps = [f"FROM {base.ensure(client, home, said.append)}", *(f'ENV {k}="{v}"' for k, v in variables.items())]
        files: dict[str, bytes | Path] = {"Dockerfile": "\n".join(steps).encode()}
        assert building.build(client, files, BASE, said.append) == ""
        done = docker(
            "build", "--network", "host", "--tag", IMAGE, "--build-arg", f"BASE={BASE}", str(ROOT), seconds=800
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
        yield done.stdout
        for name in (IMAGE, BASE):
            client.images.remove(name)


@marked
def test_the_tour_ran_while_the_image_was_built(image):
    for words in ("Stopped at: start", "The same.", "Healthy"):
        assert words in image


@marked
def test_what_starts_is_jupyterlab_on_the_tour(image):
    script = "jupyter lab --show-config-json; amlwidgets sandbox status; id -un"
    done = docker("run", "--rm", "--network", "host", IMAGE, "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert '"default_url": "/lab/tree/notebooks/00_tour.ipynb"' in done.stdout
    assert "The sandbox runs" in done.stdout, "the entry point has started it"
    assert done.stdout.splitlines()[-1] == "tour", "not as root"
    assert json.loads(docker("inspect", IMAGE).stdout)[0]["Config"]["Cmd"][:2] == ["jupyter", "lab"]


def test_the_devcontainer_builds_the_same_file():
    folder = ROOT / ".devcontainer"
    described = json.loads((folder / "devcontainer.json").read_text())
    assert (folder / described["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (folder / described["build"]["context"]).resolve() == ROOT
    assert described["remoteUser"] in (ROOT / "Dockerfile").read_text()
