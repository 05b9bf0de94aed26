"""Which resources a template declares."""

from __future__ import annotations

import pytest

from amlwidgets.arm.evaluate import Evaluator
from amlwidgets.arm.expand import expand, parameter_values
from amlwidgets.arm.reader import TemplateError, read
from amlwidgets.arm.scope import Scope
from amlwidgets.arm.values import Unknown

VAULT = "Microsoft.KeyVault/vaults"


def resources(template, parameters=None, load=None):
    return expand(Evaluator(template, parameters or {}), None, load)


def named(expansion):
    return [(r.type, str(r.name), r.condition) for r in expansion.resources]


def test_children_get_the_names_of_their_parents():
    found = resources(
        {"resources": [{"type": VAULT, "name": "kv", "condition": False,
                        "resources": [{"type": "secrets", "name": "s"}]}]}
    )  # fmt: skip
    assert named(found) == [(VAULT, "kv", False), (f"{VAULT}/secrets", "kv/s", True)]
    assert found.resources[1].id.endswith("/vaults/kv/secrets/s")
    assert found.resources[1].pointer == "/resources/0/resources/0"


def test_copies():
    found = resources(
        {"resources": [{"type": VAULT, "name": "[concat('kv', copyIndex(1))]", "copy": {"name": "c", "count": 3}}]}
    )
    assert [r.name for r in found.resources] == ["kv1", "kv2", "kv3"]


def test_an_unknown_number_of_copies_is_said():
    template = {
        "parameters": {"n": {"type": "int"}},
        "resources": [{"type": VAULT, "name": "kv", "copy": {"name": "c", "count": "[parameters('n')]"}}],
    }
    found = resources(template)
    assert len(found.resources) == 1
    assert "parameter “n”" in found.unread[0][1]


def test_properties_with_copies():
    template = {
        "resources": [
            {
                "type": VAULT,
                "name": "kv",
                "properties": {"copy": [{"name": "accessPolicies", "count": 2, "input": {"objectId": "[copyIndex('accessPolicies')]"}}]},
            }
        ]
    }  # fmt: skip
    assert resources(template).resources[0].properties["accessPolicies"] == [{"objectId": 0}, {"objectId": 1}]


NESTED = {
    "parameters": {"who": {"type": "string", "defaultValue": "outer"}},
    "resources": [
        {
            "type": "Microsoft.Resources/deployments",
            "name": "inside",
            "resourceGroup": "other",
            "properties": {
                "mode": "Incremental",
                "parameters": {"who": {"value": "inner"}},
                "template": {
                    "parameters": {"who": {"type": "string"}},
                    "resources": [{"type": VAULT, "name": "[parameters('who')]"}],
                },
            },
        }
    ],
}


@pytest.mark.parametrize(("scope", "name"), [("inner", "inner"), ("outer", "outer"), (None, "outer")])
def test_nested_deployments_see_the_parameters_of_their_scope(scope, name):
    properties = NESTED["resources"][0]["properties"]
    options = {} if scope is None else {"expressionEvaluationOptions": {"scope": scope}}
    template = {**NESTED, "resources": [{**NESTED["resources"][0], "properties": {**properties, **options}}]}
    vault = resources(template).resources[1]
    assert vault.name == name
    assert "/resourceGroups/other/" in vault.id
    assert vault.path == ("inside",)
    assert vault.pointer == "/resources/0/properties/template/resources/0"


def test_linked_templates_are_read_where_they_lie():
    template = {
        "resources": [
            {
                "type": "Microsoft.Resources/deployments",
                "name": "link",
                "properties": {"templateLink": {"relativePath": "vault.json"}, "parameters": {"n": {"value": "kv"}}},
            }
        ]
    }
    inner = read(
        '{"parameters": {"n": {"type": "string"}}, "resources": [{"type": "'
        + VAULT
        + '", "name": "[parameters(\'n\')]"}]}'
    )
    found = resources(template, load=lambda path: (inner, path) if path == "vault.json" else None)
    assert named(found)[1] == (VAULT, "kv", True)
    assert found.resources[1].document is inner
    assert "not found here" in resources(template).unread[0][1]


def test_symbolic_names_and_existing_resources():
    template = {
        "languageVersion": "2.0",
        "resources": {
            "vault": {"existing": True, "type": VAULT, "name": "kv"},
            "site": {"type": "Microsoft.Web/sites", "name": "s", "properties": {"v": "[reference('vault').vaultUri]"},
                     "dependsOn": ["vault"]},
        },
    }  # fmt: skip
    vault, site = resources(template).resources
    assert (vault.existing, vault.symbol, site.depends_on) == (True, "vault", ["vault"])
    assert site.properties["v"].depends_on == "the state of kv"


def test_conditions_that_depend_on_a_parameter():
    template = {
        "parameters": {"option": {"type": "string"}},
        "resources": [{"type": VAULT, "name": "kv", "condition": "[equals(parameters('option'), 'new')]"}],
    }
    vault = resources(template).resources[0]
    assert isinstance(vault.condition, Unknown)
    assert vault.conditional
    assert resources(template, {"OPTION": "new"}).resources[0].condition is True


def test_deployments_within_deployments_are_bounded():
    template = {"resources": []}
    for _ in range(30):
        template = {
            "resources": [
                {"type": "Microsoft.Resources/deployments", "name": "d", "properties": {"template": template}}
            ]
        }
    with pytest.raises(TemplateError, match="nested more than 20"):
        resources(template)


def test_many_copies_within_copies_are_bounded():
    inner = {"type": VAULT, "name": "k", "copy": {"name": "b", "count": 800}}
    template = {"resources": [{"type": VAULT, "name": "k", "copy": {"name": "a", "count": 800}, "resources": [inner]}]}
    with pytest.raises(TemplateError, match="more than 5,000"):
        resources(template)


def test_parameter_files():
    content = {"parameters": {"a": {"value": 1}, "b": {"reference": {"keyVault": {"id": "x"}, "secretName": "s"}}}}
    values = parameter_values(content)
    assert values["a"] == 1
    assert isinstance(values["b"], Unknown)
    assert parameter_values({"a": 2}) == {"a": 2}
    with pytest.raises(TemplateError):
        parameter_values([])


def test_groups_and_deployments_into_them_have_their_own_identifiers():
    template = {
        "resources": [
            {"type": "Microsoft.Resources/resourceGroups", "name": "other"},
            {
                "type": "Microsoft.Resources/deployments",
                "name": "d",
                "resourceGroup": "other",
                "properties": {"template": {"resources": [{"type": "A.B/c", "name": "x"}]}},
            },
        ]
    }
    group, deployment, inside = expand(Evaluator(template, {}, Scope())).resources
    assert group.id.endswith("/resourceGroups/other")
    assert "/providers/" not in group.id
    assert deployment.id == f"{group.id}/providers/Microsoft.Resources/deployments/d"
    assert inside.id == f"{group.id}/providers/A.B/c/x"
