"""Fields that are computed from others, and the templates that use them."""

import pytest

from amlwidgets.causes import derive
from amlwidgets.causes.template import fill, fill_code, fill_first


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("sklearn", "scikit-learn"), ("sklearn.linear_model", "scikit-learn"), ("cv2", "opencv-python-headless"),
        ("azure.ai.ml.entities", "azure-ai-ml"), ("my_module", "my-module"), ("flask", "flask"),
    ],
)  # fmt: skip
def test_package(module, package):
    assert derive.package(module) == package


def test_closest_model():
    assert derive.closest("my-best-model", "diabetes:1") == "diabetes"
    assert derive.closest("my-best-model", "other:1, my_best_model:3") == "my_best_model"
    assert derive.closest("diabetes", "diabetes:1") == ""
    assert derive.closest("x", "aaa:1, bbb:2") == ""


def test_double():
    assert derive.double("0.5") == "1"
    assert derive.double("1.3") == "3"
    assert derive.double("much") == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [("idna=3.4", "idna==3.4"), ("a[x] = 1", "a[x]==1"), ("idna==3.4", ""), ("idna>=3", ""), ("!!", "")],
)
def test_corrected(given, expected):
    assert derive.corrected(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("scikit-lern", "scikit-learn"),
        ("sklearn", "scikit-learn"),
        ("pandsa", "pandas"),
        ("pandas", ""),
        ("mycompany", ""),
    ],
)
def test_known_package(given, expected):
    assert derive.known_package(given) == expected


def test_templates():
    assert fill("a {x} b", {"x": "1"}) == "a 1 b"
    assert fill("a {x} b", {}) is None
    assert fill("a {x|one} b", {}) == "a one b"
    assert fill_code('f"{x}" {y|z} {"a": 1}', {"y": "2"}) == 'f"{x}" 2 {"a": 1}'
    assert fill_first(("{x}", "{y}", "plain"), {"y": "2"}) == "2"
    assert fill_first(("{x}", "{y}"), {}) == "{y}"
