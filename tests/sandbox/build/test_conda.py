"""Conda's requirements carried over to pip."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from amlwidgets.sandbox.build.conda import CondaSpecError, Refusal, parse, table, to_pip


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy 1.26.4", "numpy==1.26.4"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy==1.26.*", "numpy==1.26.*"),
        ("numpy>=1.20,<2", "numpy>=1.20,<2"),
        ("numpy >=1.20, <2", "numpy>=1.20,<2"),
        ("numpy!=1.21", "numpy!=1.21"),
        ("numpy~=1.21", "numpy~=1.21"),
        ("numpy=*", "numpy"),
        ("numpy *", "numpy"),
        ("numpy=1.26=*", "numpy==1.26.*"),
        ("conda-forge::NumPy=1.26", "numpy==1.26.*"),
        ("pytorch=2.1", "torch==2.1.*"),
        ("py-xgboost", "xgboost"),
        ("pip=23", None),
    ],
)
def test_syntax(conda, pip):
    assert to_pip(parse(conda)) == pip


@pytest.mark.parametrize("text", ["numpy=1.26=py311h64a7726_0", "numpy 1.26 py311_0", "numpy=1.2|1.3", "numpy[build=x]",
                                  "numpy=latest", "=1.2", ""])  # fmt: skip
def test_what_pip_has_no_word_for_is_refused(text):
    with pytest.raises(CondaSpecError):
        parse(text)


def test_unknown_and_impossible_packages_are_told_apart():
    unknown, impossible = to_pip(parse("some-c-library=1")), to_pip(parse("cudatoolkit=10.1"))
    assert unknown == Refusal("some-c-library=1", "")
    assert isinstance(impossible, Refusal)
    assert "GPU" in impossible.why


def test_the_table_is_sound():
    data = table()
    same = data["same"]["names"]
    assert same == sorted(same)
    assert len(set(same)) == len(same)
    groups = [set(same), set(data["renamed"]), set(data["ignored"]), set(data["refused"])]
    assert sum(map(len, groups)) == len(set.union(*groups)), "a package is in two groups"
    assert all(entry["why"] for entry in data["renamed"].values())
    for name in [*same, *(entry["pip"] for entry in data["renamed"].values())]:
        assert Requirement(name).name == name
