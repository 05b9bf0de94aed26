"""The lines in which stages begin."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.core.logstages import MOST, Stages
from amlwidgets.core.stages import Stage

DEPLOYMENT = """\
2026-11-21 10:00:00 welcome
Step 1/15 : FROM mcr.microsoft.com/azureml/base
Successfully built 0a1b2c
0/3 nodes are available: 3 Insufficient cpu.
Successfully assigned azureml/pod to node-1
[2026-11-21 10:00:09 +0000] [7] [INFO] Starting gunicorn 20.1.0
[2026-11-21 10:00:09 +0000] [12] [INFO] Booting worker with pid: 12
2026-11-21 10:00:10,001 I [12] azmlinfsrv - POST /score 200 0.695ms 4
2026-11-21 10:00:11,001 I [12] azmlinfsrv - POST /score 200 0.695ms 4
[2026-11-21 10:00:12 +0000] [13] [INFO] \x1b[32mBooting\x1b[0m worker with pid: 13
POST /score 200
"""
BEGINS = [
    (1, Stage.IMAGE),
    (3, Stage.SCHEDULE),
    (5, Stage.START),
    (7, Stage.SCORE),
    (9, Stage.START),
    (10, Stage.SCORE),
]


def test_a_deployment_goes_through_its_stages():
    log = LogBuffer("log")
    log.append(DEPLOYMENT)
    log.settle()
    assert log.stages.begins == BEGINS
    assert [log.stages.at(line) for line in (0, 1, 4, 8)] == [None, Stage.IMAGE, Stage.SCHEDULE, Stage.SCORE]


@given(st.lists(st.integers(1, 11), max_size=6))
def test_it_does_not_matter_in_what_pieces_lines_come(cuts):
    lines = DEPLOYMENT.encode().splitlines(keepends=True)
    stages = Stages()
    edges = [0, *sorted(set(cuts)), len(lines)]
    for start, end in pairwise(edges):
        stages.feed(b"".join(lines[start:end]))
    assert stages.begins == BEGINS


def test_a_service_that_restarts_for_days_fills_no_memory():
    stages = Stages()
    stages.feed(b"Booting worker\nPOST /score\n" * 10_000)
    assert len(stages.begins) == MOST
