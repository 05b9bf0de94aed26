"""What expressions are worth: with values, without them, and when they cannot be computed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.arm.evaluate import Evaluator
from amlwidgets.arm.expressions import is_expression, parse
from amlwidgets.arm.reader import TemplateError
from amlwidgets.arm.scope import Scope
from amlwidgets.arm.values import Unknown

SCOPE = Scope("sub", "grp", "westeurope", "ten")
TEMPLATE = {
    "parameters": {
        "name": {"type": "string"},
        "size": {"type": "int", "defaultValue": 3},
        "secret": {"type": "secureString", "defaultValue": "hidden"},
        "mode": {"type": "string", "defaultValue": "new"},
        "loop": {"type": "string", "defaultValue": "[parameters('loop')]"},
    },
    "variables": {
        "twice": "[mul(parameters('size'), 2)]",
        "copy": [{"name": "disks", "count": 2, "input": {"lun": "[copyIndex('disks')]"}}],
        "circle": "[variables('circle')]",
    },
    "functions": [
        {
            "namespace": "own",
            "members": {
                "tag": {
                    "parameters": [{"name": "what", "type": "string"}],
                    "output": {"type": "string", "value": "[concat('x-', parameters('what'))]"},
                }
            },
        }
    ],
}


def worth(expression, **parameters):
    return Evaluator(TEMPLATE, parameters, SCOPE, strict=True).evaluate(f"[{expression}]")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("concat('a', 'b', 1)", "ab1"),
        ("concat(createArray(1), createArray(2))", [1, 2]),
        ("format('{0}-{1}{{}}', 'a', 2)", "a-2{}"),
        ("variables('twice')", 6),
        ("VARIABLES('TWICE')", 6),
        ("variables('disks')[1].lun", 1),
        ("if(equals(parameters('mode'), 'new'), createArray(), fail())", []),
        ("and(true(), or(false(), not(false())))", True),
        ("coalesce(null(), 'a')", "a"),
        ("take('abcdef', 3)", "abc"),
        ("skip(createArray(1, 2, 3), 1)", [2, 3]),
        ("union(createObject('a', 1), createObject('b', 2)).b", 2),
        ("toLower(replace('A-B', '-', ''))", "ab"),
        ("empty('')", True),
        ("contains(createArray('a'), 'a')", True),
        ("length('abc')", 3),
        ("split('a,b;c', createArray(',', ';'))[2]", "c"),
        ("own.tag('y')", "x-y"),
        ("resourceGroup().location", "westeurope"),
        ("subscription().tenantId", "ten"),
        ("resourceId('Microsoft.KeyVault/vaults', 'kv')",
         "/subscriptions/sub/resourceGroups/grp/providers/Microsoft.KeyVault/vaults/kv"),
        ("resourceId('other', 'Microsoft.KeyVault/vaults/secrets', 'kv', 's')",
         "/subscriptions/sub/resourceGroups/other/providers/Microsoft.KeyVault/vaults/kv/secrets/s"),
        ("subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'r')",
         "/subscriptions/sub/providers/Microsoft.Authorization/roleDefinitions/r"),
        ("length(uniqueString(resourceGroup().id))", 13),
        ("equals(uniqueString('a'), uniqueString('a'))", True),
        ("map(createArray(1, 2), lambda('n', mul(lambdaVariables('n'), 10)))", [10, 20]),
        ("filter(createArray(1, 2), lambda('n', greater(lambdaVariables('n'), 1)))", [2]),
        ("tryGet(createObject('a', createArray(5)), 'a', 0)", 5),
        ("createObject('a', 1).?b", None),
        ("json('{\"a\": [1]}').a[0]", 1),
        ("'it''s'", "it's"),
        ("-1", -1),
    ],
)  # fmt: skip
def test_functions(expression, value):
    assert worth(expression) == value


def test_plain_text_and_two_brackets():
    evaluator = Evaluator(TEMPLATE)
    assert evaluator.evaluate("[[not an expression]") == "[not an expression]"
    assert evaluator.evaluate("plain") == "plain"
    assert not is_expression("[half")


def test_what_is_not_known_says_what_it_depends_on():
    evaluator = Evaluator(TEMPLATE, {}, SCOPE)
    name = evaluator.evaluate("[concat('kv-', toLower(parameters('name')))]")
    assert name == Unknown("parameter “name”", "kv-{name}", "string")
    choice = evaluator.evaluate("[if(equals(parameters('name'), 'a'), 1, 2)]")
    assert choice.depends_on == "parameter “name”"
    assert evaluator.evaluate("[if(equals(parameters('name'), 'a'), 1, 1)]") == 1
    assert evaluator.evaluate("[or(equals(parameters('name'), 'a'), true())]") is True
    assert "reference" not in str(evaluator.evaluate("[reference('x').properties.id]"))
    assert evaluator.evaluate("[utcNow()]").depends_on == "the moment of the deployment"
    assert isinstance(evaluator.evaluate("[listKeys('x', 'v').keys[0].value]"), Unknown)


def test_secure_parameters_stay_hidden():
    assert isinstance(Evaluator(TEMPLATE, {"secret": "given"}).evaluate("[parameters('secret')]"), Unknown)
    assert Evaluator(TEMPLATE, {"secret": "given"}, reveal=True).evaluate("[parameters('secret')]") == "given"


def test_the_state_of_resources_is_looked_up():
    seen = []

    def lookup(identifier, version, full):
        seen.append((identifier, version, full))
        return {"identity": {"principalId": "p"}}

    evaluator = Evaluator({}, {}, SCOPE, lookup=lookup)
    assert evaluator.evaluate("[reference('/id', '2023-04-01', 'full').identity.principalId]") == "p"
    assert seen == [("/id", "2023-04-01", True)]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("parameters('none')", "no parameter “none”"),
        ("variables('circle')", "refers to itself"),
        ("parameters('loop')", "refers to itself"),
        ("unheardOf(1)", "unheardof"),
        ("div(1, 0)", "division by zero"),
        ("createObject('a', 1).b", "no “b”"),
        ("add('a', 1)", "cannot be computed"),
        ("concat('a'", "missing|ends too early"),
        ("concat('a') 'b'", "not expected"),
        ("copyIndex()", "outside its loop"),
        ("range(0, 999999999)", "at most"),
        ("§", "cannot be read"),
    ],
)
def test_what_cannot_be_computed(expression, words):
    with pytest.raises(TemplateError, match=words):
        worth(expression)
    lenient = Evaluator(TEMPLATE, {}, SCOPE).evaluate(f"[{expression}]")
    assert isinstance(lenient, Unknown)


def test_depth_and_length_of_expressions_are_bounded():
    with pytest.raises(TemplateError, match="too deep"):
        parse("[" + "not(" * 2000 + "true()" + ")" * 2000 + "]")
    with pytest.raises(TemplateError, match="more than"):
        parse("[concat('" + "a" * 30_000 + "')]")


def test_a_big_copy_loop_is_refused():
    evaluator = Evaluator({"variables": {"copy": [{"name": "v", "count": 10**9, "input": 1}]}}, strict=True)
    begin = time.monotonic()
    with pytest.raises(TemplateError, match="0 to 800"):
        evaluator.evaluate("[variables('v')]")
    assert time.monotonic() - begin < 60  # it does not even try


@given(st.text(alphabet="[]()'., ?abc01parameters", max_size=60))
def test_no_text_breaks_the_evaluator(text):
    Evaluator(TEMPLATE, {}, SCOPE).evaluate(f"[{text}]")
