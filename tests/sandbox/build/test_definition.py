"""Environment definitions, as the client sends them."""

from __future__ import annotations

import pytest

from amlwidgets.sandbox.build.definition import content_key, read

from .conftest import definition


def test_a_definition_of_the_real_client(tmp_path):
    environment_class = pytest.importorskip("azureml.core.environment").Environment
    conda = tmp_path / "conda.yml"
    conda.write_text(
        "name: n\nchannels: [conda-forge]\n"
        "dependencies:\n- python=3.11\n- numpy=1.26\n- pip\n- pip:\n  - scikit-learn==1.5\n  - azureml-defaults\n"
    )
    sent = environment_class._serialize_to_dict(environment_class.from_conda_specification("x", str(conda)))
    result = read(sent)
    assert result.python == "==3.11.*"
    assert result.requirements == ("azureml-defaults", "numpy==1.26.*", "scikit-learn==1.5")
    assert result.mapped == (("numpy=1.26", "numpy==1.26.*"),)
    assert not result.problems
    assert not result.refused
    assert "/azureml/" in result.base_image


def test_name_and_version_do_not_count():
    one, other = definition(pip=("apple",)), definition(pip=("apple",))
    other |= {"name": "other", "version": "7"}
    other["python"]["condaDependencies"]["name"] = "other"
    assert content_key(one) == content_key(other)


@pytest.mark.parametrize(
    "changed",
    [
        definition(pip=("apple==1",)),
        definition("numpy", pip=("apple",)),
        definition(pip=("apple",), python="python=3.10"),
        definition(pip=("apple",), environmentVariables={}),
        definition(pip=("apple",), docker={"baseImage": "other"}),
        definition(pip=("apple",), inferencingStackVersion="latest"),
    ],
)
def test_content_counts(changed):
    assert content_key(definition(pip=("apple",))) != content_key(changed)


def test_context_counts():
    assert content_key(definition(), "3.11.2") != content_key(definition(), "3.11.3")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"python": {"userManagedDependencies": True}}, "user-managed"),
        ({"python": {"condaDependencies": "text"}}, "not a mapping"),
        ({"python": {"condaDependencies": {"dependencies": "numpy"}}}, "must be a list"),
        ({"python": {"condaDependencies": {"dependencies": [7]}}}, "neither a package"),
        ({"python": {"condaDependencies": {"dependencies": [{"npm": ["x"]}]}}}, "only pip"),
        ({"python": {"condaDependencies": {"dependencies": [{"pip": "x"}]}}}, "must be a list"),
        ({"docker": {"baseDockerfile": "FROM a\n# no\nRUN apt-get \\\n install x\nENV A=1"}}, "RUN apt-get"),
        ({"docker": {"buildContext": {"location": "x"}}}, "build context"),
    ],
)
def test_what_cannot_be_done_is_said(environment, words):
    (problem,) = read(environment).problems
    assert words in problem


def test_nothing_at_all_is_an_empty_environment():
    assert read({}).requirements == ()
