"""Which differences between container, conda file, notebook and pickle are named."""

import pytest

from amlwidgets.services.local.compare import differences, requirements_of

HERE = {"scikit-learn": "1.4.2", "numpy": "1.26.4", "pandas": "2.2.0", "joblib": "1.3.0", "flask": "3.0"}


def said(**options):
    return [(d.package, d.side, d.matters) for d in differences(HERE, **options)]


def test_the_pickle_comes_first():
    pickles = [{"path": "model.pkl", "modules": ["sklearn.linear_model", "numpy._core.multiarray"], "sklearn": "1.5.0"}]
    found = differences(HERE, pickles=pickles, notebook={"pandas": "2.1.0", "scikit-learn": "1.5.0", "pip": "1"})
    words = [d.words for d in found]
    assert "model.pkl was saved with scikit-learn 1.5.0; the container has 1.4.2." in words
    assert "model.pkl was saved with NumPy 2; the container has 1.26.4, which cannot read it." in words
    assert "scikit-learn: this notebook has 1.5.0, the container 1.4.2." in words
    assert words[-1] == "pandas: this notebook has 2.1.0, the container 2.2.0."
    assert [d.matters for d in found] == [True, True, True, False]


def test_a_package_that_only_the_pickle_needs():
    found = differences(HERE, pickles=[{"path": "m.pkl", "modules": ["xgboost.sklearn", "mine.own"], "sklearn": ""}])
    assert [d.words for d in found] == ["m.pkl needs xgboost, which the container does not have."]


def test_the_conda_file():
    lines = ["scikit-learn==1.5.0", "pandas>=2", "absent", "not a requirement!!", "tomli; python_version<'3'"]
    assert said(requirements=lines) == [("absent", "conda file", False), ("scikit-learn", "conda file", False)]


def test_nothing_differs():
    same = [{"path": "m", "modules": ["sklearn.svm"], "sklearn": "1.4.2"}]
    assert said(requirements=["numpy"], notebook=HERE, pickles=same) == []


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("numpy=1.26", ["numpy==1.26.*"]),
        ("numpy=1.26.4=py311h64a7726_0", ["numpy==1.26.4.*"]),
        ("numpy>=1.2", ["numpy>=1.2"]),
        ("python=3.11", []),
        ("pip", []),
    ],
)
def test_conda_versions(entry, wanted):
    assert requirements_of(f"dependencies:\n  - {entry}\n") == wanted


def test_pip_section_and_bad_files():
    assert requirements_of("dependencies:\n- pip:\n  - a==1\n  - b\n") == ["a==1", "b"]
    assert requirements_of("") == []
    assert requirements_of("- a\n") == []
    with pytest.raises(ValueError, match=r"."):
        requirements_of("a: [")
