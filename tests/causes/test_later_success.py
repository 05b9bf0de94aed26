"""What went well after all is no alarm, and what a big text holds elsewhere counts as in a small one."""

import pytest

from amlwidgets.causes import find_causes
from amlwidgets.causes.collect import WHOLE_BELOW

FAILED = "  ERROR: Failed building wheel for antlr4-python3-runtime\n"
INSTALLED = "Successfully installed antlr4-python3-runtime-4.9.3\n"
FAR = "2026-11-21 04:15:46 all is well\n" * (WHOLE_BELOW // 20)
KILLED = "Killed\n"
BUILDS = "Step 4/7 : RUN pip install torch\n"


def first(text):
    findings = find_causes([("t", text)])
    return findings[0].cause if findings else None


def test_success_counts_only_when_it_comes_later():
    assert first(FAILED + INSTALLED) is None
    assert first(INSTALLED + FAILED) == "build-tool-missing"


@pytest.mark.parametrize("far", ["", FAR], ids=["small", "big"])
@pytest.mark.parametrize(
    ("elsewhere", "cause"), [(BUILDS, "image-build-out-of-memory"), ("Step 4/7\n", None)], ids=["build", "no-build"]
)
def test_what_stands_far_away_in_a_big_text_counts(elsewhere, cause, far):
    assert first(elsewhere + far + KILLED) == cause
    assert first(KILLED + far + elsewhere) == cause


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_words_are_looked_up_across_the_seams_of_chunks(size):
    class Chunks:
        """A file that can be read again."""

        def __init__(self, data):
            self.data = data

        def __iter__(self):
            tail = self.data[WHOLE_BELOW + 9 :]
            return iter([self.data[: WHOLE_BELOW + 9], *(tail[i : i + size] for i in range(0, len(tail), size))])

    text = KILLED + FAR[: WHOLE_BELOW + 100] + BUILDS
    assert find_causes([("t", Chunks(text.encode()))])[0].cause == "image-build-out-of-memory"
