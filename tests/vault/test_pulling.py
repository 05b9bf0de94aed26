"""A registry without admin user beside a workspace with an identity of its own: may it pull?"""

from __future__ import annotations

import json

import pytest

from amlwidgets.arm.reader import read
from amlwidgets.vault.check import run
from amlwidgets.vault.undecided import undecided
from amlwidgets.vault.view import View

REGISTRY = "[resourceId('Microsoft.ContainerRegistry/registries', 'r1')]"
PULL = "[resourceId('Microsoft.Authorization/roleDefinitions', '7f951dda-4ed3-4680-a7ca-43fe172d538d')]"
READER = "[resourceId('Microsoft.Authorization/roleDefinitions', 'acdd72a7-3385-48ef-bd42-f606fba81ae7')]"


def asked(kind, *roles):
    resources = [
        {
            "type": "Microsoft.ContainerRegistry/registries",
            "apiVersion": "2023-07-01",
            "name": "r1",
            "properties": {"adminUserEnabled": False},
        },
        {
            "type": "Microsoft.MachineLearningServices/workspaces",
            "apiVersion": "2023-04-01",
            "name": "w",
            "identity": {"type": kind},
            "properties": {"containerRegistry": REGISTRY},
        },
        *roles,
    ]
    view = View(read(json.dumps({"contentVersion": "1.0.0.0", "resources": resources}, indent=1)))
    fired = {hit.id for hit in run(view)}
    return "AML04" in fired, [one for one in undecided(view) if one.checks == ["AML04"]]


def role(definition, **where):
    given = {"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "name": "[guid('x')]"}
    return given | where | {"properties": {"roleDefinitionId": definition, "principalId": "p"}}


def test_no_role_in_the_template_is_an_open_question():
    fired, questions = asked("UserAssigned")
    assert not fired
    assert "AcrPull" in questions[0].message
    assert questions[0].line == 9


@pytest.mark.parametrize(
    "given",
    [
        role(PULL, scope=REGISTRY),
        role(PULL),
        role("[parameters('role')]"),
        role(PULL, type="Microsoft.ContainerRegistry/registries/providers/roleAssignments", name="r1/x/y"),
    ],
)
def test_a_role_that_may_pull_answers_it(given):
    assert asked("UserAssigned", given) == (False, [])


def test_another_role_or_another_registry_does_not():
    assert asked("UserAssigned", role(READER, scope=REGISTRY))[1]
    other = "[resourceId('Microsoft.ContainerRegistry/registries', 'other')]"
    assert asked("UserAssigned", role(PULL, scope=other))[1]


def test_without_an_identity_of_its_own_the_check_fires():
    assert asked("SystemAssigned") == (True, [])
