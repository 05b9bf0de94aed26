"""A sandbox for the tests that ask it over the network."""

from __future__ import annotations

import pytest
import sandbox_support as support


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    found = support.start_sandbox(tmp_path_factory.mktemp("sandbox") / "home")
    yield found
    found.stop()


@pytest.fixture
def token(sandbox):
    from amlwidgets.sandbox.tokens import issue

    return issue(sandbox.identity, "https://management.core.windows.net/")
