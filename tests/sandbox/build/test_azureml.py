"""The environment of the guides, from the machine's real package index."""

from __future__ import annotations

import threading

import pytest

from amlwidgets.sandbox.build import UvBuilder

from .conftest import definition


@pytest.mark.network
def test_azureml_defaults_with_a_pinned_package_is_built_by_uv_alone(tmp_path):
    lines = []
    environment = definition(pip=("azureml-defaults>=1.0.45", "scikit-learn==1.5.2", "joblib"))
    result = UvBuilder(tmp_path).build(environment, lines.append, threading.Event())
    log = "".join(lines)
    assert result.ok, log
    assert "asking pip" not in log, "uv went back to releases of azureml that do not build"
    assert (result.prefix / "bin" / "azmlinfsrv").exists()
    assert "+ scikit-learn==1.5.2" in log
