"""The checklist widget without a workspace: what it sends, what it writes, what it never shows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vault"))
from holdout import WIPING, Writer
from planted import MARK, PARAMETERS, TEMPLATE

from amlwidgets import VaultChecklist
from amlwidgets.errors import BadInput


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AMLWIDGETS_SANDBOX", raising=False)
    file = tmp_path / "azuredeploy.json"
    file.write_bytes(Writer(None, newline="\r\n", bom=True).text(WIPING["empty"]).encode())
    return file


def shown(*arguments, **named):
    checklist = VaultChecklist(*arguments, **named)
    checklist._first.join(30)
    return checklist


def test_without_a_workspace_it_says_so(path):
    checklist = shown(path)
    assert {step["state"] for step in checklist.steps if step["id"] != "template"} == {"unknown"}
    assert checklist.step("template").state == "needs you"
    assert checklist.todo.id == "template"
    assert not checklist.all_done
    text = checklist.to_text()
    assert "[?] The workspace has a key vault: unknown, because no workspace is at hand" in text
    assert "Remedies: condition, take-out, carry-over, add-child, roles" in text
    assert checklist.problem == {}


def test_a_remedy_is_shown_then_written(path):
    checklist = shown(path)
    before = path.read_bytes()
    assert "error" not in checklist.comm.ask("propose", remedy="condition")
    assert "keyVaultOption" in checklist.proposal["diff"]
    assert list(path.parent.glob("*.json")) == [path]
    checklist.comm.ask("write")
    assert checklist.proposal["written"] == "azuredeploy.condition.json"
    assert path.read_bytes() == before
    written = path.with_name("azuredeploy.condition.json")
    assert written.read_bytes().startswith(b"\xef\xbb\xbf{\r\n")
    checklist.comm.ask("propose", remedy="roles")
    checklist.comm.ask("discard")
    assert checklist.proposal == {}
    assert "error" in checklist.comm.ask("write")


def test_a_remedy_that_does_not_fit_is_shown_with_its_reason(path):
    template = json.loads(json.dumps(WIPING["empty"]))
    template["resources"][0]["copy"] = {"name": "c", "count": 1}
    path.write_text(json.dumps(template))
    ways = {one["id"]: one["unfit"] for one in shown(path).template["remedies"]}
    assert "loop" in ways["take-out"]
    assert ways["condition"] == ""


def test_nothing_is_granted_without_a_workspace(path):
    checklist = shown(path)
    answer = checklist.comm.ask("grant", confirmed=True)
    assert answer["error"]["code"] == "nothing-to-grant"


def test_content_instead_of_a_file_cannot_be_corrected(path):
    checklist = shown(WIPING["empty"])
    assert checklist.template["wipes"] is True
    assert checklist.template["remedies"] == []
    with pytest.raises(BadInput, match="Only a template file"):
        checklist.fix("condition")


@pytest.mark.parametrize(("name", "text", "words"), [("a.json", "{", "line 1"), ("b.json", None, "cannot be read")])
def test_what_cannot_be_read(path, name, text, words):
    if text:
        Path(name).write_text(text)
    with pytest.raises(BadInput, match=words):
        VaultChecklist(name)


def test_a_saved_notebook_keeps_little(path):
    template = json.loads(json.dumps(WIPING["empty"]))
    template["resources"] += [{**template["resources"][0], "name": f"kv{n}"} for n in range(200)]
    path.write_text(json.dumps(template, indent=1))
    checklist = shown(path)
    assert checklist.template["more"] > 0
    assert "More than 20 vaults" in checklist.template["remedies"][0]["unfit"]
    assert len(json.dumps(checklist.get_state(), default=str)) < 50_000


def test_no_planted_secret_is_in_the_state_that_a_notebook_stores(path):
    path.write_text(json.dumps(TEMPLATE, indent=2))
    checklist = shown(path, parameters=PARAMETERS)
    sent = []
    checklist.observe(lambda change: sent.append(repr(change["new"])), names=["head", "steps", "template", "proposal"])
    for remedy in ("condition", "take-out", "carry-over", "add-child", "roles"):
        checklist.comm.ask("propose", remedy=remedy)
        assert checklist.proposal["diff"]
    checklist.comm.ask("refresh")
    assert any("KV01" in text for text in (json.dumps(checklist.template), *sent))
    bundle = checklist._repr_mimebundle_()
    for text in (*sent, repr(checklist.get_state()), checklist.to_text(), repr(bundle)):
        assert MARK not in text
