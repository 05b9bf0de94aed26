import base64
import gzip
import json
import re
import shutil
import subprocess

import pytest

from amlwidgets.widgets.assets import _styled, packed, script, style

WIDGETS = {
    "wizard": ("finding_card", "log_view", "wizard"),
    "log_viewer": ("finding_card", "log_view", "log_viewer"),
    "findings_view": ("finding_card",),
}


@pytest.mark.parametrize("name", WIDGETS)
def test_script_and_style_fit_into_a_saved_notebook(name):
    # The page parses the first; a saved notebook holds the second.
    assert len(script(name).encode()) < 64_000
    assert len(packed(name, *WIDGETS[name]).encode()) < 32_000


@pytest.mark.parametrize("name", WIDGETS)
def test_the_packed_script_holds_the_plain_one(name):
    (data,) = re.findall(r'atob\("([^"]+)"\)', packed(name, *WIDGETS[name]))
    text = gzip.decompress(base64.b64decode(data)).decode()
    assert text.startswith(script(name))
    assert json.dumps(style(*WIDGETS[name])) in text


@pytest.mark.parametrize("name", WIDGETS)
def test_the_joined_script_is_a_module_that_loads_nothing(name, tmp_path):
    text = script(name) + _styled(name, style(*WIDGETS[name]))
    assert not re.search(r"^import |import\(|https?://|innerHTML|eval\(", text, re.MULTILINE)
    assert len(re.findall(r"^export ", text, re.MULTILINE)) == 1
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    file = tmp_path / f"{name}.mjs"
    file.write_text(text)
    subprocess.run([node, "--check", file], check=True)


def test_parts_are_joined_once():
    assert script("wizard").count("function findingCard(") == 1
    assert script("wizard").count("function h(") == 1
