"""``amlwidgets arm`` as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from test_checks import ADD, VAULT, WORK, template

WIPING = template(VAULT % ("[]", "") + ",\n" + WORK)
SAFE = template(
    '{"type": "Microsoft.KeyVault/vaults", "apiVersion": "2026-02-01", "name": "[concat(\'kv\', uniqueString(resourceGroup().id))]",'
    '"properties": {"enableRbacAuthorization": true, "enablePurgeProtection": true, "tenantId": "[subscription().tenantId]"}}'
)


def arm(*arguments, text=None):
    program = [sys.executable, "-m", "amlwidgets.cli", "arm", *map(str, arguments)]
    return subprocess.run(program, input=text, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def wiping(tmp_path):
    path = tmp_path / "azuredeploy.json"
    path.write_text("// by hand\n" + WIPING)
    return path


def test_the_contract(wiping):
    done = arm(wiping, "--format", "json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert answer["schema"] == 1
    first = answer["checks"][0]
    assert set(first) == {"id", "severity", "pointer", "line", "message", "fix"}
    assert (first["id"], first["pointer"], first["line"]) == ("KV01", "/resources/0/properties/accessPolicies", 2)
    redeploy = answer["redeploy"]
    assert redeploy["wipes"] is True
    assert redeploy["after_run_1"] == ["the workspace's own identity"]
    assert (redeploy["before"], redeploy["after_run_2"]) == ([], [])


def test_text_names_who_loses_what(wiping, tmp_path):
    state = tmp_path / "vault.json"
    state.write_text(json.dumps({"properties": {"accessPolicies": [{"objectId": "alice"}]}}))
    done = arm(wiping, "--vault-state", state)
    assert "takes the access to the vault away from alice" in done.stdout
    assert "after run 2 nobody" in done.stdout
    assert "high   KV01  line 2" in done.stdout


def test_hygiene_alone_does_not_fail(tmp_path):
    path = tmp_path / "safe.json"
    path.write_text(SAFE)
    assert arm(path).returncode == 0
    assert arm(path, "--fail-on", "info").returncode == 0
    (tmp_path / "low.json").write_text(SAFE.replace('"enablePurgeProtection": true, ', ""))
    assert arm(tmp_path / "low.json").returncode == 0
    assert arm(tmp_path / "low.json", "--fail-on", "low").returncode == 1


def test_sarif_and_annotations(wiping):
    log = json.loads(arm(wiping, "--format", "sarif").stdout)
    result = log["runs"][0]["results"][0]
    assert (result["ruleId"], result["level"]) == ("KV01", "error")
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 2
    assert len(log["runs"][0]["tool"]["driver"]["rules"]) == 38
    assert arm(wiping, "--format", "github").stdout.startswith(f"::error file={wiping},line=2,title=KV01::")


def test_what_is_open_stands_in_every_form(tmp_path):
    path = tmp_path / "100%,open.json"
    path.write_text(WIPING.replace('"accessPolicies": []', '"accessPolicies": "[parameters(\'who\')]"'))
    document = json.loads(arm(path, "--format", "json").stdout)
    run = json.loads(arm(path, "--format", "sarif").stdout)["runs"][0]
    asked = {check for one in document["undecided"] for check in one["checks"]}
    told = {result["ruleId"]: result for result in run["results"] if result.get("kind") == "open"}
    notes = [line for line in arm(path, "--format", "github").stdout.splitlines() if "undecided" in line]
    assert {"KV01", "KV02"} <= asked == set(told)
    assert told["KV01"]["level"] == "none"  # SARIF wants this of every kind but "fail"
    assert "depends on" in told["KV01"]["message"]["text"]
    assert "KV01, KV02  line 1" in arm(path).stdout
    assert f"::notice file={tmp_path}/100%25%2Copen.json,line=1,title=KV01%2C KV02 undecided::" in notes[0]


def test_parameters_decide(tmp_path):
    path, values = tmp_path / "t.json", tmp_path / "p.json"
    condition = ", \"condition\": \"[equals(parameters('option'), 'new')]\""
    path.write_text(
        template(VAULT % ("[]", condition) + "," + WORK, '{"option": {"type": "string", "defaultValue": "new"}}')
    )
    assert json.loads(arm(path, "--format", "json").stdout)["redeploy"]["wipes"] is True
    values.write_text('{"parameters": {"option": {"value": "existing"}}}')
    answer = json.loads(arm(path, "--parameters", values, "--format", "json").stdout)
    assert answer["redeploy"]["wipes"] is False


def test_several_templates_and_standard_input(wiping):
    answer = json.loads(arm(wiping, wiping, "--format", "json").stdout)
    assert len(answer["templates"]) == 2
    assert arm("-", text=WIPING).returncode == 1


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("none.json", None, "cannot be read"),
        ("bad.json", "{", "line 1"),
        ("data.json", "[1, 2]", "no ARM template"),
        ("main.bicep", "param x string", "az bicep build"),
        ("deep.json", "[" * 5000, "levels deep"),
    ],
)
def test_what_cannot_be_used(tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    done = arm(tmp_path / name)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_secrets_of_parameters_are_not_shown(tmp_path):
    text = template(
        '{"type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2022-07-01", "name": "kv/s", "properties": '
        '{"value": "[parameters(\'key\')]"}}', '{"key": {"type": "secureString"}}',
    )  # fmt: skip
    (tmp_path / "t.json").write_text(text)
    (tmp_path / "p.json").write_text('{"key": "correct-horse-battery"}')
    for form in ("text", "json", "sarif"):
        done = arm(tmp_path / "t.json", "--parameters", tmp_path / "p.json", "--format", form)
        assert "correct-horse" not in done.stdout + done.stderr


def test_linked_templates_beside_it_are_read_and_others_are_not(tmp_path):
    link = (
        '{"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "d", '
        '"properties": {"mode": "Incremental", "templateLink": {"relativePath": "%s"}}}'
    )
    (tmp_path / "inner.json").write_text(WIPING)
    (tmp_path / "outer.json").write_text(template(link % "inner.json"))
    assert '"KV01"' in arm(tmp_path / "outer.json", "--format", "json").stdout
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "outer.json").write_text(template(link % "../inner.json"))
    assert '"KV01"' not in arm(folder / "outer.json", "--format", "json").stdout


def test_a_big_template(tmp_path):
    resources = ",\n".join(VAULT.replace('"kv"', f'"kv{n}"') % ("[\n\n\n\n]", "") for n in range(400))
    (tmp_path / "big.json").write_text(template(resources + "," + ADD))
    answer = json.loads(arm(tmp_path / "big.json", "--format", "json").stdout)
    assert sum(hit["id"] == "KV01" for hit in answer["checks"]) == 400


def test_a_fix_is_shown_and_written_beside_the_original(tmp_path):
    path = tmp_path / "azuredeploy.json"
    original = b"\xef\xbb\xbf" + ("// by hand\r\n" + WIPING.replace("\n", "\r\n")).encode()
    path.write_bytes(original)
    shown = arm(path, "--fix", "condition")
    assert shown.returncode == 0, shown.stderr
    assert "+" in shown.stdout
    assert "Nothing was written" in shown.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["azuredeploy.json"]
    answer = json.loads(arm(path, "--fix", "condition", "--write", "--format", "json").stdout)
    assert answer["remedy"] == "condition"
    assert "KV01" in answer["silenced"]
    written = tmp_path / "azuredeploy.condition.json"
    assert answer["written"] == str(written)
    assert path.read_bytes() == original
    assert written.read_bytes().startswith(b"\xef\xbb\xbf// by hand\r\n")
    assert arm(path, "--fix", "condition", "--write").returncode == 0
    assert "KV01" not in arm(written).stdout
    written.write_text("mine")
    refused = arm(path, "--fix", "condition", "--write")
    assert refused.returncode == 2
    assert "holds something else" in refused.stderr
    assert written.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fix", "magic"], "condition, take-out, carry-over, add-child, roles"),
        (["--write"], "needs --fix"),
    ],
)
def test_options_that_cannot_be_used(wiping, options, words):
    done = arm(wiping, *options)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_remedy_that_does_not_fit(tmp_path):
    (tmp_path / "safe.json").write_text(SAFE)
    done = arm(tmp_path / "safe.json", "--fix", "roles")
    assert done.returncode == 2
    assert "Nothing to correct" in done.stderr


def test_secrets_that_a_template_holds_are_not_shown_in_a_diff(tmp_path):
    value = json.loads(
        WIPING.replace(
            '"parameters": {}', '"parameters": {"p": {"type": "secureString", "defaultValue": "correct-horse"}}'
        )
    )
    (tmp_path / "t.json").write_text(json.dumps(value, indent=1))
    for form in ("text", "json"):
        done = arm(tmp_path / "t.json", "--fix", "condition", "--format", form)
        assert "masked: secret" in done.stdout
        assert "correct-horse" not in done.stdout + done.stderr
    assert arm(tmp_path / "t.json", "--fix", "condition", "--write").returncode == 0
    assert "correct-horse" in (tmp_path / "t.condition.json").read_text()
