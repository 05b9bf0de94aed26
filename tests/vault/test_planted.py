"""No secret of a template, its parameters or a vault's answer is printed, in any form."""

from __future__ import annotations

import json

import pytest
from planted import MARK, PARAMETERS, TEMPLATE
from test_command import arm


@pytest.fixture
def files(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps(TEMPLATE, indent=2))
    (tmp_path / "p.json").write_text(json.dumps({"parameters": {k: {"value": v} for k, v in PARAMETERS.items()}}))
    state = {"properties": {"accessPolicies": [{"objectId": "alice"}]}, "tags": {"key": f"{MARK}-tag"}}
    (tmp_path / "v.json").write_text(json.dumps(state))
    return [tmp_path / "t.json", "--parameters", tmp_path / "p.json", "--vault-state", tmp_path / "v.json"]


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_checks(files, form):
    done = arm(*files, "--format", form)
    assert done.returncode == 1
    assert "KV01" in done.stdout
    assert MARK not in done.stdout + done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("remedy", ["condition", "take-out", "carry-over", "add-child"])
def test_remedies(files, remedy, form):
    done = arm(*files, "--fix", remedy, "--format", form)
    assert done.returncode == 0, done.stderr
    assert "parameters" in done.stdout
    assert MARK not in done.stdout + done.stderr


def test_a_file_that_is_damaged_within_a_secret(files):
    files[2].write_text(f'{{"pw": {{"value": "{MARK}')
    done = arm(*files)
    assert done.returncode == 2
    assert MARK not in done.stdout + done.stderr


def test_what_depends_on_something_is_said(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps(TEMPLATE, indent=2))
    text = arm(tmp_path / "t.json").stdout
    assert "Whether the vault is deployed depends on the secure parameter “decides”." in text
    assert "Not looked into: the linked template" in text
    answer = json.loads(arm(tmp_path / "t.json", "--format", "json").stdout)
    assert {check for one in answer["undecided"] for check in one["checks"]} == {"KV04", "all"}
