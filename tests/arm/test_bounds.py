"""Templates that would make themselves huge are given up early, by counts and sizes."""

from __future__ import annotations

import json

import pytest

from amlwidgets.arm.bounds import MOST, Budget
from amlwidgets.arm.evaluate import Evaluator
from amlwidgets.arm.reader import TemplateError, read
from amlwidgets.arm.values import Unknown
from amlwidgets.vault import check
from amlwidgets.vault.redeploy import simulate
from amlwidgets.vault.view import View


def doubling(first, function):
    later = {f"v{n}": f"[{function}(variables('v{n - 1}'),variables('v{n - 1}'))]" for n in range(1, 60)}
    return Evaluator({"variables": {"v0": first, **later}, "resources": []})


LOOPS = [{"name": "z", "count": 800, "input": "[copyIndex('z')]"}]
for name in ("y", "x"):
    LOOPS = [{"name": name, "count": 800, "input": {"copy": LOOPS}}]


@pytest.mark.parametrize(
    ("evaluator", "expression", "words"),
    [
        (doubling("ten letter", "concat"), "[variables('v59')]", "more than 200,000"),
        (doubling(["a", "b"], "createArray"), "[string(variables('v59'))]", "more than 200,000"),
        (Evaluator({"variables": {"copy": LOOPS}}), "[variables('x')]", "more than"),
        (Evaluator({}), "[padLeft('a', 2000000000)]", "padLeft"),
        (Evaluator({}), "[range(0, 1000000000)]", "range"),
        (Evaluator({}), "[join(range(0, 10000), padLeft('', 100))]", "join"),
        (Evaluator({"variables": {"a": "[variables('b')]", "b": "[variables('a')]"}}), "[variables('a')]", "itself"),
    ],
)
def test_a_value_is_given_up(evaluator, expression, words):
    found = evaluator.evaluate(expression)
    assert isinstance(found, Unknown)
    assert words in found.depends_on


def test_what_a_template_makes_is_paid_for_together():
    budget = Budget()
    for _ in range(MOST // 100_000):
        budget.spend(100_000)
    with pytest.raises(TemplateError, match="loops and expressions"):
        budget.spend(1)
    with pytest.raises(TemplateError, match="loops and expressions"):
        Evaluator({}, budget=budget).evaluate({"copy": [{"name": "x", "count": 2, "input": 1}]})


def test_a_template_of_five_megabytes_is_looked_at_once():
    one = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2023-01-01",
        "name": "x",
        "tags": {"a": "y" * 2000},
    }
    vault = {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2022-07-01",
        "name": "kv",
        "properties": {"accessPolicies": []},
    }
    text = json.dumps({"resources": [vault, *[one] * 2400]})
    assert len(text) > 5_000_000
    view = View(read(text))
    assert [hit.id for hit in check.run(view) if hit.severity == "high"] == ["KV01"]
    assert simulate(view).wipes
