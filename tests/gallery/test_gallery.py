"""Every failure of the gallery, provoked through the real client, is diagnosed as the cause that it names."""

from __future__ import annotations

import subprocess
import sys

import pytest

from amlwidgets import diagnose
from amlwidgets.causes import loader
from amlwidgets.sandbox import client, gallery
from amlwidgets.sandbox.gallery import runner


def marks(item):
    found = [pytest.mark.sandbox, pytest.mark.network, pytest.mark.timeout(400)]
    return [*found, pytest.mark.docker] if "docker" in item.needs else found


def parameters():
    return [pytest.param(item, id=item.name, marks=marks(item)) for item in gallery.items().values()]


@pytest.fixture
def sandbox(sandbox_home):
    return client.start(sandbox_home)


@pytest.mark.parametrize("item", parameters())
def test_the_first_finding_is_the_cause_that_the_item_names(item, sandbox, tmp_path):
    if lacks := runner.missing(item):
        pytest.skip(lacks)
    lines = []
    done = runner.run(item, sandbox, tmp_path / "item", lines.append)
    assert done.failed, "\n".join(lines)
    report = diagnose(done.sources)
    assert report.findings, "\n".join(lines)[-3000:]
    assert report.top.cause in (item.cause, *item.also), (report.top.title, "\n".join(lines)[-3000:])
    assert sandbox.status()["services"] == []


def test_the_gallery_is_whole():
    known = gallery.items()
    assert len(known) >= 25
    causes = {cause.slug for cause in loader.catalogue().causes}
    for item in known.values():
        assert {item.cause, *item.also} <= causes, item.name
        assert item.title
        assert item.story.endswith(".")
        compile(item.script, item.name, "exec")
    # What the guides describe, each by at least one item.
    guides = {
        "pip-package-not-found", "key-vault-policy-wiped", "insufficient-gpu", "insufficient-cpu-memory", "model-path-not-found",
        "init-exception", "run-exception", "worker-out-of-memory", "bad-gateway-502", "autoscale-503", "scoring-timeout",
    }  # fmt: skip
    assert guides <= {item.cause for item in known.values()}


def command(*arguments):
    program = [sys.executable, "-m", "amlwidgets.cli", "sandbox", "gallery", *arguments]
    return subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)


def test_the_list_and_the_code_of_one_item():
    listed = command()
    assert listed.returncode == 0
    assert "no-gpu" in listed.stdout
    shown = command("no-gpu", "--show")
    assert "gpu_cores=1" in shown.stdout


def test_bad_names_and_folders(tmp_path):
    wrong = command("no-such-failure")
    assert wrong.returncode == 2
    assert "no-gpu" in wrong.stderr
    (tmp_path / "mine.txt").write_text("precious")
    full = command("no-gpu", "--folder", str(tmp_path))
    assert full.returncode == 2
    assert "not empty" in full.stderr
