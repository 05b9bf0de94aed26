"""One sandbox for all tests with the real client; every test has a folder of its own."""

from __future__ import annotations

import pytest
import sandbox_support as support


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    found = support.start_sandbox(tmp_path_factory.mktemp("conformance") / "home")
    yield found
    found.stop()


@pytest.fixture
def run(sandbox, tmp_path):
    (tmp_path / "myenv.yml").write_text(support.CONDA)
    (tmp_path / "score.py").write_text(support.GOOD_SCORE)
    (tmp_path / "m.txt").write_text("forty-two")

    def run_code(code: str, **options):
        return support.run_client(code, tmp_path, sandbox, **options)

    return run_code
