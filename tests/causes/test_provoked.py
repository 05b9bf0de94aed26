"""Failures that were provoked with real software: what it printed is diagnosed, recorded and, where possible, live."""

import json
import re

import pytest
from provoke.base import RECIPES
from provoke.record import INDEX, RECORDED, provoked

from amlwidgets.causes import find_causes

ENOUGH = 45
KEPT = json.loads(INDEX.read_text("utf-8"))


def first(text):
    findings = find_causes([("text", text)])
    return findings[0].cause if findings else None


@pytest.mark.parametrize("name", sorted(KEPT))
def test_recorded(name):
    text = (RECORDED / f"{name}.txt").read_text("utf-8")
    assert first(text) == KEPT[name]["cause"]


def live(mark):
    return [pytest.param(r, id=r.name) for r in RECIPES.values() if r.mark == mark]


def check(recipe):
    missing = recipe.missing()
    if missing:
        pytest.skip(f"not here: {', '.join(missing)}")
    assert first(provoked(recipe)) == recipe.cause


@pytest.mark.sandbox
@pytest.mark.parametrize("recipe", live("sandbox"))
def test_live_server_and_clients(recipe):
    check(recipe)


@pytest.mark.network
@pytest.mark.parametrize("recipe", live("network"))
def test_live_builds(recipe):
    check(recipe)


@pytest.mark.browser
@pytest.mark.parametrize("recipe", live("browser"))
def test_live_browser(recipe):
    check(recipe)


@pytest.mark.docker
@pytest.mark.parametrize("recipe", live("docker"))
def test_live_docker(recipe):
    check(recipe)


def test_enough_causes_are_provoked():
    causes = {entry["cause"] for entry in KEPT.values()}
    assert len(causes) >= ENOUGH, sorted(causes)
    assert KEPT.keys() == RECIPES.keys(), "every recipe is recorded, and nothing else"
    assert {f"{name}.txt" for name in KEPT} == {p.name for p in RECORDED.glob("*.txt")}
    for name, entry in KEPT.items():
        assert entry["how"] == RECIPES[name].how
        assert entry["cause"] == RECIPES[name].cause


def test_recorded_texts_hold_nothing_of_the_machine():
    for path in RECORDED.glob("*.txt"):
        assert not re.search(
            r"index-url|pytest-of-|\.venv|site-packages/pip/_internal/.*Location", path.read_text("utf-8")
        )
